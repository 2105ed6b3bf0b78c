"""Several run directories read as one: the same data, judged the same way; rows, attacks and seeds of all of them.

What decides how a student is judged must agree. What decides how it was made may differ from run to run, but not
within a row, whose seeds would no longer be of one kind. A number that two runs hold must be the same in both, but for
measured timings, of which the first run's stand. Leaves out the union of attacks that no single run has under one roof.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from bench.config import CONTROLS
from bench.measuring.robustness import UNION, WORST_CASE
from bench.results import Outcome, Predictions, Record
from bench.storage import originals
from bench.storage.store import Cell, Store
from bench.types import UsageError
from bench.variants import parse

Row = tuple[str, str]
"""Teacher and method."""
JUDGED_BY = ("task", "substitutes", "compile_command", "as_released")
LIMITS = ("test_limit", "attack_limit", "query_budget")
"""Of the preset: how much was judged, the rest of it is how students were made."""
TIMED = ("ms", "J")
"""Units of what no second measurement reproduces."""


class Runs:
    """One run, or several as one."""

    def __init__(self, stores: Sequence[Store]) -> None:
        """Check that the runs belong together; `UsageError` where they do not."""
        self.stores = tuple(stores)
        for store in self.stores[1:]:
            _comparable(self.stores[0], store)
        for one, other in combinations(self.stores, 2):
            _same_making(one, other)
        experiments = [store.manifest.experiment for store in self.stores]
        lists = {name: _union(e[name] for e in experiments) for name in ("methods", "attacks", "teachers", "seeds")}
        controls = _union(e.get("controls", CONTROLS) for e in experiments)
        self.experiment: dict[str, Any] = {**experiments[0], **lists, "controls": controls}
        self.facts: dict[str, Any] = _facts([store.manifest.facts for store in self.stores])

    @property
    def rows(self) -> list[Row]:
        """Every teacher with every method of its run: teachers as asked for, under each the controls first."""
        wanted = {row for store in self.stores for row in _rows(store)}
        methods = _union([self.experiment["controls"], self.experiment["methods"]])
        return [(t, m) for t in self.experiment["teachers"] for m in methods if (t, m) in wanted]

    def index(self) -> dict[tuple[str, str, str, str], dict[int, Record]]:
        """Return all records by teacher, method, attack and metric, then by seed.

        Raises:
            UsageError: two runs hold different values of the same number.
        """
        found: dict[tuple[str, str, str, str], dict[int, Record]] = {}
        for store in self.stores:
            for record in store.all_records():
                if record.attack == WORST_CASE and record.source != UNION.join(self.experiment["attacks"]):
                    continue  # of fewer attacks than are reported: not finished
                seeds = found.setdefault((record.teacher, record.method, record.attack, record.metric), {})
                _agree(seeds.setdefault(record.seed, record), record, store.root)
        return found

    def outcomes(self, cell: Cell) -> list[Outcome]:
        """Return the attacked samples of a cell, from the first run that has it."""
        return next((store.outcomes(cell) for store in self.stores if store.has(cell)), [])

    def predictions(self, cell: Cell) -> Predictions | None:
        """Return how a student judged the clean samples, from the first run that knows; None where none does."""
        return next((found for store in self.stores if (found := store.predictions(cell)) is not None), None)

    def originals(self) -> dict[str, str]:
        """Return the attacked programs as they were, by sample id, as far as any run holds them."""
        return {name: code for store in self.stores for name, code in originals.read(store.root).items()}


def read(spec: str) -> tuple[str, dict[str, str]]:
    """Parse a method; a run of somebody else may hold any text as one, which is then itself and no variant."""
    try:
        return parse(spec)
    except UsageError:
        return spec, {}


def _rows(store: Store) -> Iterator[Row]:
    asked = store.manifest.experiment
    for teacher in asked["teachers"]:
        yield from ((str(teacher), str(method)) for method in (*asked.get("controls", CONTROLS), *asked["methods"]))


def _comparable(first: Store, other: Store) -> None:
    """Check that numbers of two runs may stand in one column."""
    one, two = first.manifest.experiment, other.manifest.experiment
    facts, others = first.manifest.facts, other.manifest.facts
    pairs = [
        ("data sha256", facts.get("sha256"), others.get("sha256")),
        *((name, one.get(name), two.get(name)) for name in JUDGED_BY),
        *((f"preset.{name}", one["preset"].get(name), two["preset"].get(name)) for name in LIMITS),
        ("substitutes sha256", facts.get("substitutes_sha256"), others.get("substitutes_sha256")),
    ]
    for name, left, right in pairs:
        if left != right:
            raise UsageError(
                f"expected runs on the same data, judged the same way, got {name} = {left} in {first.root} and "
                f"{right} in {other.root}: report them separately"
            )


def _same_making(one: Store, other: Store) -> None:
    """Check that two runs that share a row made its students the same way."""
    shared = set(_rows(one)) & set(_rows(other))
    made = [{**s.manifest.experiment["preset"], "model": s.manifest.facts.get("model_sha256")} for s in (one, other)]
    differing = [name for name in made[0] if made[0][name] != made[1].get(name) and name != "name"]
    if shared and differing:
        raise UsageError(
            f"expected rows of {one.root} and {other.root} to be made the same way, got different {differing[0]} for "
            f"{min(shared)[1]} of {min(shared)[0]}: report the runs separately"
        )


def _agree(known: Record, new: Record, root: Path) -> None:
    same = replace(new, commit=known.commit, device=known.device)
    if repr(known) != repr(same) and known.unit not in TIMED:  # repr: NaN agrees with NaN
        where = ", ".join(filter(None, (known.teacher, known.method, f"seed {known.seed}", known.attack)))
        raise UsageError(
            f"expected runs that agree where they overlap, got {known.metric} = {known.value} and {new.value} (in "
            f"{root}) for {where}: report them separately, or give --compare"
        )


def _facts(facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Join what the runs say about themselves: all teachers and budgets; synthetic if any is."""
    joined = dict(facts[0])
    for name in ("teachers", "budgets"):
        joined[name] = {key: value for one in facts for key, value in _mapping(one.get(name)).items()}
    joined["checks"] = " / ".join(dict.fromkeys(str(one.get("checks") or "") for one in facts))
    joined["synthetic"] = any(bool(one.get("synthetic")) for one in facts)
    return joined


def _mapping(value: Any) -> dict[str, Any]:
    """Return a mapping; of anything else, which a manifest of somebody else may hold, an empty one."""
    return value if isinstance(value, dict) else {}


def _union(lists: Any) -> list[Any]:
    return list(dict.fromkeys(item for one in lists for item in one))
