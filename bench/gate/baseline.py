"""A run reduced to what a regression gate compares: one letter for each sample, student and attack. A file for git.

Holds nothing that is timed and no program, so that a run on the same machine gives the same bytes but for its commit.
A file is compact JSON with a checksum, one line for each student and attack. A run that is compared with a baseline is
reduced in the same way, so that the gate (`bench.gate.check`) sees two of a kind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.config import Experiment, restore
from bench.results import Verdict
from bench.storage.manifest import HASHES
from bench.storage.schema import as_json, canonical
from bench.storage.store import Cell, Store
from bench.types import UsageError

SCHEMA = 1
"""Version of the file; raised when a letter or a field changes its meaning."""
RIGHT, WRONG, ABSENT = "+", "-", "."
"""Letters of clean samples, and of those that are not attacked."""
LETTERS: Mapping[Verdict, str] = {
    "fooled": "f",
    "resisted": "r",
    "already_wrong": "w",
    "no_sites": "n",
    "unparsable": "u",
    "too_large": "t",
}
"""Letters of attacked samples."""
STILL_RIGHT = frozenset((RIGHT, LETTERS["resisted"], LETTERS["no_sites"]))
UNKNOWN = frozenset((ABSENT, LETTERS["too_large"]))
KEPT = ("source", "synthetic", *HASHES)
"""Facts of a run that a baseline keeps."""


@dataclass(frozen=True)
class Answers:
    """What became of every sample with one student, under one attack or none."""

    teacher: str
    method: str
    seed: int
    attack: str
    """Empty: clean samples."""
    letters: str
    """One for each of the baseline's samples, in order."""


@dataclass(frozen=True)
class Baseline:
    """What a run is compared with."""

    experiment: dict[str, Any]
    """The Experiment as JSON."""
    facts: dict[str, Any]
    """See KEPT."""
    sessions: list[dict[str, Any]]
    """Commit, Python and package versions, as in the manifest."""
    samples: tuple[str, ...]
    answers: tuple[Answers, ...]

    def __post_init__(self) -> None:
        """Reject answers that do not belong to the samples."""
        known = STILL_RIGHT | UNKNOWN | {WRONG, *LETTERS.values()}
        for one in self.answers:
            if len(one.letters) != len(self.samples) or not set(one.letters) <= known:
                raise ValueError(f"expected a known letter for each sample of {one.method}")

    @property
    def by_seed(self) -> dict[tuple[str, str, str], dict[int, str]]:
        """Letters by teacher, method and attack, and then by seed; in order."""
        found: dict[tuple[str, str, str], dict[int, str]] = {}
        for one in self.answers:
            found.setdefault((one.teacher, one.method, one.attack), {})[one.seed] = one.letters
        return found


def reduce(store: Store) -> Baseline:
    """Reduce a finished run.

    Raises:
        UsageError: a cell is missing or damaged, or the manifest holds no experiment of this version.
    """
    experiment = restore(store.manifest.experiment, store.root)
    samples: tuple[str, ...] = ()
    answers: list[Answers] = []
    for cell in _clean_cells(experiment):
        predictions = store.predictions(cell)
        if predictions is None or not store.has(cell):
            raise _unfinished(store, cell)
        samples = samples or predictions.sample_ids
        if predictions.sample_ids != samples:
            raise UsageError(f"expected the same samples for every student in {store.root}, got others for {cell.name}")
        letters = "".join(RIGHT if right else WRONG for right in predictions.right)
        answers.append(Answers(cell.teacher, cell.method, cell.seed, "", letters))
        for attack in experiment.attacks:
            letters = _attacked(store, Cell(cell.teacher, cell.method, cell.seed, attack, "attack"), samples)
            answers.append(Answers(cell.teacher, cell.method, cell.seed, attack, letters))
    facts = {name: store.manifest.facts[name] for name in KEPT if name in store.manifest.facts}
    return Baseline(as_json(asdict(experiment)), facts, store.manifest.sessions, samples, tuple(answers))


def text(baseline: Baseline) -> str:
    """Return the file's content: the same baseline gives the same bytes."""
    content = as_json(asdict(baseline))
    answers = ",\n".join(f"  {canonical(one)}" for one in content.pop("answers"))
    head = {"schema": SCHEMA, "sha256": _digest(baseline), **content}
    lines = "".join(f" {canonical(name)}: {canonical(value)},\n" for name, value in head.items())
    return f'{{\n{lines} "answers": [\n{answers}\n ]\n}}\n'


def read(path: Path) -> Baseline:
    """Read what `text` gave.

    Raises:
        UsageError: no file, another kind of file, another schema, or changed by hand.
    """
    from pydantic import TypeAdapter

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or "answers" not in content:
            raise ValueError("no baseline")
        if content.pop("schema", None) != SCHEMA:
            raise ValueError(f"this program reads schema {SCHEMA}")
        checksum = content.pop("sha256", None)
        found = TypeAdapter(Baseline).validate_python(content)
        if checksum != _digest(found):
            raise ValueError("it does not match its checksum")
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise UsageError(f"cannot use the baseline {path} ({reason}): write one with `bench baseline RUN`") from error
    restore(found.experiment, path)
    return found


def _clean_cells(experiment: Experiment) -> Iterator[Cell]:
    for teacher in experiment.teachers:
        for method in experiment.all_methods:
            yield from (Cell(teacher, method, seed) for seed in experiment.seeds)


def _attacked(store: Store, cell: Cell, samples: tuple[str, ...]) -> str:
    """Return a letter for each sample: its verdict, or that it is not attacked."""
    counted = [record.n for record in store.records(cell) if record.metric == "attacked"]
    verdicts = {outcome.sample_id: LETTERS[outcome.verdict] for outcome in store.outcomes(cell)}
    if counted != [len(verdicts)] or not verdicts.keys() <= set(samples):
        raise _unfinished(store, cell)
    return "".join(verdicts.get(sample, ABSENT) for sample in samples)


def _unfinished(store: Store, cell: Cell) -> UsageError:
    return UsageError(
        f"expected a finished run in {store.root}, got {cell.name} missing or damaged: give its `bench run` command "
        "once more"
    )


def _digest(baseline: Baseline) -> str:
    return hashlib.sha256(canonical(as_json(asdict(baseline))).encode()).hexdigest()
