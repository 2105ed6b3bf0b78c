"""Do what an experiment asks for and is not stored: jobs (`bench.running.graph`), what they add up to, and latency.

A cell is one (teacher, method, seed) evaluated on clean programs, the same under one attack, or the same timed. What a
cell needs (teacher, student) is an artifact of the run directory and is made when a missing cell asks for it. A
finished model that is only attacked (`Experiment.model`) stands where a teacher and its one student stand.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench import progress
from bench.config import Experiment
from bench.measuring.evaluate import Measured
from bench.measuring.measure import speed
from bench.measuring.robust import optimum, robust
from bench.measuring.robustness import UNION, WORST_CASE, worst_case
from bench.progress import Progress
from bench.registry import check, task
from bench.running.costing import estimate, training
from bench.running.executors import executor
from bench.running.graph import Graph
from bench.running.jobs import execute
from bench.running.provenance import facts
from bench.storage import originals
from bench.storage.cells import cells
from bench.storage.store import Cell, Store
from bench.tasks import data
from bench.types import UsageError

TIMED_PROGRAMS = 16
"""Different programs among the timed calls."""


def run(
    experiment: Experiment, output: Path, listener: Progress, workers: int = 1, scheduler: str | None = None
) -> Store:
    """Finish every cell of the experiment in the run directory `output` and return its store.

    Args:
        experiment: what is asked for.
        output: created, or continued.
        listener: is told how it goes.
        workers: processes; their number changes no table. They share the one GPU, where there is one.
        scheduler: address of a Dask scheduler, whose workers do the jobs instead.

    Raises:
        UsageError: bad names, data, device, scheduler or directory; what was finished before is kept.
    """
    experiment, new = check(experiment), not output.exists()
    with progress.listening(listener), executor(workers, scheduler) as crew:
        splits = task(experiment.task).make(experiment.data, limits(experiment))
        store = Store.open(output, experiment, facts(experiment, splits))
        try:
            originals.keep(output, splits.test[: experiment.preset.attack_limit])
            _finish(Graph(experiment, splits, store, crew))
        except UsageError:
            if new and not _worked(output):  # a mistake in the command: the mended one may have the directory
                shutil.rmtree(output)
            raise
        finally:
            for repair in store.repairs:
                listener.note(repair)
            store.close()
    return store


def _worked(root: Path) -> bool:
    """Whether a run directory holds anything that was computed."""
    parts = ("artifacts", "records", "predictions", "outcomes")
    return any(path.is_file() for part in parts for path in (root / part).rglob("*"))


def limits(experiment: Experiment) -> data.Limits:
    """Return how many programs of its task an experiment takes."""
    preset = experiment.preset
    return data.Limits(preset.train_limit, preset.valid_limit, preset.test_limit, training=experiment.model is None)


def plan(experiment: Experiment) -> list[tuple[str, float]]:
    """List the cells with a rough estimate of each one's seconds on two CPU cores."""
    return [(cell.name, estimate(cell, experiment.preset)) for cell in cells(experiment)]


def _finish(graph: Graph) -> None:
    """Do the jobs, then what needs all of them."""
    for cell in cells(graph.experiment):
        if graph.store.has(cell):
            progress.current().finished(cell.name)
    for _ in execute(graph.jobs(), graph.crew):
        pass
    for cell in cells(graph.experiment):
        if cell.kind == "clean":
            _across_attacks(graph, cell)
    for name in graph.experiment.teachers:
        timed = [cell for cell in cells(graph.experiment) if cell.kind == "speed" and cell.teacher == name]
        _speed(graph, [cell for cell in timed if not graph.store.has(cell)])


def _across_attacks(graph: Graph, cell: Cell) -> None:
    """The union of all attacks, and their share of the optimum; made anew, because a run may gain an attack."""
    parts = {
        name: graph.store.outcomes(replace(cell, attack=name, kind="attack"))
        for name in graph.store.manifest.experiment["attacks"]
    }
    if any(len(outcomes) != len(next(iter(parts.values()))) for outcomes in parts.values()):
        return
    union = replace(cell, attack=WORST_CASE, kind="attack")
    graph.put(union, [replace(one, source=UNION.join(parts)) for one in robust(worst_case(parts))])
    for name, measured in optimum(parts).items():
        graph.put(replace(cell, attack=name, kind="optimum"), measured)


def _speed(graph: Graph, todo: Sequence[Cell]) -> None:
    if not todo:
        return
    programs = [sample.code for sample in graph.splits.test[:TIMED_PROGRAMS]]
    classifiers = {cell.name: graph.makers(cell.teacher).source(cell)() for cell in todo}
    found: Mapping[str, list[Measured]] = speed(
        classifiers, programs, graph.experiment.preset.latency_rounds, graph.experiment.device
    )
    for cell in todo:
        graph.put(cell, [*found[cell.name], *training(classifiers[cell.name])])
