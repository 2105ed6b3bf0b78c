"""Walk the cells: compress, evaluate, attack, measure, store; skip what is already stored.

A cell is one (teacher, method, seed) evaluated on clean programs, the same under one attack, or the same timed. What a
cell needs (teacher, student) is an artifact of the run directory and is made when a missing cell first asks for it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from attacks.judge import judge
from bench import data, models, progress
from bench.config import Experiment
from bench.costing import compression, estimate
from bench.encoders import load_own_encoder, save_encoder
from bench.evaluate import Measured, evaluate, share
from bench.measure import speed
from bench.metrics import UNION, WORST_CASE, robustness, worst_case
from bench.progress import Progress
from bench.provenance import commit, facts
from bench.registry import ATTACKS, METHODS, check, teacher
from bench.results import Outcome, Record
from bench.rng import stream
from bench.store import Cell, Store
from bench.teachers import FineTuned, single_teacher
from bench.types import Attack, Budget, Splits, Student

TIMED_PROGRAMS = 16
"""Different programs among the timed calls."""


def run(experiment: Experiment, output: Path, listener: Progress) -> Store:
    """Finish every cell of the experiment in the run directory `output` and return its store.

    Raises:
        UsageError: bad names, data, device or directory; what was finished before is kept.
    """
    check(experiment)
    with progress.listening(listener):
        preset = experiment.preset
        limits = data.Limits(preset.train_limit, preset.valid_limit, preset.test_limit)
        splits = data.load(experiment.task, experiment.data, limits)
        store = Store.open(output, experiment, facts(experiment, splits))
        try:
            for name in experiment.teachers:
                _Walk(experiment, splits, store, name).finish()
        finally:
            for repair in store.repairs:
                listener.note(repair)
            store.close()
    return store


def plan(experiment: Experiment) -> list[tuple[str, float]]:
    """List the cells in the order of work, each with a rough estimate of its seconds on two CPU cores."""
    return [(cell.name, estimate(cell, experiment.preset)) for cell in cells(experiment)]


def cells(experiment: Experiment) -> list[Cell]:
    """List the cells in the order of work."""
    found: list[Cell] = []
    for name in experiment.teachers:
        students = [(name, method, seed) for seed in experiment.seeds for method in experiment.all_methods]
        found += [Cell(*student) for student in students]
        found += [Cell(*student, attack, "attack") for student in students for attack in experiment.attacks]
        found += [Cell(*student, kind="speed") for student in students]
    return found


@dataclass
class _Walk:
    """The cells of one teacher."""

    experiment: Experiment
    splits: Splits
    store: Store
    name: str
    attacks: dict[str, Attack] = field(default_factory=dict)

    def finish(self) -> None:
        """Compute what is missing."""
        todo = [cell for cell in cells(self.experiment) if cell.teacher == self.name]
        for cell in todo:
            if cell.kind == "clean" and not self.store.has(cell):
                self._clean(cell)
        for cell in todo:
            if cell.kind == "attack" and not self.store.has(cell):
                self._attack(cell)
        for cell in todo:
            if cell.kind == "clean":
                self._worst_case(cell)
        self._speed([cell for cell in todo if cell.kind == "speed" and not self.store.has(cell)])

    @functools.cached_property
    def budget(self) -> Budget:
        """What every method may spend."""
        preset = self.experiment.preset
        return Budget(
            size_mb=preset.size_mb,
            max_tokens=preset.max_tokens,
            recipe=preset.recipe,
            teacher_recipe=preset.teacher_recipe,
            surrogate_trainings=preset.surrogate_trainings,
            surrogate_epochs=preset.surrogate_epochs,
            surrogate_programs=preset.surrogate_programs,
            learning_rate_scale=preset.learning_rate_scale,
            device=self.experiment.device,
            as_released=self.experiment.as_released,
        )

    @functools.cached_property
    def teacher(self) -> FineTuned:
        """The single teacher, from its artifact or made now."""
        key = json.dumps([self.splits.sha256, self.name, asdict(self.experiment.preset)], sort_keys=True)
        device, entry = self.experiment.device, teacher(self.name)

        def write(folder: Path) -> None:
            encoder = entry.make(self.splits, self.experiment.preset, device)
            recipe = self.experiment.preset.teacher_recipe
            made = single_teacher(self.name, encoder, self.splits.labelled, self.splits.valid, recipe)
            save_encoder(encoder, folder / "encoder")
            models.save(made.network, folder / "network")

        slug = f"teacher-{Path(self.name).name}"
        folder = self.store.artifact(slug, key) or self.store.save_artifact(slug, key, write)
        network = models.load(folder / "network", device)
        if not isinstance(network, models.Network):
            raise TypeError(f"expected a network in {folder}")
        return FineTuned(self.name, load_own_encoder(folder / "encoder", device), network)

    def _clean(self, cell: Cell) -> None:
        """Compress, keep the student, and judge the test split once."""
        progress.current().stage(cell.name, 1)
        method = METHODS[cell.method].make()
        made: Student = method.compress(self.teacher, self.splits, self.budget, cell.seed)
        folder = self.store.save_artifact(*self._artifact(cell), lambda folder: models.save(made.classifier, folder))
        student = models.load(folder, self.experiment.device)
        measured = [*evaluate(student, self.splits.test), *compression(student)]
        measured += [Measured(f"fact/{name}", value) for name, value in made.facts.items()]
        self._put(cell, measured)

    def _student(self, cell: Cell) -> models.Network | models.Constant:
        name, key = self._artifact(cell)
        folder = self.store.artifact(name, key)
        if folder is None:
            self._clean(Cell(cell.teacher, cell.method, cell.seed))
            folder = self.store.artifact(name, key)
        if folder is None:
            raise RuntimeError(f"the student of {cell.name} cannot be kept in {self.store.root}")
        return models.load(folder, self.experiment.device)

    def _artifact(self, cell: Cell) -> tuple[str, str]:
        student = Cell(cell.teacher, cell.method, cell.seed).name
        return f"student-{student}", student

    def _attack(self, cell: Cell) -> None:
        """Attack the samples that are not attacked yet, one after the other, each with its own seed."""
        samples = self.splits.test[: self.experiment.preset.attack_limit]
        done = self.store.outcomes(cell)
        progress.current().stage(cell.name, len(samples))
        progress.current().advance(len(done))
        victim = self._student(cell)
        if cell.attack not in self.attacks:
            self.attacks[cell.attack] = ATTACKS[cell.attack].make(self.splits)
        for sample in samples[len(done) :]:
            rng = stream(cell.seed, "attack", cell.attack, sample.id)
            budget = self.experiment.preset.query_budget
            self.store.append(cell, judge(self.attacks[cell.attack], victim, sample, budget, rng))
            progress.current().advance()
        self._put(cell, robust(self.store.outcomes(cell)))

    def _worst_case(self, cell: Cell) -> None:
        """The union of all attacks; made anew, because a run may have gained an attack."""
        parts = {
            attack: self.store.outcomes(Cell(cell.teacher, cell.method, cell.seed, attack, "attack"))
            for attack in self.store.manifest.experiment["attacks"]
        }
        if all(len(outcomes) == len(next(iter(parts.values()))) for outcomes in parts.values()):
            union = Cell(cell.teacher, cell.method, cell.seed, WORST_CASE, "attack")
            self._put(union, [replace(one, source=UNION.join(parts)) for one in robust(worst_case(parts))])

    def _speed(self, todo: Sequence[Cell]) -> None:
        if not todo:
            return
        programs = [sample.code for sample in self.splits.test[:TIMED_PROGRAMS]]
        classifiers = {cell.name: self._student(cell) for cell in todo}
        found: Mapping[str, list[Measured]] = speed(
            classifiers, programs, self.experiment.preset.latency_rounds, self.experiment.device
        )
        for cell in todo:
            progress.current().stage(cell.name, 1)
            self._put(cell, found[cell.name])

    def _put(self, cell: Cell, measured: Sequence[Measured]) -> None:
        labels = (self.splits.task, cell.teacher, cell.method, cell.seed, cell.attack)
        self.store.put(
            cell,
            [
                Record(
                    *labels,
                    metric=one.metric,
                    value=one.value,
                    unit=one.unit,
                    n=one.n,
                    low=one.low,
                    high=one.high,
                    source=one.source,
                    commit=commit(),
                    device=self.experiment.device,
                )
                for one in measured
            ],
        )


def robust(outcomes: Sequence[Outcome]) -> list[Measured]:
    """Turn the outcomes of one attack on one student into numbers."""
    found = robustness(outcomes)
    return [
        share("asr", found.asr, found.attacked, found.asr_interval),
        share("robust_accuracy", found.robust_accuracy, found.total, found.robust_interval),
        Measured("attacked", found.attacked, n=found.total),
        Measured("queries_mean", found.queries_mean, n=found.attacked),
        Measured("queries_median", found.queries_median, n=found.attacked),
        share("loci_changed", found.loci_changed, found.fooled),
        share("tokens_changed", found.tokens_changed, found.fooled),
        share("parse_rate", found.parse_rate, found.attacked),
    ]
