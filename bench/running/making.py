"""The jobs that make teachers, students, and the trainings that students are made of, before anything is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from bench import progress
from bench.config import Experiment
from bench.distillation.divided import Divided
from bench.registry import variant
from bench.running import work
from bench.running.calibration import Calibration
from bench.running.jobs import Executor, Job
from bench.running.pieces import Slot, artifacts
from bench.running.students import Students, kept
from bench.storage.cells import clean
from bench.storage.files import artifact_folder
from bench.storage.parcels import Parcel, pack
from bench.storage.store import Cell, Store
from bench.types import Splits

Share = Callable[[object, Callable[[], object]], object]
"""Returns what stands for the value of a key that many jobs get."""


@dataclass
class Making:
    """What has to be made for a run, as jobs."""

    experiment: Experiment
    splits: Splits
    store: Store
    crew: Executor
    share: Share
    calibration: Calibration
    _made: dict[str, list[Slot]] = field(default_factory=dict)
    """The artifacts that each job made, or an earlier session in its place."""

    def jobs(self, todo: Sequence[Cell]) -> dict[Cell | str, Job]:
        """Jobs for the students that these cells need, by their clean cell; for teachers and trainings, by name.

        A training that several students name alike is one job. Students of one kind of method and one seed follow the
        first of them, which leaves them soft targets.
        """
        found: dict[Cell | str, Job] = {}
        leaders: dict[tuple[str, int, type], Job] = {}
        for cell in dict.fromkeys(map(clean, todo)):
            students = Students(self.experiment, self.splits, self.store, cell.teacher)
            if kept(self.store, cell) is not None:
                continue
            if cell.teacher not in found and self.store.artifact(*students.teacher_slot) is None:
                found[cell.teacher] = self._job(f"teacher {students.name}", students, None, None)
            teacher = [found[cell.teacher].name] if cell.teacher in found else []
            chosen = variant(cell.method, self.experiment.budget)
            if chosen.budget.objective == "latency" or chosen.budget.student == "fast":
                _ = self.calibration.model  # measured once, before others are at work
            named = chosen.method.trainings(chosen.budget, cell.seed) if isinstance(chosen.method, Divided) else ()
            needs = [*teacher]
            for training in named:
                name = f"{cell.teacher}: {training}"
                if (done := artifacts(self.store, cell.teacher, training)) is not None:
                    self._made[name] = done
                elif name not in found:
                    found[name] = self._job(name, students, cell, training, *teacher)
                needs.append(name)
            kind = (cell.teacher, cell.seed, type(chosen.method))
            before = [leaders[kind].name] if kind in leaders else []
            found[cell] = self._job(f"student {cell.name}", students, cell, None, *needs, *before)
            leaders.setdefault(kind, found[cell])
        return found

    def _job(self, name: str, students: Students, cell: Cell | None, training: str | None, *before: str) -> Job:
        def arguments() -> tuple[object, ...]:
            progress.current().stage(name, 1)
            run = (self.store.root / "artifacts").resolve() if self.crew.sees_files else None
            slots = [students.teacher_slot, self.calibration.slot]
            slots += [slot for one in before for slot in self._made.get(one, ())]
            parcels = [
                self._parcel(slot)
                for slot in dict.fromkeys(slots)
                if run is None and self.store.artifact(*slot) is not None
            ]
            splits = self.share("splits", lambda: self.splits)
            return (self.experiment, students.name, cell, training, run, splits, *parcels)

        needed = tuple(one for one in before if one not in self._made)
        return Job(name, work.make, arguments, partial(self._save, name), needed)

    def _save(self, name: str, made: Sequence[Parcel]) -> None:
        for parcel in made:
            if self.store.artifact(parcel.name, parcel.key) is None:
                self.store.save_artifact(parcel.name, parcel.key, parcel.unpack)
        self._made[name] = [(parcel.name, parcel.key) for parcel in made]
        progress.current().advance()

    def _parcel(self, slot: Slot) -> object:
        def packed() -> Parcel:
            return pack(self.store.root / "artifacts" / artifact_folder(*slot), *slot)

        return self.share(slot, packed)
