"""A table as values, and as Markdown, CSV and JSON; LaTeX is in `bench.reporting.latex`. Pure: same table, same bytes.

Everything that is text may come from somebody else's data, so every renderer escapes all of it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.storage.files import printable

MISSING = "\N{EN DASH}"
"""A cell that is not finished."""
UNDEFINED = "n/a"
"""A number that does not exist, such as an attack success rate where nothing could be attacked."""
MARK = "†"
"""Behind the name of a collapsed student."""


@dataclass(frozen=True)
class Number:
    """A value with its interval and the number of decimals to show."""

    value: float | None
    """None where the cell is not finished, NaN where the value is not defined."""
    low: float = math.nan
    high: float = math.nan
    digits: int = 1
    n: tuple[int, ...] = field(default=(), compare=False)
    """Samples, or repetitions of a timing, behind the value: one count per seed. Where a value comes from is not part
    of it, so numbers that are equal may differ in this and the next."""
    sources: tuple[str, ...] = field(default=(), compare=False)
    """How it was obtained, where that is not obvious, and by whom, where that was not us."""
    best: bool = False
    """Whether a paired test says that it is the best of its column: it is set in bold."""

    @property
    def bounded(self) -> bool:
        """Whether there is an interval to show."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def text(self) -> str:
        """Return the rounded value, or why there is none."""
        if self.value is None:
            return MISSING
        return self._rounded(self.value) if math.isfinite(self.value) else UNDEFINED

    def interval(self) -> str:
        """Return "[low, high]", empty where there is none."""
        return f"[{self._rounded(self.low)}, {self._rounded(self.high)}]" if self.bounded else ""

    def _rounded(self, value: float) -> str:
        text = f"{value:,.{self.digits}f}"
        if text.strip("-0."):
            return text
        return f"<{10**-self.digits:.{self.digits}f}" if value > 0 and self.digits > 2 else text.lstrip("-")


Entry = str | Number


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers under column titles, with a caption that says what they are worth."""

    name: str
    """File name without its ending."""
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    caption: tuple[str, ...] = ()
    """Sentences."""

    def __post_init__(self) -> None:
        """Reject a ragged table."""
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"expected {len(self.columns)} entries in every row of {self.name}")

    def numeric(self, column: int) -> bool:
        """Tell whether a column holds numbers: it is aligned to the right."""
        return any(isinstance(row[column], Number) for row in self.rows)


def markdown(table: Table, *, intervals: bool = True) -> str:
    """Return the title, the table and its caption; without intervals it is narrow enough for a terminal."""
    from tabulate import tabulate

    body = tabulate(
        [[_markdown_entry(entry, intervals) for entry in row] for row in table.rows],
        headers=[escape_markdown(column) for column in table.columns],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=_alignment(table) if table.rows else None,
    )
    caption = escape_markdown(" ".join(table.caption))
    return f"## {escape_markdown(table.title)}\n\n{body}\n\n{caption}\n"


def as_csv(table: Table) -> str:
    """Return the values to 12 digits; a column with intervals is followed by its low and high ends."""
    wide = [any(_bounded(row[index]) for row in table.rows) for index in range(len(table.columns))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_flat([_csv_titles(title, w) for title, w in zip(table.columns, wide, strict=True)]))
    for row in table.rows:
        writer.writerow(_flat([_csv_entry(entry, w) for entry, w in zip(row, wide, strict=True)]))
    return text.getvalue()


def as_json(table: Table) -> dict[str, Any]:
    """Return the table as JSON values: numbers unrounded, each with its interval, its n and its sources."""
    return {
        "name": table.name,
        "title": table.title,
        "caption": list(table.caption),
        "columns": list(table.columns),
        "rows": [[_json_entry(entry) for entry in row] for row in table.rows],
    }


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    flat = printable(" ".join(text.split()))
    return "".join(f"\\{char}" if char in "\\`*_<>|[]~#" else char for char in flat)


def _alignment(table: Table) -> tuple[str, ...]:
    return tuple("right" if table.numeric(index) else "left" for index in range(len(table.columns)))


def _markdown_entry(entry: Entry, intervals: bool) -> str:
    if isinstance(entry, str):
        return escape_markdown(entry)
    text = f"**{entry.text()}**" if entry.best else entry.text()
    return f"{text} {entry.interval()}".strip() if intervals else text


def _json_entry(entry: Entry) -> str | dict[str, Any]:
    if isinstance(entry, str):
        return entry
    return {
        "value": _finite(entry.value),
        "low": _finite(entry.low),
        "high": _finite(entry.high),
        "n": list(entry.n),
        "sources": list(entry.sources),
        "best": entry.best,
        "state": "unfinished" if entry.value is None else "known" if math.isfinite(entry.value) else "undefined",
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _bounded(entry: Entry) -> bool:
    return isinstance(entry, Number) and entry.bounded


def _csv_titles(title: str, wide: bool) -> list[str]:
    titles = [title, f"{title} low", f"{title} high"] if wide else [title]
    return [_csv_text(text) for text in titles]


def _csv_text(text: str) -> str:
    """Keep a spreadsheet from taking text for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _csv_entry(entry: Entry, wide: bool) -> list[str]:
    if isinstance(entry, str):
        return [_csv_text(entry)]
    values = (entry.value, entry.low, entry.high) if wide else (entry.value,)
    return ["" if value is None or not math.isfinite(value) else f"{value:.12g}" for value in values]


def _flat(groups: Sequence[Sequence[str]]) -> list[str]:
    return [item for group in groups for item in group]
