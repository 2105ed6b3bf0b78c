"""What a run still has to do, as jobs: teachers, trainings, students, clean judgements, attacks on groups of samples.

Each job's result goes into the store as soon as it is there; outcomes of an attack in the order of the samples. A cell
that is stored has no job, a student whose artifact is intact is not made again. Latency is no job: it is measured when
all of them are done and the machine is quiet (`bench.run`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from attacks.catalogue import Names
from attacks.checks import Check, checks
from bench import progress
from bench.config import Experiment
from bench.measuring.evaluate import Measured
from bench.measuring.robust import robust
from bench.registry import attack
from bench.results import Outcome, Predictions, Record
from bench.running import work
from bench.running.attacking import Assault, InOrder, Source, groups
from bench.running.calibration import Calibration
from bench.running.given import Given
from bench.running.jobs import Executor, Job
from bench.running.making import Making
from bench.running.perturb import names_of
from bench.running.students import Students
from bench.running.substitutes import substitutes
from bench.storage.cells import cells, clean
from bench.storage.checkout import commit
from bench.storage.parcels import pack
from bench.storage.store import Cell, Store
from bench.types import Attack, Sample, Splits


@dataclass
class Graph:
    """The jobs of a run, and what is done with their results."""

    experiment: Experiment
    splits: Splits
    store: Store
    crew: Executor
    _shared: dict[object, object] = field(default_factory=dict)
    """What stands for values that many jobs get."""

    def jobs(self) -> list[Job]:
        """List them, the urgent first: what others need, then what a table needs."""
        todo = [cell for cell in cells(self.experiment) if not self.store.has(cell)]
        attacked = [cell for cell in todo if cell.kind == "attack"]
        if attacked:
            _ = self._attacks  # a mistake in their options is told before anything is computed
        made = self._making.jobs(todo) if self.experiment.model is None else {}
        judged = {cell: self._judging(cell, made) for cell in todo if cell.kind == "clean"}
        found = []
        for job in made.values():
            found.append(job)
            found += [judged.pop(cell) for cell in [*judged] if judged[cell].needs == (job.name,)]
        return [*found, *judged.values(), *(job for cell in attacked for job in self._attacking(cell, made))]

    def makers(self, name: str) -> Students | Given:
        """Return where the classifiers of a teacher come from."""
        if self.experiment.model is not None:
            return Given(self.experiment.model, self.experiment.device)
        return Students(self.experiment, self.splits, self.store, name)

    def put(self, cell: Cell, measured: Sequence[Measured]) -> None:
        """Finish a cell."""
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
        progress.current().finished(cell.name)

    def _judging(self, cell: Cell, made: Mapping[Cell | str, Job]) -> Job:
        def arguments() -> tuple[object, ...]:
            progress.current().stage(cell.name, 1)
            return (self.experiment.threads, self._victim(cell), self.splits.test)

        return Job(cell.name, work.judge, arguments, partial(self._judged, cell), _before(cell, made))

    def _judged(self, cell: Cell, found: tuple[Predictions, list[Measured]]) -> None:
        predictions, measured = found
        self.store.keep(cell, predictions)
        self.put(cell, [*measured, *self.makers(cell.teacher).facts(cell)])
        progress.current().advance()
        if self.experiment.model is not None and any(one.metric == "auroc" and one.value < 0.5 for one in measured):
            progress.current().note("AUROC is below 0.5: does --vulnerable-label name the right output of the model?")

    def _attacking(self, cell: Cell, made: Mapping[Cell | str, Job]) -> list[Job]:
        """Attack the samples that are not attacked yet, each with its own seed."""
        done = len(self.store.outcomes(cell))
        todo, order, listed = groups(self.attacked, done), InOrder[Outcome](done), attack(cell.attack)
        if done == len(self.attacked):
            self.put(cell, robust(self.store.outcomes(cell)))
            return []
        terms = partial(
            Assault,
            name=cell.attack,
            budget=listed.budget or self.experiment.preset.query_budget,
            seed=cell.seed,
            checks=self._checks,
        )

        def arguments(place: int) -> tuple[object, ...]:
            if place == 0:
                progress.current().stage(cell.name, len(self.attacked))
                progress.current().advance(done)
            shared = self._share(cell.attack, lambda: self._attacks[cell.attack])
            return (terms, self._victim(cell), shared, todo[place])

        def keep(place: int, found: Sequence[Outcome]) -> None:
            for outcome in order.add(place, found):
                self.store.append(cell, outcome)
                progress.current().advance()
            if order.handed_on == len(todo):
                self.put(cell, robust(self.store.outcomes(cell)))

        needs = _before(cell, made)
        return [
            Job(f"{cell.name} {place}", work.assail, partial(arguments, place), partial(keep, place), needs)
            for place in range(len(todo))
        ]

    def _victim(self, cell: Cell) -> object:
        return self._share(clean(cell), partial(self._source, cell))

    def _source(self, cell: Cell) -> Source:
        """Return the source of a cell's classifier, with its files where the workers cannot see them."""
        source = self.makers(cell.teacher).source(cell)
        folder = Path(source.folder)
        if self.crew.sees_files or not folder.is_dir():
            return source
        return work.Delivered(pack(folder, clean(cell).name, ""), source)

    def _share(self, key: object, value: Callable[[], object]) -> object:
        if key not in self._shared:
            self._shared[key] = self.crew.share(value())
        return self._shared[key]

    @functools.cached_property
    def _making(self) -> Making:
        return Making(self.experiment, self.splits, self.store, self.crew, self._share, self._calibration)

    @functools.cached_property
    def _calibration(self) -> Calibration:
        return Calibration(self.store, self.experiment.device)

    @functools.cached_property
    def attacked(self) -> Sequence[Sample]:
        """The samples that are attacked."""
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
        return Names(pool, substitutes(spec, pool, self.attacked, self.experiment.device))

    @functools.cached_property
    def _attacks(self) -> dict[str, Attack]:
        return {name: attack(name).make(self._names) for name in self.experiment.attacks}


def _before(cell: Cell, made: Mapping[Cell | str, Job]) -> tuple[str, ...]:
    """Name the job that makes what this cell is about, if there is one."""
    return (made[clean(cell)].name,) if clean(cell) in made else ()
