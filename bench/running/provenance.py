"""Where a run's numbers come from: data, teachers, code. Printed with its tables."""

from __future__ import annotations

from attacks.checks import checks, in_words
from bench.config import Experiment
from bench.registry import attack, teacher
from bench.running.given import fingerprint
from bench.running.listing import origins
from bench.storage.checkout import commit
from bench.types import Splits


def facts(experiment: Experiment, splits: Splits) -> dict[str, object]:
    """What a reader of the tables must know about data, teachers and code."""
    parts = {"labelled": splits.labelled, "valid": splits.valid, "test": splits.test}
    return {
        "source": splits.source,
        "sha256": splits.sha256,
        "synthetic": splits.synthetic,
        "commit": commit(),
        "counts": {**{name: len(part) for name, part in parts.items()}, "unlabelled": len(splits.unlabelled)},
        "vulnerable": {name: sum(sample.label for sample in part) for name, part in parts.items()},
        "packages": origins(experiment),
        "teachers": {name: _summary(experiment, name) for name in experiment.teachers},
        "checks": in_words(checks(experiment.compile_command)),
        "model_sha256": fingerprint(experiment.model.source) if experiment.model else "",
        "substitutes_sha256": _substitutes(experiment.substitutes),
        "budgets": {name: found for name in experiment.attacks if (found := attack(name).budget) is not None},
    }


def _substitutes(spec: str) -> str:
    kind, _, where = spec.rpartition(":")
    return fingerprint(where) if kind or where.endswith(".jsonl") else ""


def _summary(experiment: Experiment, name: str) -> str:
    return teacher(name).summary if experiment.model is None else "a finished model, attacked as it is"
