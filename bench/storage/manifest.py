"""What makes two calls of `bench run` the same run: read, compare and grow the manifest.

Settings that change what a number means must agree with the directory's first run; lists of methods, attacks, teachers
and seeds only add cells, so they grow. A manifest that cannot be read is never repaired: it would be a guess.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, Protocol

from bench.storage.schema import SCHEMA, Manifest, as_json, load_manifest
from bench.types import UsageError

NAME = "manifest.json"
GROWING = ("methods", "attacks", "teachers", "seeds")
FIXED = (
    "task",
    "preset",
    "device",
    "threads",
    "as_released",
    "objective",
    "controls",
    "substitutes",
    "compile_command",
    "model",
)
HASHES = ("sha256", "model_sha256", "substitutes_sha256")
"""Facts that pin the data, a given model and given substitutes."""
Asked = tuple[Mapping[str, Any], Mapping[str, Any]]
"""An experiment and its facts, as JSON."""
PACKAGES = (
    "numpy",
    "scikit-learn",
    "scipy",
    "textattack",
    "tokenizers",
    "torch",
    "transformers",
    "tree-sitter",
    "tree-sitter-c",
)
"""Packages whose version can move a number."""


class Request(Protocol):
    """Any frozen dataclass of settings: `bench.config.Experiment`, which lives beside this module, not below it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


def begin(request: Request, facts: Mapping[str, object]) -> Manifest:
    """Return the manifest of a first session."""
    plain = as_json(facts)
    return Manifest(SCHEMA, as_json(asdict(request)), plain, [_session(plain)])


def agree(old: Manifest, new: Manifest, directory: Path) -> Manifest:
    """Return the manifest of both sessions together, or raise `UsageError` naming the setting that differs."""
    for name, was, now in differences((old.experiment, old.facts), (new.experiment, new.facts)):
        raise UsageError(f"{directory} holds a run with {name} = {was}, got {now}: give another --output")
    lists = {name: _union(old.experiment.get(name), new.experiment[name]) for name in GROWING}
    sessions = old.sessions + [session for session in new.sessions if session not in old.sessions]
    return replace(
        old,
        experiment={**old.experiment, **lists},
        facts=_grown(old.facts, new.facts),
        sessions=sessions,
    )


def differences(old: Asked, new: Asked) -> Iterator[tuple[str, object, object]]:
    """Yield the name and both values of each setting that makes numbers incomparable: experiment, then hashes."""
    for name in FIXED:
        if name != "threads" or name in old[0]:  # a run from before threads were counted can go on
            yield from _differences(name, old[0].get(name), new[0].get(name))
    for name in HASHES:
        label = "data sha256" if name == "sha256" else name.replace("_", " ")
        yield from _differences(label, old[1].get(name), new[1].get(name))


def read_manifest(directory: Path) -> Manifest:
    """Read the manifest of a run directory; `UsageError` where it is missing, foreign or of another schema."""
    path = directory / NAME
    if not path.is_file():
        raise UsageError(f"expected a run directory with {NAME}, got {directory}: give the --output of a `bench run`")
    try:
        return load_manifest(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"cannot use {path} ({reason}): give another directory, nothing was changed") from error


def _differences(name: str, old: object, new: object) -> Iterator[tuple[str, object, object]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _differences(f"{name}.{key}", old.get(key), new.get(key))
    elif old != new:
        yield name, old, new


def _union(old: object, new: list[Any]) -> list[Any]:
    return list(dict.fromkeys([*(old if isinstance(old, list) else []), *new]))


def _grown(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Keep what the first session knew; add what only a later one knows, also one level down (teachers)."""
    grown = {**new, **old}
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            grown[key] = {**value, **old[key]}
    return grown


def _session(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "commit": str(facts.get("commit", "")),
        "python": platform.python_version(),
        "versions": {package: found for package in PACKAGES if (found := _version(package))},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
