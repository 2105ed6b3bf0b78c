"""Pure arithmetic: from labels and probabilities to clean metrics and their 95% intervals.

Follows spec/protocol, "Metrics". Shares are fractions (0 to 1); whoever makes records multiplies by 100. What is not
defined (no samples, one class only) is NaN, never an error and never a zero. What attacks leave is counted in
`bench.measuring.robustness`; the statistics behind the intervals are in `bench.measuring.stats`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from bench.measuring.stats import Z95, Interval, ratio, wilson
from bench.types import UsageError

ECE_BINS = 10
UNKNOWN: Interval = (math.nan, math.nan)
ROUNDING = 1e-3
"""How far a probability may be off; models answer in half precision as well."""


@dataclass(frozen=True)
class Confusion:
    """Counts of right and wrong answers; "positive" is vulnerable, label 1."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def n(self) -> int:
        """All judged samples."""
        return self.positives + self.negatives

    @property
    def positives(self) -> int:
        """Samples whose label is 1."""
        return self.true_positive + self.false_negative

    @property
    def negatives(self) -> int:
        """Samples whose label is 0."""
        return self.true_negative + self.false_positive

    @property
    def right(self) -> int:
        """Samples that are classified correctly."""
        return self.true_positive + self.true_negative

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the shares of each class that are found; NaN unless both classes occur."""
        return (ratio(self.true_positive, self.positives) + ratio(self.true_negative, self.negatives)) / 2

    @property
    def mcc(self) -> float:
        """Matthews correlation; NaN unless both classes occur, 0 for a constant answer (the usual convention)."""
        predicted = self.true_positive + self.false_positive
        if not self.positives or not self.negatives:
            return math.nan
        if predicted in (0, self.n):
            return 0.0
        product = self.true_positive * self.true_negative - self.false_positive * self.false_negative
        margins = float(predicted) * (self.n - predicted) * self.positives * self.negatives
        return product / math.sqrt(margins)

    @property
    def balanced_interval(self) -> Interval:
        """95% interval of the balanced accuracy: the Wilson intervals of the two classes, combined (MOVER)."""
        centre = self.balanced_accuracy
        lows, highs = [], []
        for found, size in ((self.true_positive, self.positives), (self.true_negative, self.negatives)):
            low, high = wilson(found, size)
            lows.append(ratio(found, size) - low)
            highs.append(high - ratio(found, size))
        return centre - math.hypot(*lows) / 2, centre + math.hypot(*highs) / 2

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall of class 1; NaN where nothing is vulnerable or called so."""
        return ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)

    @property
    def f1_interval(self) -> Interval:
        """95% interval of F1, from the Wilson interval of q = TP / (TP + FP + FN), of which it is 2 q / (1 + q).

        To first order that is the delta method over multinomial counts (Takahashi et al. 2022), and unlike it defined
        at the ends, where no vulnerable program is found or nothing is wrong.
        """
        low, high = wilson(self.true_positive, self.true_positive + self.false_positive + self.false_negative)
        return min(self.f1, 2 * low / (1 + low)), max(self.f1, 2 * high / (1 + high))

    @property
    def mcc_interval(self) -> Interval:
        """95% interval of the MCC by the delta method over multinomial counts (Bishop, Fienberg and Holland 1975, phi).

        NaN where that knows no error: a constant answer, one class only, nothing wrong, nothing right.
        """
        a, b, c, d = self.true_positive, self.false_positive, self.false_negative, self.true_negative
        said, true, false, unsaid = margins = (a + b, a + c, b + d, c + d)
        if not all(margins) or self.right in (0, self.n):
            return UNKNOWN
        root, half = math.sqrt(math.prod(map(float, margins))), self.mcc / 2
        slopes = (  # of the MCC, by each count
            d / root - half / said - half / true,
            -c / root - half / said - half / false,
            -b / root - half / true - half / unsaid,
            a / root - half / false - half / unsaid,
        )
        variance = math.fsum(count * slope**2 for count, slope in zip((a, b, c, d), slopes, strict=True))
        return _normal(self.mcc, variance, -1.0)


def _normal(centre: float, variance: float, least: float) -> Interval:
    """Return the 95% interval of a normal estimate that lies between `least` and 1; NaN without a variance."""
    if not variance > 0:
        return UNKNOWN
    half = Z95 * math.sqrt(variance)
    return max(least, centre - half), min(1.0, centre + half)


def checked(rows: object, n: int) -> NDArray[np.float64]:
    """Reject what is no table of probabilities: a silent NaN would read as "not vulnerable"."""
    table = np.asarray(rows, dtype=np.float64)
    if table.shape != (n, 2):
        raise UsageError(f"expected probabilities of shape ({n}, 2), got {table.shape}: mend the model's classifier")
    if not np.isfinite(table).all() or (np.abs(table.sum(axis=1) - 1) > ROUNDING).any():
        raise UsageError("expected finite probabilities that sum to 1, got others: mend the model's classifier")
    if (table < -ROUNDING).any() or (table > 1 + ROUNDING).any():
        raise UsageError("expected probabilities from 0 to 1, got others: mend the model's classifier")
    return table


