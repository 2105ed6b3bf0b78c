"""Other people's published numbers, quoted from paper.toml beside this module, and ours beside them.

MoEKD's abstract gives gains "up to" over Compressor and AVATAR and does not say in what. Ours are relative gains of the
means over seeds, in worst-case robust accuracy and in accuracy, over the worse of those two, without what collapsed.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePath

from bench.measuring.robustness import WORST_CASE
from bench.measuring.stats import ratio
from bench.reporting.columns import ACCURACY, ROBUST, TITLES, Column
from bench.reporting.summary import Summary
from bench.reporting.tables import Entry, Number, Table

GAINS = {"robustness_gain": (ROBUST, WORST_CASE), "performance_gain": (ACCURACY, "")}
"""Our reading of a gain: in which column, under which attack."""
OVER = ("compressor", "avatar")


@dataclass(frozen=True)
class Published:
    """One published number."""

    teacher: str
    """Teacher, method, attack and metric are our names where we have one; empty: of none in particular."""
    method: str
    attack: str
    metric: str
    value: float
    unit: str
    digits: int
    """Decimals as published."""
    source: str
    note: str = ""

    @property
    def named(self) -> str:
        """The method, with what must be known about it."""
        return f"{self.method} ({self.note})" if self.note else self.method

    @property
    def number(self) -> Number:
        """The value as a table shows it."""
        return Number(float(self.value), digits=self.digits, sources=(self.source,))


@cache
def published() -> tuple[Published, ...]:
    """Return all of them, in the order of the file."""
    text = files("bench.reporting").joinpath("paper.toml").read_text(encoding="utf-8")
    return tuple(Published(**value) for value in tomllib.loads(text)["value"])


def beside_ours(run: Summary) -> Table:
    """Return every published number, and ours of the same method, attack and metric under each of our teachers."""
    fixed = ("published for", "method", "attack", "metric", "source", "published")
    columns = (*fixed, *(f"ours: {run.short(teacher)}" for teacher in run.teachers))
    caption = (
        *run.setting,
        "Published values are on Devign, with their authors' models and budgets: a reference only.",
        "MoEKD's abstract does not say in what its gains are: ours are relative, of worst-case robust accuracy and of "
        f"accuracy, means over seeds, over the worse of {' and '.join(OVER)}, without what collapsed or is not there.",
    )
    if variants := [name for name in dict.fromkeys(row[1] for row in run.rows()) if _stands_for_its_method(run, name)]:
        caption = (*caption, f"Stand for their methods, run with other settings only: {', '.join(variants)}.")
    if run.experiment["task"] != "devign":
        caption = (*caption, "Ours are on another task and cannot be compared with them.")
    rows = tuple(_quote(run, value) for value in published())
    return Table("published", "Published values beside ours", columns, rows, caption)


def _quote(run: Summary, value: Published) -> tuple[Entry, ...]:
    metric = TITLES.get(value.metric) or f"{value.metric.replace('_', ' ')} {value.unit}".strip()
    column = Column(value.metric, metric, value.digits)
    ours = tuple(_ours(run, value, teacher, column) for teacher in run.teachers)
    return (value.teacher, value.named, value.attack, metric, value.source, value.number, *ours)


def _ours(run: Summary, value: Published, teacher: str, column: Column) -> Entry:
    """Return our number of the same kind under a teacher; empty where it is another teacher, or we have none."""
    if value.metric in GAINS:
        return Number(_gain(run, teacher, value.method, *GAINS[value.metric]), digits=value.digits)
    row = (teacher, _standing(run, value.method))
    known = _related(teacher, value.teacher) and run.seeded(row, column.metric, value.attack)
    return run.number(row, column, value.attack) if known else ""


def _standing(run: Summary, method: str) -> str:
    """Return the method as it was run: itself, or its only variant of the run's size where it was not run as it is."""
    specs = dict.fromkeys(row[1] for row in run.rows())
    variants = [spec for spec in specs if spec.startswith(f"{method}[") and "size_mb=" not in spec]
    return variants[0] if method not in specs and len(variants) == 1 else method


def _stands_for_its_method(run: Summary, spec: str) -> bool:
    name = spec.partition("[")[0]
    return spec != name and _standing(run, name) == spec and any(value.method == name for value in published())


def _related(teacher: str, published: str) -> bool:
    """Tell whether a teacher, by name or as a directory of that name, is a published one or of its architecture."""
    name = PurePath(teacher.rpartition(":")[2]).name  # "graph:" may stand before a directory
    return name == published or name.startswith(f"{published}-")


def _gain(run: Summary, teacher: str, method: str, column: Column, attack: str) -> float:
    """Return by how many % a method beats those of `OVER` at most; NaN where it or all of them are missing."""
    rows = {name: (teacher, _standing(run, name)) for name in (method, *OVER)}
    ranked = {name: row for name, row in rows.items() if row in run.rows() and not run.collapsed(row)}
    known = {name: run.number(row, column, attack).value for name, row in ranked.items()}
    ours, others = known.pop(method, None), [value for value in known.values() if value is not None]
    if ours is None or not others:
        return math.nan
    return 100 * (ratio(ours, min(others)) - 1)
