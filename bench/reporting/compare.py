"""What changed from one run to another: every number that differs, with a paired test where samples allow one. Pure.

Both runs must be on the same data. Tested are clean and robust accuracy, on the samples and seeds that both runs have;
of every other number the difference is told as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measuring.robustness import WORST_CASE
from bench.measuring.stats import holm
from bench.reporting.columns import ACCURACY, ASR, ATTACKS, CLEAN, COLLAPSED, COMPRESSION, EFFICIENCY, ROBUST, Column
from bench.reporting.runs import Row
from bench.reporting.significance import ALPHA, TESTS, Paired, compare, verdict
from bench.reporting.summary import Summary
from bench.reporting.tables import MISSING, Entry, Number, Table, markdown
from bench.storage.store import Store
from bench.types import UsageError

Line = tuple[Row, str, Column, Number, Number, Paired | None]


def comparison(first: Store, second: Store) -> str:
    """Return as Markdown what differs between two runs, in settings and in numbers.

    Raises:
        UsageError: the runs are on different data.
    """
    shas = [store.manifest.facts.get("sha256") for store in (first, second)]
    if shas[0] != shas[1]:
        raise UsageError(
            f"expected two runs on the same data, got sha256 {shas[0]} in {first.root} and {shas[1]} in {second.root}: "
            "compare runs of the same task and limits"
        )
    one, two = Summary(first), Summary(second)
    names = _names(first.root, second.root)
    return "\n".join(["# What changed\n", *map(markdown, (_settings(one, two, names), changes(one, two, names)))])


def changes(first: Summary, second: Summary, names: tuple[str, str] = ("first", "second")) -> Table:
    """Return every number that both runs have and that differs."""
    lines = list(_lines(first, second))
    moved = [line for line in lines if _moved(line)]
    tested = [line[5] for line in moved if line[5] is not None]
    corrected = iter(holm([pair.p for pair in tested]))
    rows = tuple(_row(first, line, corrected) for line in moved)
    notes = [
        f"{len(moved)} of {len(lines)} numbers differ; differences are {names[1]} minus {names[0]}.",
        "Difference of accuracy and robust accuracy: over the programs and seeds that both runs have "
        f"{TESTS} Holm-corrected over the tested rows.",
        f"Better or worse: corrected p below {ALPHA:g} and an interval without zero.",
        COLLAPSED,
        *_alone(first, second, names[0]),
        *_alone(second, first, names[1]),
    ]
    columns = ("teacher", "method", "attack", "metric", *names, "difference", "p (Holm)", "verdict")
    return Table("compare", "Numbers", columns, rows, tuple(notes))


def _lines(first: Summary, second: Summary) -> Iterator[Line]:
    """Yield every number that both runs have."""
    attacks = [attack for attack in (*first.attacks, WORST_CASE) if attack in (*second.attacks, WORST_CASE)]
    for row in (row for row in first.rows() if row in second.rows()):
        wanted = [("", column) for column in (*CLEAN, *COMPRESSION, *EFFICIENCY)]
        wanted += [(attack, column) for attack in attacks for column in (ASR, ROBUST, *ATTACKS)]
        for attack, column in wanted:
            one, two = first.number(row, column, attack), second.number(row, column, attack)
            if one.value is not None and two.value is not None:
                yield row, attack, column, one, two, _pair(first, second, row, attack, column)


def _pair(first: Summary, second: Summary, row: Row, attack: str, column: Column) -> Paired | None:
    if column != (ROBUST if attack else ACCURACY):
        return None
    name = "/".join(("change", *row, attack))
    return compare(second.right(row, attack), first.right(row, attack), name)


def _moved(line: Line) -> bool:
    """Tell whether a number differs, or stayed the same over programs that are judged otherwise."""
    *_, one, two, pair = line
    return repr(one.value) != repr(two.value) or (pair is not None and pair.first_only + pair.second_only > 0)


def _row(run: Summary, line: Line, corrected: Iterator[float]) -> tuple[Entry, ...]:
    row, attack, column, one, two, pair = line
    shown = (*run.label(row), attack, column.title, one, two)
    if pair is None:
        change = (two.value or 0.0) - (one.value or 0.0)
        return (
            *shown,
            Number(change if math.isfinite(change) else math.nan, digits=column.digits),
            MISSING,
            "not tested",
        )
    p = next(corrected)
    return (*shown, Number(pair.difference, *pair.interval), Number(p, digits=4), verdict(pair, p))


def _alone(run: Summary, other: Summary, name: str) -> Iterator[str]:
    """Name the rows and attacks that the other run lacks."""
    rows = [
        f"{method} of {run.short(teacher)}" for teacher, method in run.rows() if (teacher, method) not in other.rows()
    ]
    attacks = [attack for attack in run.attacks if attack not in other.attacks]
    if rows or attacks:
        yield f"Only in {name}: {', '.join((*rows, *attacks))}."


def _settings(first: Summary, second: Summary, names: tuple[str, str]) -> Table:
    one, two = _flat(first.experiment), _flat(second.experiment)
    differing = [name for name in dict.fromkeys((*one, *two)) if one.get(name) != two.get(name)]
    rows = tuple((name, str(one.get(name, MISSING)), str(two.get(name, MISSING))) for name in differing)
    caption = () if rows else ("Both runs were asked for the same.",)
    return Table("settings", "Settings", ("setting", *names), rows, caption)


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


def _names(first: Path, second: Path) -> tuple[str, str]:
    """Return the names of the directories, told apart where they are the same."""
    one, two = first.resolve().name, second.resolve().name
    return (one, two) if one != two else (f"{one} (first)", f"{two} (second)")
