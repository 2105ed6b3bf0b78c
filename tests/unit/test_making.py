"""Trainings as jobs: which there are, who needs them, what they leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.config import Experiment
from bench.distillation.divided import each, kept_by
from bench.distillation.teachers import FineTuned
from bench.measuring.latency import LatencyModel
from bench.presets import Preset
from bench.progress import Silent
from bench.run import run
from bench.running import calibration
from bench.running.calibration import Calibration
from bench.running.executors import InProcess
from bench.running.jobs import Job
from bench.running.making import Making
from bench.running.pieces import Enough, Kept, artifacts
from bench.storage.cells import cells
from bench.storage.parcels import WorkerShelf
from bench.storage.store import Cell, Store
from bench.types import Shape, Splits

TEACHER = "codebert-scratch"


def share(_: object, value: Callable[[], object]) -> object:
    return value()


@pytest.fixture
def jobs(splits: Splits, micro: Preset, tmp_path: Path) -> Iterator[dict[Cell | str, Job]]:
    methods = ("moekd", "moekd[router=top-1]", "moekd[experts=2]", "avatar", "pioneer-style")
    experiment = Experiment(methods=methods, seeds=(0, 1), preset=replace(micro, surrogate_trainings=3))
    store = Store.open(tmp_path / "run", experiment, {"sha256": ""})
    yield Making(experiment, splits, store, InProcess(), share, Calibration(store, "cpu")).jobs(cells(experiment))
    store.close()


def named(jobs: dict[Cell | str, Job], *parts: str) -> list[str]:
    return [job.name for job in jobs.values() if all(part in job.name for part in parts)]


def test_what_several_students_need_is_one_job(jobs: dict[Cell | str, Job]) -> None:
    assert len({job.name for job in jobs.values()}) == len(jobs)
    assert len(named(jobs, "expert", "of 4", "seed 0")) == len(named(jobs, "expert", "of 4", "seed 1")) == 4
    assert len(named(jobs, "expert", "of 2", "seed 0")) == 2
    assert len(named(jobs, "avatar surrogate", "seed 1")) == 3
    assert len(named(jobs, "augmented teacher")) == 1


def test_students_need_their_trainings_and_those_their_teacher_alone(jobs: dict[Cell | str, Job]) -> None:
    experts = set(named(jobs, "expert", "of 4", "seed 0"))
    for method in ("ensemble-kd", "moekd", "moekd[router=top-1]"):
        assert experts <= set(jobs[Cell(TEACHER, method, 0)].needs)
    assert set(named(jobs, "expert", "of 2", "seed 0")) <= set(jobs[Cell(TEACHER, "moekd[experts=2]", 0)].needs)
    assert jobs[Cell(TEACHER, "pioneer-style", 0)].needs == (f"teacher {TEACHER}",)
    for name in experts | set(named(jobs, "augmented teacher")) | set(named(jobs, "surrogate")):
        assert next(job for job in jobs.values() if job.name == name).needs == (f"teacher {TEACHER}",)


@pytest.mark.parametrize(
    ("method", "shape", "times"),
    [
        ("kd", "standard", 0),
        ("kd", "fast", 1),
        ("kd[student=fast]", "standard", 1),
        ("avatar[objective=latency]", "standard", 1),
    ],
)
def test_latency_is_measured_before_the_first_job_where_a_student_asks_for_it(
    splits: Splits,
    micro: Preset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    shape: Shape,
    times: int,
) -> None:
    measured: list[str] = []
    model = LatencyModel((0.0,) * 5, 0.0, "a test")
    monkeypatch.setattr(calibration, "calibrated", lambda device: measured.append(device) or model)
    experiment = Experiment(methods=(method,), controls=(), attacks=(), preset=replace(micro, student=shape))
    store = Store.open(tmp_path / "run", experiment, {"sha256": ""})
    assert Making(experiment, splits, store, InProcess(), share, Calibration(store, "cpu")).jobs(cells(experiment))
    store.close()
    assert measured == ["cpu"] * times


class Stopping(Silent):
    """Ends a run soon after so many trainings."""

    def __init__(self, done: Sequence[object], after: int) -> None:
        self.done, self.after = done, after

    def advance(self, steps: int = 1) -> None:
        if len(self.done) == self.after:
            raise KeyboardInterrupt


def test_a_training_is_done_once_however_often_the_run_is_stopped(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done: list[object] = []
    train = FineTuned.specialise

    def counted(*given: Any) -> Any:
        found = train(*given)
        done.append(given[-1])
        return found

    monkeypatch.setattr(FineTuned, "specialise", counted)
    for after in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            run(experiment, tmp_path / "run", Stopping(done, after))
    assert len(done) == 3
    run(experiment, tmp_path / "run", Silent())
    assert len(done) == len(set(done)) == 5, "four experts and the augmented teacher"


def numbers(place: int) -> dict[str, float]:
    return {"accuracy": place / 3, "auroc": float("nan")}


def never(place: int) -> dict[str, float]:
    raise AssertionError(place)


def test_numbers_are_read_from_their_note(tmp_path: Path) -> None:
    names: Sequence[str] = ("one", "two")
    assert each(names, numbers)[1]["accuracy"] == 1 / 3
    shelf = WorkerShelf(tmp_path, None)
    for name in names:
        assert artifacts(shelf, TEACHER, name) is None
        with kept_by(Kept(shelf, TEACHER, name)), pytest.raises(Enough):
            each(names, numbers)
        assert artifacts(shelf, TEACHER, name) is not None
    with kept_by(Kept(shelf, TEACHER)):
        assert str(each(names, never)) == str([numbers(0), numbers(1)])
        assert each(("three",), numbers) == [{"accuracy": 0.0, "auroc": pytest.approx(float("nan"), nan_ok=True)}]


def test_a_job_whose_training_there_is_not_stops_as_well(tmp_path: Path) -> None:
    with kept_by(Kept(WorkerShelf(tmp_path, None), TEACHER, "expert 4 of 4")), pytest.raises(Enough):
        each(("expert 1 of 4",), never)
