"""What the jobs of a run do, in whatever process they run: make, judge, attack.

Each gets all it needs as arguments and returns what it found; none writes to the run directory. Training and judging
use the run's fixed number of threads, attacks one (`bench.running.attacking`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from bench.config import Experiment
from bench.distillation.divided import kept_by
from bench.measuring.evaluate import Measured, performance, predict
from bench.measuring.measure import threads
from bench.results import Outcome, Predictions
from bench.running.attacking import Assault, Source, attack_group
from bench.running.costing import compression
from bench.running.pieces import Enough, Kept
from bench.running.students import Students
from bench.storage.parcels import Parcel, worker_shelf
from bench.storage.store import Cell
from bench.types import Attack, Classifier, Sample, Splits


class Movable(Protocol):
    """A source that reads a directory, wherever that lies."""

    def at(self, folder: Path) -> Source:
        """Return the source for a directory of the same content."""
        ...


@dataclass(frozen=True)
class Delivered:
    """A classifier that travels with its files, to where nobody sees the directory that it came from."""

    parcel: Parcel
    source: Movable

    def __call__(self) -> Classifier:
        """Load it."""
        with TemporaryDirectory() as folder:
            self.parcel.unpack(Path(folder))
            return self.source.at(Path(folder))()


def make(
    experiment: Experiment,
    teacher: str,
    cell: Cell | None,
    training: str | None,
    run: Path | None,
    splits: Splits,
    *parcels: Parcel,
) -> list[Parcel]:
    """Make the student of a cell, one training that it is made of, or the teacher, and what else is missing on the way.

    Args:
        experiment: what is asked for.
        teacher: its name.
        cell: names the student; None: the teacher.
        training: names the training; None: the student.
        run: artifacts of the run directory, where this process sees them.
        splits: the data.
        parcels: artifacts that are not to be made again.
    """
    with threads(experiment.threads), worker_shelf(run, parcels) as shelf:
        students = Students(experiment, splits, shelf, teacher)
        if cell is None:
            students.teacher.logits(splits.unlabelled)  # what nearly every student learns from
            students.teacher.embed([sample.code for sample in splits.labelled])  # and what experts are divided by
            return shelf.made
        with kept_by(Kept(shelf, teacher, training)), suppress(Enough):
            students.source(cell)
        return shelf.made


def judge(count: int, source: Source, samples: Sequence[Sample]) -> tuple[Predictions, list[Measured]]:
    """Judge clean samples on `count` threads; return what was predicted, how well, and what the classifier costs."""
    with threads(count):
        classifier = source()
        predictions = predict(classifier, samples)
        return predictions, [*performance(predictions), *compression(classifier)]


def assail(terms: partial[Assault], victim: Source, attack: Attack, samples: Sequence[Sample]) -> list[Outcome]:
    """Attack one group; victim and attack come apart from the terms, because many jobs share them."""
    return attack_group(terms(victim, attack), samples)
