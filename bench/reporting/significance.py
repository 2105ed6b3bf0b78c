"""Which differences between methods are more than chance: paired tests on the same samples, and who may be in bold.

Follows spec/protocol, "Uncertainty", and DESIGN, D85: a test on the same samples and seeds, Holm-corrected, beside an
interval over both. Compared are clean and robust accuracy, whose samples are the same for every student; an attack
success rate is over other samples for each. Collapsed students are compared, and neither ranked nor counted by Holm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.config import GIVEN
from bench.measuring.robustness import WORST_CASE
from bench.measuring.stats import Interval, between_seeds, bootstrap, holm, paired, widened
from bench.reporting.columns import ACCURACY, COLLAPSED, ROBUST, Column
from bench.reporting.runs import Row, read
from bench.reporting.summary import Summary
from bench.reporting.tables import Entry, Number, Table
from bench.rng import stream
from bench.variants import write

ALPHA = 0.05
REFERENCE = "moekd"
"""The method that every other one is compared with; the first one asked for, in a run without it."""
CONSTANT = "majority"
UNRANKED = (CONSTANT, "teacher", GIVEN)
"""Never in bold: a constant, what was to be compressed, and what nobody here made."""
NOT_RANKED = "collapsed: not ranked"
SIZE = "size_mb"
"""The setting that makes a student of another size."""
CLEAN = "clean"
BOLD = (
    "Bold: better than every other student of its teacher that did not collapse (paired tests on the same programs, "
    "Holm-corrected p below 5%, interval above zero); tested are accuracy and robust accuracy."
)

TESTS = (
    "[95% interval: bootstrap over samples, with several seeds widened by Student's t over their trainings]; p: exact "
    "sign-flip test over samples, with one seed McNemar's, with several the larger of it and of a t-test over seeds;"
)
"""How two students are compared, to be followed by what Holm's correction is over."""
ONE_TEACHER = "All seeds share one teacher: what another teacher would change is in no interval and no p."

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
    """Two-sided, not corrected: of the samples, and with several seeds of these as well, whichever says less."""


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
    sampling = bootstrap(100.0 * differences.mean(axis=0), stream(0, "bootstrap", name))
    return Paired(
        difference=100.0 * float(differences.sum()) / differences.size,
        interval=widened(sampling, *((100.0 * right.mean(axis=1)).tolist() for right in (one, two))),
        first_only=int((differences > 0).sum()),
        second_only=int((differences < 0).sum()),
        samples=len(samples),
        seeds=len(seeds),
        p=_chance(one, two),
    )


def _chance(one: NDArray[np.bool_], two: NDArray[np.bool_]) -> float:
    """Return how likely two students of one method differ so much, each of shape (seeds, samples).

    The larger of two p-values: other samples might have told otherwise, and other trainings might.
    """
    over_samples = paired(one.sum(axis=0, dtype=np.int64) - two.sum(axis=0, dtype=np.int64))
    if len(one) < 2:
        return over_samples
    return max(over_samples, between_seeds(one.sum(axis=1).tolist(), two.sum(axis=1).tolist()))


def winners(run: Summary) -> Best:
    """Return the students, each with the attack, that are better than every rival.

    Better means: a Holm-corrected p below 5% against each, and an interval above zero. Rivals are the students of the
    same teacher that did not collapse.
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
    corrected = iter(holm([pair.p for first, second, _, pair in found if ranked(run, first, second)]))
    rows = [_line(run, *one, next(corrected) if ranked(run, *one[:2]) else None) for one in found]
    sized = any(first[1] != reference for first, *_ in found)
    compared = ("teacher", "method", "compared with", "on", "difference", "p", "p (Holm)")
    columns = (*compared, "right alone", "other alone", "samples", "seeds", "verdict")
    notes = (
        "Difference in points of clean or robust accuracy, method minus the one compared with, on the same samples and "
        f"seeds {TESTS} Holm-corrected over all ranked rows of this table.",
        *([f"A student of another size is compared with {reference} of its size."] if sized else []),
        "Right alone: programs, added up over seeds, that only the method gets right; other alone: only the other.",
        f"Better or worse: corrected p below {ALPHA:g} and an interval without zero.",
        ONE_TEACHER,
        COLLAPSED,
    )
    caption = (*run.setting, run.attack_setting, *notes)
    return [Table("significance", "Paired tests between methods", columns, tuple(rows), caption)]


def ranked(run: Summary, *rows: Row) -> bool:
    """Tell whether students may be ranked: none of them answers always the same or is no better than who does."""
    return not any(method == CONSTANT or run.collapsed((teacher, method)) for teacher, method in rows)


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
            first = _of_its_size(run, reference, row)
            if (pair := _pair(run, first, row, attack)) is not None:
                yield first, row, attack, pair


def _of_its_size(run: Summary, reference: Row, row: Row) -> Row:
    """Return the reference at the size of a student, where the run has that; of its own variants, the reference."""
    (name, settings), (_, own) = read(reference[1]), read(row[1])
    if SIZE not in own:
        return reference
    sized = (reference[0], write(name, {**settings, SIZE: own[SIZE]}))
    return sized if sized in run.rows() and sized != row else reference


def _pair(run: Summary, first: Row, second: Row, attack: str) -> Paired | None:
    name = "/".join((*first, *second, attack))
    return compare(run.right(first, attack), run.right(second, attack), name)


def _line(run: Summary, first: Row, second: Row, attack: str, pair: Paired, p: float | None) -> tuple[Entry, ...]:
    n = (pair.samples,) * pair.seeds
    counts = (pair.first_only, pair.second_only, pair.samples, pair.seeds)
    return (
        *run.label(first),
        run.label(second)[1],
        attack or CLEAN,
        Number(pair.difference, *pair.interval, n=n),
        Number(pair.p, digits=4, n=n),
        Number(math.nan if p is None else p, digits=4, n=n),
        *(Number(float(count), digits=0) for count in counts),
        NOT_RANKED if p is None else verdict(pair, p),
    )


def verdict(pair: Paired, p: float) -> str:
    """Return what a pair's corrected p and interval say of the first."""
    low, high = pair.interval
    if p >= ALPHA or low <= 0 <= high:
        return "no difference shown"
    return "better" if pair.difference > 0 else "worse"


def _matrix(right: Right, seeds: Sequence[int], samples: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([[right[seed][sample] for sample in samples] for seed in seeds], dtype=bool)
