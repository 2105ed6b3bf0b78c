"""Tables as LaTeX (booktabs), ready to `\\input`: floats that are no wider than a page and no higher. Pure.

A table that is too wide is set as several panels below each other, each of which begins with the columns that name its
rows; one that is too high goes on in another float of the same number. Written for any engine and the package booktabs
alone: what is not printable ASCII is spelled out. Everything that is text may come from somebody else's data, so all of
it is escaped.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from bench.reporting.tables import MARK, MISSING, Entry, Table

WIDTH = 400.0
"""Points that a panel may take: the text of a two-column article is 410 points wide, of most journals more."""
LINES = 54
"""Lines that all panels of a float may take."""
POINTS, INTERVAL_POINTS, GAP = 3.6, 3.0, 6.0
"""Width of a character at \\scriptsize, of one of an interval at \\tiny, and of the space between two columns."""
LONG = 26
"""Characters after which text is broken into lines."""
TIED = "\xa0"
"""A blank at which no line is broken."""
SPECIAL = {
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
class _Panel:
    """Some columns of some rows: one tabular."""

    columns: tuple[int, ...]
    rows: range


def latex(table: Table) -> str:
    """Return the floats of a table, with the label tab:NAME; the document needs the package booktabs."""
    floats = _floats(table)
    return "".join(_float(table, panels, place, len(floats)) for place, panels in enumerate(floats))


def escape_latex(text: str) -> str:
    """Return text that LaTeX typesets as it is: no macro, no row end, no character that an engine may lack."""
    flat = " ".join(text.split())
    return re.sub(r"([-'`,])(?=\1)", r"\1{}", "".join(_char(char) for char in flat))


def _char(char: str) -> str:
    if char in SPECIAL:
        return SPECIAL[char]
    return char if " " <= char <= "~" else f"(U+{ord(char):04X})"


def _floats(table: Table) -> list[list[_Panel]]:
    """Return the panels of each float: all in one if they fit, else each of them alone, cut where it is too high."""
    groups, rows = _groups(table), range(len(table.rows))
    heights = [max((len(_lines(entry)) for entry in row if isinstance(entry, str)), default=1) for row in table.rows]
    if len(groups) * (sum(heights) + 2) <= LINES:
        return [[_Panel(group, rows) for group in groups]]
    return [[_Panel(group, part)] for group in groups for part in _cut(heights)]


def _groups(table: Table) -> list[tuple[int, ...]]:
    """Divide the columns into groups that fit, each beginning with the columns that name the rows."""
    stub = tuple(takewhile(lambda column: not table.numeric(column), range(len(table.columns))))
    widths = [_width(table, column) for column in range(len(table.columns))]
    groups, used = [stub], sum(widths[column] for column in stub)
    room = used
    for column in range(len(stub), len(table.columns)):
        if room + widths[column] > WIDTH and groups[-1] != stub:
            groups, room = [*groups, stub], used
        groups[-1] = (*groups[-1], column)
        room += widths[column]
    return groups


def _cut(heights: Sequence[int]) -> Iterator[range]:
    """Yield ranges of rows, none of them higher than a float."""
    start, used = 0, 0
    for row, height in enumerate(heights):
        if used + height > LINES - 2 and used:
            yield range(start, row)
            start, used = row, 0
        used += height
    yield range(start, len(heights))


def _float(table: Table, panels: Sequence[_Panel], place: int, of: int) -> str:
    """Return one float; the first carries the label, the last the notes, and all of them the same number."""
    title = f"{table.title}, continued." if place else f"{table.title}."
    notes = escape_latex(" ".join(table.caption))
    bodies = [rf"\par\smallskip{line}" for panel in panels for line in ["\n" + _tabular(table, panel)]]
    lines = [
        r"\begin{table*}[tbp]",
        r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
        *([r"\addtocounter{table}{-1}"] if place else []),
        rf"\caption{{{escape_latex(title)}}}",
        *([] if place else [rf"\label{{tab:{table.name}}}"]),
        *bodies,
        *([rf"\par\smallskip\parbox{{\textwidth}}{{{notes}}}"] if notes and place == of - 1 else []),
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def _tabular(table: Table, panel: _Panel) -> str:
    spec = "".join("r" if table.numeric(column) else "l" for column in panel.columns)
    head = " & ".join(_head(table, column) for column in panel.columns)
    body = [" & ".join(_entry(table.rows[row][column]) for column in panel.columns) + r" \\" for row in panel.rows]
    lines = [rf"\begin{{tabular}}{{{spec}}}", r"\toprule", rf"{head} \\", r"\midrule", *body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _head(table: Table, column: int) -> str:
    return _stack(_title(table, column), "r" if table.numeric(column) else "l", "b")


def _title(table: Table, column: int) -> list[str]:
    """Return a column's title, broken so that it is hardly wider than what stands below it."""
    below = max((len(_shown(row[column])) for row in table.rows), default=0)
    title = " ".join(table.columns[column].split()).replace(" %", f"{TIED}%")
    return [line.replace(TIED, " ") for line in textwrap.wrap(title, max(below, 10), break_long_words=False)] or [""]


def _width(table: Table, column: int) -> float:
    """Estimate the width of a column in points."""
    head = POINTS * max(map(len, _title(table, column)))
    return GAP + max([head, *(_entry_width(row[column]) for row in table.rows)])


def _entry_width(entry: Entry) -> float:
    if isinstance(entry, str):
        return POINTS * max(map(len, _lines(entry)))
    interval = INTERVAL_POINTS * (len(entry.interval()) + 1) if entry.bounded else 0.0
    return POINTS * len(entry.text()) + interval


def _shown(entry: Entry) -> str:
    return _lines(entry)[0] if isinstance(entry, str) else f"{entry.text()} {entry.interval()}".strip()


def _lines(text: str) -> list[str]:
    """Break long text at its blanks."""
    return textwrap.wrap(text, LONG, break_long_words=False, break_on_hyphens=False) or [""]


def _entry(entry: Entry) -> str:
    if isinstance(entry, str):
        return _stack(_lines(entry), "l", "t")
    text = f"${entry.text()}$" if entry.text().startswith("-") else escape_latex(entry.text())
    shown = rf"\textbf{{{text}}}" if entry.best else text
    return f"{shown} {{\\tiny {entry.interval()}}}" if entry.bounded else shown


def _stack(lines: Sequence[str], alignment: str, position: str) -> str:
    """Return lines below each other; one line is itself."""
    if len(lines) == 1:
        return escape_latex(lines[0])
    stacked = r" \\ ".join(f"{{{escape_latex(line)}}}" for line in lines)
    return rf"\begin{{tabular}}[{position}]{{@{{}}{alignment}@{{}}}}{stacked}\end{{tabular}}"
