"""Other people's published numbers, quoted from paper.toml beside this module, and ours beside them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bench.reporting.columns import TITLES, Column
from bench.reporting.summary import Summary
from bench.reporting.tables import Entry, Number, Table


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
    )
    if run.experiment["task"] != "devign":
        caption = (*caption, "Ours are on another task and cannot be compared with them.")
    rows = tuple(_quote(run, value) for value in published())
    return Table("published", "Published values beside ours", columns, rows, caption)


def _quote(run: Summary, value: Published) -> tuple[Entry, ...]:
    metric = TITLES.get(value.metric) or f"{value.metric.replace('_', ' ')} {value.unit}".strip()
    column = Column(value.metric, metric, value.digits)
    ours: list[Entry] = []
    for teacher in run.teachers:
        row = (teacher, value.method)
        related = teacher == value.teacher or teacher.startswith(f"{value.teacher}-")
        known = related and run.seeded(row, column.metric, value.attack)
        ours.append(run.number(row, column, value.attack) if known else "")
    return (value.teacher, value.named, value.attack, metric, value.source, value.number, *ours)
