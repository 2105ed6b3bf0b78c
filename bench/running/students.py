"""The classifiers of a run: teachers, and students made by methods, each an artifact of the run directory.

Whoever needs one gets a `Stored`, which loads it where it is needed, in this process or in a worker. An artifact that
is missing or damaged is made again.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench import registry
from bench.config import Experiment
from bench.distillation.remembered import Remembered, shelved
from bench.distillation.teachers import FineTuned, single_teacher
from bench.measuring.evaluate import Measured
from bench.networks import models
from bench.networks.encoders import load_own_encoder, save_encoder
from bench.running.calibration import Calibration
from bench.running.perturb import Perturbation
from bench.storage.parcels import Shelf
from bench.storage.store import Cell
from bench.types import Budget, Classifier, Splits, Student

FACTS = "facts.json"


@dataclass(frozen=True)
class Stored:
    """A classifier on disk."""

    folder: str
    device: str

    def __call__(self) -> Classifier:
        """Load it."""
        return models.load(Path(self.folder), self.device)

    def at(self, folder: Path) -> Stored:
        """Return the same classifier, lying elsewhere."""
        return replace(self, folder=str(folder))


@dataclass
class Students:
    """The students of one teacher, made when they are first asked for."""

    experiment: Experiment
    splits: Splits
    store: Shelf
    name: str
    """The teacher's."""

    def source(self, cell: Cell) -> Stored:
        """Return the classifier of a cell, whatever is measured there."""
        return Stored(str(self._folder(cell)), self.experiment.device)

    def facts(self, cell: Cell) -> list[Measured]:
        """Return what the method reported about its own making."""
        found: dict[str, float] = json.loads((self._folder(cell) / FACTS).read_text())
        return [Measured(f"fact/{name}", value) for name, value in found.items()]

    def _folder(self, cell: Cell) -> Path:
        folder = kept(self.store, cell)
        if folder is not None:
            return folder
        variant = registry.variant(cell.method, self.budget)
        made: Student = variant.method.compress(self.teacher, self.splits, variant.budget, cell.seed)

        def write(folder: Path) -> None:
            models.save(made.classifier, folder)
            (folder / FACTS).write_text(json.dumps({**_validated(made.classifier), **made.facts}) + "\n")

        return self.store.save_artifact(*_address(cell), write)

    @property
    def teacher_slot(self) -> tuple[str, str]:
        """Return name and key of the teacher's artifact."""
        key = json.dumps([self.splits.sha256, self.name, asdict(self.experiment.preset)], sort_keys=True)
        return f"teacher-{Path(self.name).name}", key

    @functools.cached_property
    def budget(self) -> Budget:
        """What every method may spend."""
        perturb = Perturbation(self.store, tuple(sample.code for sample in self.splits.labelled))
        latency = Calibration(self.store, self.experiment.device)
        return replace(self.experiment.budget, perturb=perturb, latency=latency)

    @functools.cached_property
    def teacher(self) -> Remembered:
        """The single teacher, from its artifact or made now."""
        slot, device, entry = self.teacher_slot, self.experiment.device, registry.teacher(self.name)

        def write(folder: Path) -> None:
            encoder = entry.make(self.splits, self.experiment.preset, device)
            recipe = self.experiment.preset.teacher_recipe
            made = single_teacher(self.name, encoder, self.splits.labelled, self.splits.valid, recipe)
            save_encoder(encoder, folder / "encoder")
            models.save(made.network, folder / "network")

        folder = shelved(self.store, *slot, write)
        network = models.load(folder / "network", device)
        if not isinstance(network, models.Network):
            raise TypeError(f"expected a network in {folder}")
        made = FineTuned(load_own_encoder(folder / "encoder", device), network)
        return Remembered(made, self.store, slot[1])


def kept(store: Shelf, cell: Cell) -> Path | None:
    """Return where the student of a cell lies; None where there is none, or a damaged one."""
    folder = store.artifact(*_address(cell))
    return folder if folder is not None and (folder / FACTS).is_file() else None


def _validated(classifier: Classifier) -> dict[str, float]:
    """Return how good a network was on validation when it was trained, where that is known."""
    if not isinstance(classifier, models.Network):
        return {}
    found = {"valid_accuracy": classifier.valid_accuracy, "valid_auroc": classifier.valid_auroc}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _address(cell: Cell) -> tuple[str, str]:
    """Return the name and the key of a student's artifact: the same, whatever is measured in the cell."""
    key = Cell(cell.teacher, cell.method, cell.seed).name
    return f"student-{key}", key
