"""Walk the cells: compress, evaluate, attack, measure, store; skip what is already stored.

A cell is one (teacher, method, seed) evaluated on clean programs, the same under one attack, or the same timed. What a
cell needs (teacher, student) is an artifact of the run directory and is made when a missing cell first asks for it. A
finished model that is only attacked (`Experiment.model`) stands where a teacher and its one student stand.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from attacks.catalogue import Names
from attacks.checks import Check, checks
from bench import attacking, data, progress
from bench.attacking import Assault, Source
from bench.config import Experiment
from bench.costing import compression, estimate, training
from bench.evaluate import Measured, performance, predict
from bench.given import Given
from bench.measure import speed
from bench.perturb import names_of
from bench.progress import Progress
from bench.provenance import commit, facts
from bench.registry import attack, check, task
from bench.results import Record
from bench.robust import optimum, robust
from bench.robustness import UNION, WORST_CASE, worst_case
from bench.store import Cell, Store
from bench.students import Students
from bench.substitutes import substitutes
from bench.types import Attack, Sample, Splits

TIMED_PROGRAMS = 16
"""Different programs among the timed calls."""


def run(experiment: Experiment, output: Path, listener: Progress, workers: int = 1) -> Store:
    """Finish every cell of the experiment in the run directory `output` and return its store.

    Args:
        experiment: what is asked for.
        output: created, or continued.
        listener: is told how it goes.
        workers: processes that attack; their number changes no outcome.

    Raises:
        UsageError: bad names, data, device or directory; what was finished before is kept.
    """
    experiment = check(experiment)
    with progress.listening(listener):
        workers = workers if experiment.device == "cpu" else 1
        splits = task(experiment.task).make(experiment.data, limits(experiment))
        walk = _Walk(experiment, splits, Store.open(output, experiment, facts(experiment, splits)), workers)
        try:
            for name in experiment.teachers:
                walk.finish(name)
        finally:
            for repair in walk.store.repairs:
                listener.note(repair)
            walk.store.close()
    return walk.store


def limits(experiment: Experiment) -> data.Limits:
    """Return how many programs of its task an experiment takes."""
    preset = experiment.preset
    return data.Limits(preset.train_limit, preset.valid_limit, preset.test_limit, training=experiment.model is None)


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


class _Makers(Protocol):
    """Where classifiers come from."""

    def source(self, cell: Cell) -> Source:
        """Return the classifier of a cell, made first where it is missing."""
        ...

    def facts(self, cell: Cell) -> list[Measured]:
        """Return what is known about how it was made."""
        ...


@dataclass
class _Walk:
    """The cells of a run."""

    experiment: Experiment
    splits: Splits
    store: Store
    workers: int

    def finish(self, name: str) -> None:
        """Compute what is missing of one teacher."""
        model = self.experiment.model
        makers = (
            Students(self.experiment, self.splits, self.store, name)
            if model is None
            else Given(model, self.experiment.device)
        )
        todo = [cell for cell in cells(self.experiment) if cell.teacher == name]
        if any(cell.kind == "attack" and not self.store.has(cell) for cell in todo):
            _ = self._attacks  # a mistake in their options is told before anything is computed
        for cell in todo:
            if cell.kind == "clean" and not self.store.has(cell):
                self._clean(cell, makers)
        for cell in todo:
            if cell.kind == "attack" and not self.store.has(cell):
                self._attack(cell, makers.source(cell))
        for cell in todo:
            if cell.kind == "clean":
                self._across_attacks(cell)
        self._speed([cell for cell in todo if cell.kind == "speed" and not self.store.has(cell)], makers)

    def _clean(self, cell: Cell, makers: _Makers) -> None:
        """Make the student if need be, and judge the test split once."""
        progress.current().stage(cell.name, 1)
        student = makers.source(cell)()
        predictions = predict(student, self.splits.test)
        found = performance(predictions)
        self.store.keep(cell, predictions)
        self._put(cell, [*found, *compression(student), *makers.facts(cell)])
        if self.experiment.model is not None and any(one.metric == "auroc" and one.value < 0.5 for one in found):
            progress.current().note("AUROC is below 0.5: does --vulnerable-label name the right output of the model?")

    def _attack(self, cell: Cell, victim: Source) -> None:
        """Attack the samples that are not attacked yet, each with its own seed."""
        done = len(self.store.outcomes(cell))
        progress.current().stage(cell.name, len(self._attacked))
        progress.current().advance(done)
        listed = attack(cell.attack)
        budget = listed.budget or self.experiment.preset.query_budget
        assault = Assault(victim, self._attacks[cell.attack], cell.attack, budget, cell.seed, self._checks)
        for outcome in attacking.outcomes(assault, self._attacked, done, self.workers):
            self.store.append(cell, outcome)
            progress.current().advance()
        self._put(cell, robust(self.store.outcomes(cell)))

    @functools.cached_property
    def _attacked(self) -> Sequence[Sample]:
        return self.splits.test[: self.experiment.preset.attack_limit]

    @functools.cached_property
    def _checks(self) -> tuple[Check, ...]:
        return checks(self.experiment.compile_command)

    @functools.cached_property
    def _names(self) -> Names:
        """The pool, legal local names of training programs, most frequent first; and the source asked for."""
        pool = names_of(tuple(sample.code for sample in self.splits.labelled))
        spec = self.experiment.substitutes
        if spec == "corpus":
            return Names(pool)
        return Names(pool, substitutes(spec, pool, self._attacked, self.experiment.device))

    @functools.cached_property
    def _attacks(self) -> dict[str, Attack]:
        return {name: attack(name).make(self._names) for name in self.experiment.attacks}

    def _across_attacks(self, cell: Cell) -> None:
        """The union of all attacks, and their share of the optimum; made anew, because a run may gain an attack."""
        parts = {
            name: self.store.outcomes(replace(cell, attack=name, kind="attack"))
            for name in self.store.manifest.experiment["attacks"]
        }
        if any(len(outcomes) != len(next(iter(parts.values()))) for outcomes in parts.values()):
            return
        union = replace(cell, attack=WORST_CASE, kind="attack")
        self._put(union, [replace(one, source=UNION.join(parts)) for one in robust(worst_case(parts))])
        for name, measured in optimum(parts).items():
            self._put(replace(cell, attack=name, kind="optimum"), measured)

    def _speed(self, todo: Sequence[Cell], makers: _Makers) -> None:
        if not todo:
            return
        programs = [sample.code for sample in self.splits.test[:TIMED_PROGRAMS]]
        classifiers = {cell.name: makers.source(cell)() for cell in todo}
        found: Mapping[str, list[Measured]] = speed(
            classifiers, programs, self.experiment.preset.latency_rounds, self.experiment.device
        )
        for cell in todo:
            progress.current().stage(cell.name, 1)
            self._put(cell, [*found[cell.name], *training(classifiers[cell.name])])

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
