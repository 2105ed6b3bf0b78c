"""The registry as `list` and manifests show it: every name, what it is, and which package it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from attacks.catalogue import Listed
from bench import installed
from bench.config import Experiment
from bench.methods import Entry
from bench.registry import BUILT_IN, unmistakable
from bench.types import UsageError
from bench.variants import base


@dataclass(frozen=True)
class Shown:
    """One name as `list` shows it."""

    name: str
    origin: str
    """Either "built in", or the distribution that adds it, with its version."""
    about: str
    """What it is and whom it follows, or why it cannot be used."""


def shown(kind: str) -> Iterator[Shown]:
    """Yield every name of a kind; a package that is broken says so and hides nothing else."""
    for name, entry in BUILT_IN[kind].items():
        yield Shown(name, "built in", _about(entry))
    for one in installed.additions(kind):
        try:
            unmistakable(kind, one.name)
            about = _about(one.load(Listed) if kind == "attacks" else one.load(Entry))
        except UsageError as error:
            about = f"broken: {error}"
        yield Shown(one.name, one.origin, about)


def _about(entry: Entry[Any] | Listed) -> str:
    return f"{entry.summary} ({entry.source})" if entry.source else entry.summary


def origins(experiment: Experiment) -> dict[str, str]:
    """Return the packages that add something to an experiment, by the kind and name of what they add."""
    asked = {
        "methods": [base(spec) for spec in experiment.all_methods],
        "attacks": experiment.attacks,
        "tasks": (experiment.task,),
        "teachers": experiment.teachers,
    }
    added = {(one.kind, one.name): one.origin for kind in asked for one in installed.additions(kind)}
    wanted = [(kind, name) for kind, names in asked.items() for name in names]
    return {f"{kind}/{name}": added[kind, name] for kind, name in wanted if (kind, name) in added}
