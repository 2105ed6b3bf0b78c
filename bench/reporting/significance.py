"""Which differences between methods are more than chance: paired tests on the same samples, and who may be in bold.

Follows spec/protocol, "Uncertainty": a test on the same samples, Holm-corrected; bootstrap intervals over samples and
seeds. Compared are clean accuracy and robust accuracy, whose samples are the same for every student; an attack success
rate is over other samples for each. Collapsed students are compared and never win.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.config import GIVEN
from bench.measuring.robustness import WORST_CASE
from bench.measuring.stats import Interval, bootstrap, holm, paired
from bench.reporting.columns import ACCURACY, ROBUST, Column
from bench.reporting.runs import Row
from bench.reporting.summary import Summary
from bench.reporting.tables import Entry, Number, Table
from bench.rng import stream

ALPHA = 0.05
REFERENCE = "moekd"
"""The method that every other one is compared with; the first one asked for, in a run without it."""
UNRANKED = ("majority", "teacher", GIVEN)
"""Never in bold: a constant, what was to be compressed, and what nobody here made."""
CLEAN = "clean"
BOLD = (
    "Bold: better than every other student of its teacher that did not collapse (paired tests on the same programs, "
    "Holm-corrected p below 5%, bootstrap interval above zero); tested are accuracy and robust accuracy."
)

Best = frozenset[tuple[Row, str]]
"""Students that win a column, each with the attack; empty for clean accuracy."""
Right = Mapping[int, Mapping[str, bool]]
"""Which samples are classified correctly, by seed and sample."""


@dataclass(frozen=True)
class Paired:
    """Two students on the same samples, under the same seeds."""

    difference: float
    """Of the shares that are right, first minus second, in points."""
    interval: Interval
    first_only: int
    """Samples that the first alone gets right, added up over seeds; then those of the second."""
    second_only: int
    samples: int
    seeds: int
    p: float
    """Exact and two-sided, not corrected: see `bench.measuring.stats.paired`."""


def compare(first: Right, second: Right, name: str) -> Paired | None:
    """Compare two students on the samples and seeds that both have; None where they share none.

    `name` is the seed of the bootstrap: the same name and the same samples give the same interval.
    """
    seeds = [seed for seed in first if seed in second]
    known = [set(right[seed]) for right in (first, second) for seed in seeds]
    samples = [sample for sample in (first[seeds[0]] if seeds else ()) if all(sample in one for one in known)]
    if not samples:
        return None
    one, two = _matrix(first, seeds, samples), _matrix(second, seeds, samples)
    differences = one.astype(np.int64) - two.astype(np.int64)
    low, high = bootstrap(100.0 * differences, stream(0, "bootstrap", name))
    return Paired(
        difference=100.0 * float(differences.sum()) / differences.size,
        interval=(low, high),
        first_only=int((differences > 0).sum()),
        second_only=int((differences < 0).sum()),
        samples=len(samples),
        seeds=len(seeds),
        p=paired(differences.sum(axis=0)),
    )


def winners(run: Summary) -> Best:
    """Return the students, each with the attack, that are better than every rival.

    Better means: a Holm-corrected p below 5% against each, and a bootstrap interval above zero. Rivals are the students
    of the same teacher that did not collapse.
    """
    columns = [(teacher, attack) for teacher in run.teachers for attack in ("", *run.attacks, WORST_CASE)]
    found = [(_winner(run, teacher, attack), attack) for teacher, attack in columns]
    return frozenset((row, attack) for row, attack in found if row is not None)


def crown(run: Summary, best: Best, row: Row, column: Column, attack: str = "") -> Number:
    """Return the number of a student, in bold where it wins a column that was tested."""
    tested = column == (ROBUST if attack else ACCURACY)
    return replace(run.number(row, column, attack), best=tested and (row, attack) in best)


def significance(run: Summary) -> list[Table]:
    """Return the comparison of every student with the reference; nothing where there is nothing to compare."""
    reference = next((m for m in (REFERENCE, *run.experiment["methods"]) if m in run.methods), "")
    found = [c for teacher in run.teachers for c in _comparisons(run, (teacher, reference))]
    if not found:
        return []
    corrected = holm([pair.p for *_, pair in found])
    rows = [_line(run, *one, p) for one, p in zip(found, corrected, strict=True)]
    compared = ("teacher", "method", "compared with", "on", "difference", "p", "p (Holm)")
    columns = (*compared, "right alone", "other alone", "samples", "seeds", "verdict")
    notes = (
        "Difference in points of clean or robust accuracy, method minus the one compared with, on the same samples and "
        "seeds [95% bootstrap interval over samples and seeds].",
        "p: exact sign-flip test over samples, with one seed McNemar's; Holm-corrected over all rows of this table.",
        "Right alone: programs, added up over seeds, that only the method gets right; other alone: only the other.",
        f"Better or worse: corrected p below {ALPHA:g} and an interval without zero.",
    )
    return [Table("significance", "Paired tests between methods", columns, tuple(rows), (*run.setting, *notes))]


def _winner(run: Summary, teacher: str, attack: str) -> Row | None:
    """Return the winner of one column under one teacher, if there is one."""
    column = ROBUST if attack else ACCURACY
    rivals = [r for r in run.rows() if r[0] == teacher and r[1] not in UNRANKED and not run.collapsed(r)]
    values = {row: run.number(row, column, attack).value for row in rivals}
    known = {row: value for row, value in values.items() if value is not None and math.isfinite(value)}
    if len(known) < 2 or len(known) < len(rivals):
        return None
    best = max(known, key=lambda row: known[row])
    pairs = [_pair(run, best, row, attack) for row in rivals if row != best]
    tested = [pair for pair in pairs if pair is not None]
    beaten = [
        p < ALPHA and pair.interval[0] > 0 for pair, p in zip(tested, holm([pair.p for pair in tested]), strict=True)
    ]
    return best if len(tested) == len(pairs) and all(beaten) else None


def _comparisons(run: Summary, reference: Row) -> Iterator[tuple[Row, Row, str, Paired]]:
    rows: Sequence[Row] = [row for row in run.rows() if row[0] == reference[0] and row != reference]
    if reference not in run.rows():
        return
    for attack in ("", *run.attacks, WORST_CASE):
        for row in rows:
            if (pair := _pair(run, reference, row, attack)) is not None:
                yield reference, row, attack, pair


def _pair(run: Summary, first: Row, second: Row, attack: str) -> Paired | None:
    name = "/".join((*first, *second, attack))
    return compare(run.right(first, attack), run.right(second, attack), name)


def _line(run: Summary, first: Row, second: Row, attack: str, pair: Paired, p: float) -> tuple[Entry, ...]:
    n = (pair.samples,) * pair.seeds
    counts = (pair.first_only, pair.second_only, pair.samples, pair.seeds)
    return (
        *run.label(first),
        run.label(second)[1],
        attack or CLEAN,
        Number(pair.difference, *pair.interval, n=n),
        Number(pair.p, digits=4, n=n),
        Number(p, digits=4, n=n),
        *(Number(float(count), digits=0) for count in counts),
        verdict(pair, p),
    )


def verdict(pair: Paired, p: float) -> str:
    """Return what a pair's corrected p and interval say of the first."""
    low, high = pair.interval
    if p >= ALPHA or low <= 0 <= high:
        return "no difference shown"
    return "better" if pair.difference > 0 else "worse"


def _matrix(right: Right, seeds: Sequence[int], samples: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([[right[seed][sample] for sample in samples] for seed in seeds], dtype=bool)
