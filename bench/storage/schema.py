"""Records, outcomes and manifests as JSON: written without NaN, validated by pydantic when read.

JSON has no NaN, so a number that is not defined is `null` in a file and NaN in a `Record`. Every reader validates:
a run directory may come from somebody else. No pickle anywhere.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

from bench.results import Outcome, Predictions, Record

SCHEMA = 1
"""Version of everything that is stored; raised when a field changes its meaning or goes away."""

T = TypeVar("T", Record, Outcome, Predictions)


@dataclass(frozen=True)
class AskedSizes:
    """What every reader relies on of a preset."""

    name: str
    size_mb: float
    query_budget: int


@dataclass(frozen=True)
class Asked:
    """What every reader of a manifest's experiment relies on; the rest of it is kept as it is."""

    methods: list[str]
    attacks: list[str]
    teachers: list[str]
    seeds: list[int]
    task: str
    preset: AskedSizes
    controls: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Manifest:
    """What a run directory says about itself, as manifest.json."""

    schema: int
    """See SCHEMA."""
    experiment: dict[str, Any]
    """The Experiment as JSON; its lists are the union over all sessions."""
    facts: dict[str, Any]
    """About the task and the machine: source, sha256, counts, synthetic, commit, device, teachers."""
    sessions: list[dict[str, Any]]
    """Each different combination of commit, Python and package versions that took part, in order."""


def dump(item: Record | Outcome | Predictions) -> dict[str, Any]:
    """Return the fields as JSON values, numbers that are not finite as None."""
    return {key: None if _undefined(value) else value for key, value in asdict(item).items()}


def load(kind: type[T], raw: object) -> T:
    """Validate what `dump` made; ValueError where it is anything else."""
    names = {one.name for one in fields(kind)}
    if not isinstance(raw, dict) or not raw.keys() <= names:
        raise ValueError(f"expected the fields of {kind.__name__}, got {str(raw)[:80]}")
    if kind is Record and raw.get("value", 0.0) is None:
        raw = {**raw, "value": math.nan}
    return cast(T, _adapters()[kind].validate_python(raw))


def load_manifest(text: str) -> Manifest:
    """Validate a manifest; ValueError where it is anything else."""
    raw = json.loads(text)
    if not isinstance(raw, dict) or not isinstance(raw.get("schema"), int):
        raise ValueError("no schema version")
    if raw["schema"] != SCHEMA:
        raise ValueError(f"schema {raw['schema']}, this program reads schema {SCHEMA}")
    manifest = TypeAdapter(Manifest).validate_python(raw)
    TypeAdapter(Asked).validate_json(json.dumps(manifest.experiment), strict=True)
    return manifest


def canonical(content: object) -> str:
    """Return one fixed JSON text; a Python float survives it exactly."""
    return json.dumps(content, allow_nan=False)


def digest(rows: object) -> str:
    """Return the SHA-256 of that text."""
    return hashlib.sha256(canonical(rows).encode()).hexdigest()


def sealed(cell: Mapping[str, object], kind: str, rows: object) -> dict[str, object]:
    """Return what a file about one cell holds: the rows under their kind, with their checksum."""
    return {"schema": SCHEMA, "cell": cell, "sha256": digest(rows), kind: rows}


def as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings as plain JSON values (tuples become lists)."""
    plain: dict[str, Any] = json.loads(json.dumps(settings, allow_nan=False, default=str))
    return plain


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of everything in a run directory, as `bench schema` prints it."""
    shapes = {kind.__name__: TypeAdapter(kind).json_schema() for kind in (Manifest, Record, Outcome, Predictions)}
    shapes["Record"]["properties"]["value"] = {
        "anyOf": [{"type": "number"}, {"type": "null"}],
        "description": "null: not defined, for example an attack success rate where nothing could be attacked",
        "title": "Value",
    }
    shapes["Manifest"]["properties"]["schema"]["const"] = SCHEMA
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "version": SCHEMA, "$defs": shapes}


@cache
def _adapters() -> dict[type, TypeAdapter[Any]]:
    return {kind: TypeAdapter(kind) for kind in (Record, Outcome, Predictions)}


def _undefined(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
