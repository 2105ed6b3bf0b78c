"""Intervals and tests: Wilson, McNemar, Holm, bootstrap, and the mean over seeds. Knows no models and no attacks.

Follows spec/protocol, "Uncertainty". The interval of one student's rate is in closed form (`wilson`, `over_seeds`);
that of the difference between two is a bootstrap over samples, widened by what training varies (`widened`). Nothing
here fails on empty input: what is not defined is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom, binomtest
from scipy.stats import t as student_t

Z95 = 1.959963984540054
"""The 97.5% quantile of the normal distribution."""

ROUNDS = 4000
"""Resamples of a bootstrap."""

Interval = tuple[float, float]
"""Low and high end, at 95%."""


def ratio(part: float, whole: float) -> float:
    """Return part / whole, NaN where whole is 0."""
    return part / whole if whole else math.nan


def wilson(successes: int, n: int) -> Interval:
    """Return the 95% Wilson score interval of a share; (NaN, NaN) for n = 0."""
    if n == 0:
        return math.nan, math.nan
    share, z2 = successes / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean, NaN of nothing; the order of the values does not matter."""
    return math.fsum(values) / len(values) if values else math.nan


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> float:
    """Return the exact two-sided p-value that two classifiers are right equally often, on the same n samples."""
    first, second = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if first.shape != second.shape:
        raise ValueError(f"expected the same samples, got {first.size} and {second.size}")
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(~first & second))
    differing = only_first + only_second
    return float(binomtest(only_first, differing).pvalue) if differing else 1.0


def between_seeds(first: Sequence[int], second: Sequence[int]) -> float:
    """Return the two-sided p-value that the counts of two sets of seeds have one mean: Student's t, pooled variance.

    Counts that do not vary at all differ for certain or not at all. Raises ValueError for fewer than three seeds.
    """
    degrees = len(first) + len(second) - 2
    if not first or not second or degrees < 1:
        raise ValueError(f"expected three seeds or more in two sets, got {len(first)} and {len(second)}")
    difference = mean(first) - mean(second)
    squares = math.fsum((value - mean(group)) ** 2 for group in (first, second) for value in group)
    if not squares:
        return float(difference == 0)
    error = math.sqrt(squares / degrees * (1 / len(first) + 1 / len(second)))
    return float(2 * student_t.sf(abs(difference) / error, degrees))


def paired(differences: ArrayLike) -> float:
    """Return the exact two-sided p-value that two classifiers are right equally often, over several seeds.

    For each of n samples: under how many seeds the first alone is right, minus under how many the second is. The seeds
    of a sample are not independent, so it is the sample that may fall either way, with all its seeds (a sign-flip
    test). With one seed this is McNemar's exact test.
    """
    values = np.asarray(differences, dtype=np.int64)
    sizes, counts = np.unique(np.abs(values[values != 0]), return_counts=True)
    chances = np.ones(1)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        steps = np.zeros(size * count + 1)
        steps[::size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chances = np.convolve(chances, steps)
    totals = 2 * np.arange(chances.size) - (chances.size - 1)
    return min(1.0, math.fsum(chances[np.abs(totals) >= abs(int(values.sum()))]))


def bootstrap(differences: ArrayLike, rng: np.random.Generator) -> Interval:
    """Return the 95% percentile interval of a mean over samples, shape (n,), drawn anew; (NaN, NaN) of nothing.

    The same generator gives the same interval.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.size == 0:
        return math.nan, math.nan
    kinds, counts = np.unique(values, return_counts=True)  # samples that are alike are drawn together
    means = rng.multinomial(values.size, counts / values.size, size=ROUNDS) @ kinds / values.size
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def widened(interval: Interval, first: Sequence[float], second: Sequence[float]) -> Interval:
    """Return a sampling interval of mean(first) - mean(second) with what training varies: rates under k seeds each.

    Student's t, pooled variance, 2(k - 1) degrees; both errors add in squares, as in `over_seeds`. With one seed each,
    what training varies is not known, and the interval stays as it is.
    """
    k = len(first)
    if k != len(second):
        raise ValueError(f"expected as many seeds in both, got {k} and {len(second)}")
    if k < 2:
        return interval
    pooled = (float(np.var(first, ddof=1)) + float(np.var(second, ddof=1))) / 2
    spread = float(student_t.ppf(0.975, 2 * (k - 1))) * math.sqrt(2 * pooled / k)
    centre = mean(first) - mean(second)
    low, high = interval
    return centre - math.hypot(centre - low, spread), centre + math.hypot(high - centre, spread)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for being several (Holm 1979), in the order given."""
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def over_seeds(values: Sequence[float], intervals: Sequence[Interval | None] = ()) -> tuple[float, float, float]:
    """Return mean, low and high over seeds; seeds whose value is NaN are left out.

    The samples are the same under every seed, so the sampling error (mean half-width of the seeds' own intervals) does
    not shrink with more seeds; the error from training does (Student's t over the seeds' values). Both add in squares.
    Where a seed has no interval of its own, the sampling error is not known, and low and high are NaN.
    """
    pairs = zip(values, intervals or [None] * len(values), strict=True)
    kept = [(value, interval) for value, interval in pairs if math.isfinite(value)]
    centre = mean([value for value, _ in kept])
    own = [(value - interval[0], interval[1] - value) for value, interval in kept if interval is not None]
    if not kept or len(own) < len(kept):
        return centre, math.nan, math.nan
    spread = _seed_half_width([value for value, _ in kept])
    below, above = (mean([half[side] for half in own]) for side in (0, 1))
    return centre, centre - math.hypot(below, spread), centre + math.hypot(above, spread)


def _seed_half_width(values: Sequence[float]) -> float:
    """Half the width of Student's 95% interval of the mean; 0 for a single value."""
    k = len(values)
    if k < 2:
        return 0.0
    return float(student_t.ppf(0.975, k - 1) * np.std(values, ddof=1) / math.sqrt(k))
