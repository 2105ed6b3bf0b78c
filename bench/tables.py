"""A table as values, and its three renderings: Markdown, LaTeX (booktabs) and CSV. Pure: same table, same bytes.

Everything that is text may come from somebody else's data, so every renderer escapes all of it. LaTeX is written for
any engine: what is not printable ASCII is spelled out.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

MISSING = "\N{EN DASH}"
"""A cell that is not finished."""
UNDEFINED = "n/a"
"""A number that does not exist, such as an attack success rate where nothing could be attacked."""
MARK = "†"
"""Behind the name of a collapsed student."""

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    MISSING: r"\textendash{}",
    MARK: r"\dag{}",
    **{char: f"\\{char}" for char in "#$%&_"},
}


@dataclass(frozen=True)
class Number:
    """A value with its interval and the number of decimals to show."""

    value: float | None
    """None where the cell is not finished, NaN where the value is not defined."""
    low: float = math.nan
    high: float = math.nan
    digits: int = 1

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
        return text if text.strip("-0.") else text.lstrip("-")


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


def latex(table: Table) -> str:
    """Return a floating table for `\\input`; the document needs the package booktabs."""
    spec = "".join("r" if table.numeric(index) else "l" for index in range(len(table.columns)))
    head = " & ".join(escape_latex(column) for column in table.columns)
    body = [" & ".join(_latex_entry(entry) for entry in row) + r" \\" for row in table.rows]
    caption = escape_latex(" ".join((table.title + ".", *table.caption)))
    lines = [
        r"\begin{table*}[tbp]",
        r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{caption}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{spec}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def as_csv(table: Table) -> str:
    """Return the values to 12 digits; a column with intervals is followed by its low and high ends."""
    wide = [any(_bounded(row[index]) for row in table.rows) for index in range(len(table.columns))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_flat([_csv_titles(title, w) for title, w in zip(table.columns, wide, strict=True)]))
    for row in table.rows:
        writer.writerow(_flat([_csv_entry(entry, w) for entry, w in zip(row, wide, strict=True)]))
    return text.getvalue()


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    flat = " ".join(text.split())
    return "".join(f"\\{char}" if char in "\\`*_<>|[]~#" else char for char in flat)


def escape_latex(text: str) -> str:
    """Return text that LaTeX typesets as it is: no macro, no row end, no character that an engine may lack."""
    flat = " ".join(text.split())
    return re.sub(r"([-'`,])(?=\1)", r"\1{}", "".join(_latex_char(char) for char in flat))


def _latex_char(char: str) -> str:
    if char in LATEX:
        return LATEX[char]
    return char if " " <= char <= "~" else f"(U+{ord(char):04X})"


def _alignment(table: Table) -> tuple[str, ...]:
    return tuple("right" if table.numeric(index) else "left" for index in range(len(table.columns)))


def _markdown_entry(entry: Entry, intervals: bool) -> str:
    if isinstance(entry, str):
        return escape_markdown(entry)
    return f"{entry.text()} {entry.interval()}".strip() if intervals else entry.text()


def _latex_entry(entry: Entry) -> str:
    if isinstance(entry, str):
        return escape_latex(entry)
    text = entry.text()
    shown = f"${text}$" if text.startswith("-") else escape_latex(text)
    return f"{shown} {{\\tiny {entry.interval()}}}" if entry.bounded else shown


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
