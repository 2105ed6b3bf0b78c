"""A table as a page shows it: titles in two lines, and for each cell its text, its interval and what it sorts by."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import takewhile

from bench.reporting.tables import Entry, Table

SHORT = 24
"""Characters that are not broken into lines."""
LAST = ""
"""Sorts behind everything, whatever the direction: what has no value."""


@dataclass(frozen=True)
class Head:
    """A column's title."""

    over: str
    """What stands before a colon, such as an attack; empty for most."""
    text: str
    numeric: bool


@dataclass(frozen=True)
class Box:
    """A cell."""

    text: str
    interval: str = ""
    sort: str = LAST
    numeric: bool = False
    best: bool = False
    names_row: bool = False

    @property
    def short(self) -> bool:
        """Whether it fits on one line."""
        return len(self.text) <= SHORT


@dataclass(frozen=True)
class Grid:
    """A table for the template."""

    name: str
    title: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Box, ...], ...]
    caption: tuple[str, ...]


def grid(table: Table, common: tuple[str, ...] = ()) -> Grid:
    """Return a table as boxes, without what the page has said already.

    That are sentences of its caption (`common`), and the teacher where all rows have the same.
    """
    if len(table.rows) > 1 and table.columns[0] == "teacher" and len({row[0] for row in table.rows}) == 1:
        table = replace(table, columns=table.columns[1:], rows=tuple(row[1:] for row in table.rows))
    stub = len(list(takewhile(lambda column: not table.numeric(column), range(len(table.columns)))))
    heads = tuple(_head(title, table.numeric(place)) for place, title in enumerate(table.columns))
    rows = tuple(
        tuple(_box(entry, place < min(stub, 3) and bool(entry)) for place, entry in enumerate(row))
        for row in table.rows
    )
    return Grid(table.name, table.title, heads, rows, tuple(line for line in table.caption if line not in common))


def _head(title: str, numeric: bool) -> Head:
    over, colon, text = title.rpartition(": ")
    return Head(over, text, numeric) if colon else Head("", title, numeric)


def _box(entry: Entry, names_row: bool) -> Box:
    if isinstance(entry, str):
        return Box(entry, sort=entry, names_row=names_row)
    known = entry.value is not None and math.isfinite(entry.value)
    return Box(entry.text(), entry.interval(), repr(entry.value) if known else LAST, numeric=True, best=entry.best)
