"""The regression gate: two reduced runs, sample by sample, student by student, attack by attack. Pure.

Follows spec/protocol, "Uncertainty", and DESIGN, D51. A drop counts only if it is both significant (exact McNemar on
the samples, Holm over all comparisons) and larger than the tolerance. Same seeds: the students are paired one by one.
Other seeds: the drop must also stand out from the spread between seeds. Leaves out the worst case over attacks, which
is made of what is compared already.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bench.config import restore
from bench.gate.baseline import STILL_RIGHT, UNKNOWN, Baseline
from bench.measuring.stats import between_seeds, holm, mean
from bench.measuring.stats import paired as sign_flip
from bench.reporting.tables import Number, Table, markdown
from bench.storage.manifest import differences
from bench.storage.schema import as_json
from bench.types import UsageError

Verdict = Literal["regression", "improvement", "tolerated", "noise", "unchanged"]
"""regression and improvement: significant and beyond the tolerance; tolerated: significant, but not beyond it; noise:
samples differ, not significantly; unchanged: no sample differs."""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

RERUNS = 10
"""With other seeds every run draws anew, so that alpha holds for so many runs together."""


@dataclass(frozen=True)
class Limits:
    """What a drop must exceed to be a regression."""

    tolerance: float = 2.0
    """Percentage points."""
    alpha: float = 0.05
    """Chance of a false alarm over all comparisons together."""

    def __post_init__(self) -> None:
        """Reject limits under which nothing or everything would be a regression."""
        if not 0 <= self.tolerance < 100:
            raise UsageError(f"expected 0 to 100 points after --tolerance, got {self.tolerance}")
        if not 0 < self.alpha < 1:
            raise UsageError(f"expected a share between 0 and 1 after --alpha, got {self.alpha}")


@dataclass(frozen=True)
class Comparison:
    """One student under one attack, before and after."""

    teacher: str
    method: str
    attack: str
    """Empty: clean samples."""
    n: int
    """Samples whose answer is known on both sides."""
    before: float
    """Classified correctly (under attack), % of the n samples, mean over seeds; as is `after`."""
    after: float
    lost: int
    """Samples that are right under fewer seeds than before."""
    gained: int
    p: float
    """Uncorrected, two-sided."""
    corrected: float = 1.0
    """By Holm, over all comparisons."""
    verdict: Verdict = "unchanged"

    @property
    def change(self) -> float:
        """Percentage points, negative for a drop."""
        return self.after - self.before


@dataclass(frozen=True)
class Check:
    """All comparisons of a run with a baseline."""

    comparisons: tuple[Comparison, ...]
    paired: bool
    """Whether both have the same seeds, so that students are compared one by one."""
    limits: Limits

    @property
    def regressions(self) -> list[Comparison]:
        """What makes the gate fail."""
        return [one for one in self.comparisons if one.verdict == "regression"]

    @property
    def least(self) -> int:
        """Samples that must move, all one way, before the strictest step of Holm calls that significant."""
        return math.ceil(1 + math.log2(max(len(self.comparisons), 1) / self.limits.alpha))


MAY_DIFFER = ("device", "model.source", "model sha256")
"""Two versions of a model are what a gate compares."""


def compare(before: Baseline, after: Baseline, limits: Limits) -> Check:
    """Compare a run with a baseline.

    Raises:
        UsageError: other data or settings (MAY_DIFFER apart), an answer that the baseline has and the run has not, or
            other seeds and too few of them to know their spread.
    """
    _comparable(before, after)
    was, now = before.by_seed, after.by_seed
    paired = all(letters.keys() <= now[key].keys() for key, letters in was.items() if key in now)
    found = []
    for key, letters in was.items():
        if key not in now:
            raise UsageError(f"expected {' '.join(filter(None, key))} in the run, as in the baseline: run it as well")
        run = {seed: now[key][seed] for seed in letters} if paired else now[key]
        found.append(_compared(key, _table(letters), _table(run), paired=paired))
    limits = limits if paired else replace(limits, alpha=limits.alpha / RERUNS)
    corrected = holm([one.p for one in found])
    ruled = [_ruled(replace(one, corrected=p), limits) for one, p in zip(found, corrected, strict=True)]
    return Check(tuple(ruled), paired, limits)


def _comparable(before: Baseline, after: Baseline) -> None:
    def asked(one: Baseline, where: str) -> tuple[Mapping[str, object], Mapping[str, object]]:
        return as_json(asdict(restore(one.experiment, where))), one.facts

    for name, was, now in differences(asked(before, "the baseline"), asked(after, "the run")):
        if name not in MAY_DIFFER:
            raise UsageError(
                f"expected a run with the baseline's {name} = {was}, got {now}: compare equals, or write a new baseline"
            )
    if before.samples != after.samples:
        raise UsageError("expected the baseline's samples in the run, got others: write a new baseline")


Answered = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""Right, shape (seeds, samples), and known under every seed, shape (samples,)."""


