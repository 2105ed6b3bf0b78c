"""What a setting changes: every variant of a method beside the method as it is, with paired tests on the same samples.

Made from the specs alone (bench.variants): whichever run holds a method and variants of it shows them, be it of
`bench ablate` or of `--size-mb 3,1.5`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench.measuring.robustness import WORST_CASE
from bench.measuring.stats import holm
from bench.reporting.columns import ACCURACY, ASR, AUROC, COLLAPSED, INTERVALS, ROBUST, titles
from bench.reporting.runs import Row, read
from bench.reporting.significance import TESTS, Paired, compare, ranked
from bench.reporting.summary import Summary
from bench.reporting.tables import Entry, Number, Table

TESTED = ("", WORST_CASE)
"""Clean accuracy, and robust accuracy under all attacks."""


def ablation(run: Summary) -> list[Table]:
    """Return the table of variants; nothing where no method has one."""
    pairs = list(_pairs(run))
    if not pairs:
        return []
    plain_of = {row: plain for row, plain in pairs if row != plain}
    tests = {(row, attack): _test(run, row, plain, attack) for row, plain in plain_of.items() for attack in TESTED}
    known = {key: test for key, test in tests.items() if test is not None}
    tested = [(row, attack) for row, attack in known if ranked(run, row, plain_of[row])]
    corrected = dict(zip(tested, holm([known[key].p for key in tested]), strict=True))
    attacked = [(attack, column) for attack in run.leading for column in (ASR, ROBUST)] + [(WORST_CASE, ROBUST)]

    def line(row: Row) -> tuple[Entry, ...]:
        _, settings = read(row[1])
        rates = tuple(run.number(row, column, attack) for attack, column in attacked)
        differences = [entry for attack in TESTED for entry in _difference(known, corrected, row, attack)]
        what = ", ".join(settings) or "as it is", ", ".join(settings.values())
        return (*run.label(row), *what, *run.numbers(row, (ACCURACY, AUROC)), *rates, *differences)

    columns = (
        "teacher",
        "method",
        "setting",
        "value",
        *titles((ACCURACY, AUROC)),
        *(f"{attack}: {column.title}" for attack, column in attacked),
        *(f"{what}{suffix}" for what in ("accuracy", "worst case") for suffix in (": difference", ": p (Holm)")),
    )
    notes = (
        INTERVALS,
        run.union,
        f"Difference in points to the same method as it is, on the same samples and seeds {TESTS} Holm-corrected over "
        "this table, in which what collapsed has no corrected p.",
        COLLAPSED,
    )
    rows = tuple(line(row) for row, _ in pairs)
    caption = (*run.setting, run.attack_setting, *notes)
    return [Table("ablation", "What a setting changes", columns, rows, caption)]


def _pairs(run: Summary) -> Iterator[tuple[Row, Row]]:
    """Yield each method that has variants, and its variants after it, with the method as it is."""
    rows = run.rows()
    for plain in rows:
        variants = [row for row in rows if row != plain and (row[0], read(row[1])[0]) == plain]
        yield from ((row, plain) for row in (plain, *variants) if variants)


def _test(run: Summary, row: Row, plain: Row, attack: str) -> Paired | None:
    return compare(run.right(row, attack), run.right(plain, attack), "/".join((*row, *plain, attack)))


def _difference(
    known: dict[tuple[Row, str], Paired], corrected: dict[tuple[Row, str], float], row: Row, attack: str
) -> tuple[Entry, Entry]:
    test = known.get((row, attack))
    if test is None:
        return "", ""
    n = (test.samples,) * test.seeds
    return Number(test.difference, *test.interval, n=n), Number(corrected.get((row, attack), math.nan), digits=4, n=n)
