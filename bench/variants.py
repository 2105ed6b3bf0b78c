"""Methods by name and settings: `moekd`, `moekd[experts=2,router=uniform]`, `kd[size_mb=1.5]`.

One way of naming serves every ablation: a setting is a field of the method's own record, or one of `BUDGET_KEYS`, by
which a method is given another budget than the rest of the run. The canonical spec has its settings in alphabetical
order and leaves out those that only say what holds anyway, so that equal requests are one row and one cell.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from bench.types import Budget, Method, Objective, Shape, UsageError

Setting: TypeAlias = int | float | bool | str

BUDGET_KEYS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "size_mb": (float, ("size_mb",)),
    "temperature": (float, ("recipe", "temperature")),
    "epochs": (int, ("recipe", "epochs")),
    "learning_rate": (float, ("recipe", "learning_rate")),
    "objective": (Objective, ("objective",)),
    "student": (Shape, ("student",)),
}
"""What methods take besides their own fields: its type, and where it stands in the budget; distillation only."""
FORM = "name or name[setting=value,...]"
_SPEC = re.compile(r"([^\[\]=]+?)\s*(?:\[([^\[\]]*)\])?")


@dataclass(frozen=True)
class Variant:
    """A method as it was asked for."""

    spec: str
    """Canonical: stands in cells, records and tables."""
    method: Method
    budget: Budget
    """The run's, with this variant's own settings put in."""


def split(text: str) -> list[str]:
    """Split a list at the commas outside brackets; empty entries are dropped."""
    parts = re.findall(r"(?:\[[^\]]*\]?|[^,\[])+", text)
    return [part.strip() for part in parts if part.strip()]


def parse(spec: str) -> tuple[str, dict[str, str]]:
    """Return the name and the settings as they were written.

    Raises:
        UsageError: not of the form, or a setting given twice.
    """
    found = _SPEC.fullmatch(spec.strip())
    if found is None:
        raise UsageError(f"expected a method as {FORM}, got {spec!r}: mend its brackets")
    name, inside = found[1], found[2]
    settings: dict[str, str] = {}
    for pair in [] if inside is None else inside.split(","):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not (key and equals and value) or key in settings:
            raise UsageError(f"expected different settings as key=value in {spec!r}, got {pair.strip()!r}: mend it")
        settings[key] = value
    return name, settings


def write(name: str, settings: Mapping[str, Setting]) -> str:
    """Return the spec of a name with settings, in alphabetical order; what `parse` and `resolve` read back."""
    inside = ",".join(f"{key}={_text(value)}" for key, value in sorted(settings.items()))
    return f"{name}[{inside}]" if inside else name


def base(spec: str) -> str:
    """Return the method's name without its settings."""
    return spec.partition("[")[0]


def resolve(spec: str, method: Method, budget: Budget, ignored: Iterable[str] = ()) -> Variant:
    """Put the settings of a spec into a method and a budget.

    Args:
        spec: see `FORM`.
        method: with its defaults; its fields of type int, float, bool and Literal are settings.
        budget: of the run.
        ignored: keys of the budget that this method does not follow, so that setting them would mean nothing.

    Raises:
        UsageError: an unknown setting, or a value that the setting cannot have.
    """
    name, written = parse(spec)
    own = _own(method)
    known = {**{key: kind for key, (kind, _) in BUDGET_KEYS.items() if key not in ignored}, **own}
    if unknown := [key for key in written if key not in known]:
        offered = f"one of {', '.join(known)}" if known else "none, because it has none"
        raise UsageError(f"unknown setting {unknown[0]!r} of {name}: expected {offered}")
    values = {key: _read(text, known[key], f"{name}[{key}]") for key, text in written.items()}
    if wrong := [key for key, value in values.items() if key not in own and not _positive(value)]:
        raise UsageError(f"expected {name}[{wrong[0]}] above 0, got {written[wrong[0]]}")
    for_method = {key: value for key, value in values.items() if key in own}
    made: Any = replace(method, **for_method) if for_method else method  # type: ignore[type-var]
    changed = {key: value for key, value in for_method.items() if value != getattr(method, key)}
    for key in [key for key in values if key not in own]:
        _, place = BUDGET_KEYS[key]
        if values[key] != _at(budget, place):
            changed[key] = values[key]
            budget = _put(budget, place, values[key])
    return Variant(write(name, changed), made, budget)


def _own(method: Method) -> dict[str, Any]:
    """Return the type of each field that can be written as text; a method that is no record has none."""
    if not is_dataclass(method):
        return {}
    hints = get_type_hints(type(method))
    kinds = {one.name: hints[one.name] for one in fields(method)}
    return {name: kind for name, kind in kinds.items() if kind in (int, float, bool) or get_origin(kind) is Literal}


def _read(text: str, kind: Any, where: str) -> Setting:
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise UsageError(f"expected {where} to be one of {', '.join(get_args(kind))}, got {text!r}")
        return text
    if kind is bool:
        if text not in ("true", "false"):
            raise UsageError(f"expected {where} to be true or false, got {text!r}")
        return text == "true"
    try:
        number: int | float = kind(text)
    except ValueError as error:
        raise UsageError(f"expected {where} to be {_NUMBERS[kind]}, got {text!r}") from error
    if not math.isfinite(number):
        raise UsageError(f"expected {where} to be {_NUMBERS[kind]}, got {text!r}")
    return number


_NUMBERS = {int: "a whole number", float: "a number"}


def _text(value: Setting) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")


def _positive(value: Setting) -> bool:
    return isinstance(value, str) or value > 0


def _at(record: Any, path: tuple[str, ...]) -> Setting:
    for name in path:
        record = getattr(record, name)
    found: Setting = record
    return found


def _put(record: Any, path: tuple[str, ...], value: Setting) -> Any:
    first, *rest = path
    inner = _put(getattr(record, first), tuple(rest), value) if rest else value
    return replace(record, **{first: inner})