def _table(letters: Mapping[int, str]) -> Answered:
    rows = np.array([list(row) for row in letters.values()])
    known = np.isin(rows, sorted(UNKNOWN), invert=True)
    return np.isin(rows, sorted(STILL_RIGHT)), np.asarray(known.all(axis=0))


def _compared(key: tuple[str, str, str], before: Answered, after: Answered, *, paired: bool) -> Comparison:
    """Count what moved, and how likely that is by chance."""
    known = before[1] & after[1]
    old, new = before[0][:, known], after[0][:, known]
    each = min(len(old), len(new))
    net = new[:each].sum(axis=0) - old[:each].sum(axis=0)
    lost, gained = int((net < 0).sum()), int((net > 0).sum())
    shares = [[100 * float(row.mean()) for row in rows] if known.any() else [] for rows in (old, new)]
    p = sign_flip(net)
    if not paired:
        p = max(p, _spread(*(list(map(int, rows.sum(axis=1))) for rows in (old, new))))
    return Comparison(*key, int(known.sum()), mean(shares[0]), mean(shares[1]), lost, gained, p)


def _spread(before: Sequence[int], after: Sequence[int]) -> float:
    if len(before) + len(after) < 3:
        raise UsageError(
            "expected the baseline's seed in the run, or several seeds in one of them, got one other seed: what seeds "
            "alone change is then not known; give the same --seeds"
        )
    return between_seeds(before, after)


def _ruled(one: Comparison, limits: Limits) -> Comparison:
    significant, beyond = one.corrected < limits.alpha, abs(one.change) > limits.tolerance
    if not one.n or not (one.lost or one.gained or one.change):
        return one
    verdict: Verdict = "tolerated" if significant else "noise"
    if significant and beyond:
        verdict = "regression" if one.change < 0 else "improvement"
    return replace(one, verdict=verdict)


def table(check: Check) -> str:
    """Return what moved, up and down, as Markdown; empty where nothing did."""
    columns = ("teacher", "method", "samples", "n", "before %", "after %", "change", "lost", "gained", "p (Holm)", "")
    moved = [one for one in check.comparisons if one.verdict != "unchanged"]
    rows = tuple(
        (
            *(one.teacher, one.method, one.attack or "clean", str(one.n)),
            *(Number(one.before), Number(one.after), f"{one.change:+.1f}"),
            *(str(one.lost), str(one.gained), f"{one.corrected:.3g}"),
            one.verdict.upper() if one.verdict == "regression" else one.verdict,
        )
        for one in sorted(moved, key=lambda one: one.change)
    )
    return markdown(Table("check", "What moved", columns, rows, ()), intervals=False) if rows else ""


def summary(check: Check) -> str:
    """Return one line: what was found, and what could have been found."""
    counts = {name: sum(one.verdict == name for one in check.comparisons) for name in VERDICTS}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    blind = sum(one.n < check.least for one in check.comparisons)
    how = "same seeds, paired" if check.paired else "other seeds: drops must exceed the spread between seeds as well"
    line = f"{len(check.comparisons)} comparisons ({how}): {told}. Significant from {check.least} samples on, one way"
    return f"{line}; {blind} with fewer samples than that cannot fail." if blind else f"{line}."