def predicted(vulnerable: ArrayLike) -> NDArray[np.int64]:
    """Return the labels that P(vulnerable), shape (n,), decides for: 1 above one half, else 0."""
    return (np.asarray(vulnerable, dtype=np.float64) > 0.5).astype(np.int64)


def confusion(labels: ArrayLike, vulnerable: ArrayLike) -> Confusion:
    """Count answers against labels, both of shape (n,)."""
    truth, answer = np.asarray(labels, dtype=np.int64), predicted(vulnerable)
    if truth.shape != answer.shape or truth.ndim != 1:
        raise ValueError(f"expected two arrays of one length, got shapes {truth.shape} and {answer.shape}")

    def count(label: int, said: int) -> int:
        return int(np.sum((truth == label) & (answer == said)))

    return Confusion(count(1, 1), count(0, 1), count(1, 0), count(0, 0))


def auroc(labels: ArrayLike, vulnerable: ArrayLike) -> float:
    """Return the chance that a vulnerable sample scores above a safe one, ties counted half."""
    truth, score = np.asarray(labels, dtype=np.int64), np.asarray(vulnerable, dtype=np.float64)
    positives = int(truth.sum())
    pairs = positives * (truth.size - positives)
    if not pairs or not np.isfinite(score).all():
        return math.nan
    ranks = rankdata(score)
    return float((ranks[truth == 1].sum() - positives * (positives + 1) / 2) / pairs)


def auroc_interval(labels: ArrayLike, vulnerable: ArrayLike) -> Interval:
    """Return the 95% interval of the AUROC by DeLong's variance (DeLong et al. 1988; by ranks, Sun and Xu 2014).

    NaN where that knows no error: fewer than two samples of a class, a perfect order, one score for all.
    """
    truth, score = np.asarray(labels, dtype=np.int64), np.asarray(vulnerable, dtype=np.float64)
    positive, negative = score[truth == 1], score[truth == 0]
    if min(positive.size, negative.size) < 2 or not np.isfinite(score).all():
        return UNKNOWN
    ranks = rankdata(score)
    above = (ranks[truth == 1] - rankdata(positive)) / negative.size  # of each vulnerable one: share of safe ones below
    below = (ranks[truth == 0] - rankdata(negative)) / positive.size
    variance = float(above.var(ddof=1) / positive.size + below.var(ddof=1) / negative.size)
    return _normal(auroc(labels, vulnerable), variance, 0.0)


def ece(labels: ArrayLike, vulnerable: ArrayLike) -> float:
    """Return the expected calibration error of P(vulnerable), over 10 bins of equal width."""
    truth, score = np.asarray(labels, dtype=np.float64), np.asarray(vulnerable, dtype=np.float64)
    if not truth.size or not np.isfinite(score).all():
        return math.nan
    bins = np.clip((score * ECE_BINS).astype(np.int64), 0, ECE_BINS - 1)
    gaps = np.bincount(bins, weights=score - truth, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / truth.size)


def clean(labels: ArrayLike, vulnerable: ArrayLike) -> dict[str, float]:
    """Return every clean metric by name, as fractions; precision, recall and F1 are those of class 1."""
    counts = confusion(labels, vulnerable)
    hits, said = counts.true_positive, counts.true_positive + counts.false_positive
    return {
        "accuracy": ratio(counts.right, counts.n),
        "precision": ratio(hits, said),
        "recall": ratio(hits, counts.positives),
        "f1": counts.f1,
        "balanced_accuracy": counts.balanced_accuracy,
        "mcc": counts.mcc,
        "auroc": auroc(labels, vulnerable),
        "positive_rate": ratio(said, counts.n),
        "ece": ece(labels, vulnerable),
    }


def clean_intervals(labels: ArrayLike, vulnerable: ArrayLike) -> dict[str, Interval]:
    """Return the 95% intervals of those clean metrics that have one in closed form, as fractions."""
    counts = confusion(labels, vulnerable)
    hits, said = counts.true_positive, counts.true_positive + counts.false_positive
    return {
        "accuracy": wilson(counts.right, counts.n),
        "precision": wilson(hits, said),
        "recall": wilson(hits, counts.positives),
        "f1": counts.f1_interval,
        "balanced_accuracy": counts.balanced_interval,
        "mcc": counts.mcc_interval,
        "auroc": auroc_interval(labels, vulnerable),
        "positive_rate": wilson(said, counts.n),
    }


def collapsed(labels: ArrayLike, vulnerable: ArrayLike) -> bool:
    """Tell whether a student is no better than a constant: its balanced accuracy's interval is not above 50%."""
    return not confusion(labels, vulnerable).balanced_interval[0] > 0.5
