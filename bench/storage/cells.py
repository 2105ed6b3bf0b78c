"""The cells of an experiment: what a run computes, one by one."""

from __future__ import annotations

from bench.config import Experiment
from bench.storage.store import Cell


def cells(experiment: Experiment) -> list[Cell]:
    """List the cells, teacher by teacher: judged, attacked, timed."""
    found: list[Cell] = []
    for name in experiment.teachers:
        students = [(name, method, seed) for seed in experiment.seeds for method in experiment.all_methods]
        found += [Cell(*student) for student in students]
        found += [Cell(*student, attack, "attack") for student in students for attack in experiment.attacks]
        found += [Cell(*student, kind="speed") for student in students]
    return found


def clean(cell: Cell) -> Cell:
    """Return the cell in which the student of any cell is judged, and which names it."""
    return Cell(cell.teacher, cell.method, cell.seed)
