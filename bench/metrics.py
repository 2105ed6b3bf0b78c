"""Pure arithmetic: from labels and probabilities, or from outcomes, to numbers and their 95% intervals.

Follows spec/protocol, "Metrics". Shares are fractions (0 to 1); whoever makes records multiplies by 100. What is not
defined (no samples, one class only, no attacked sample) is NaN, never an error and never a zero. The statistics behind
the intervals are in `bench.stats`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from bench.results import Outcome, Verdict
from bench.stats import Interval, mean, ratio, wilson

ECE_BINS = 10
WORST_CASE, UNION = "worst-case", " + "
"""The first stands for an attack's name in the records of the union of all attacks, whose names the second joins."""
PRECEDENCE: tuple[Verdict, ...] = ("fooled", "already_wrong", "resisted", "no_sites", "unparsable", "too_large")
"""Of one sample under several attacks, the worst case is the first of these that any attack gave."""


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
        "f1": ratio(2 * hits, said + counts.positives),
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
        "balanced_accuracy": counts.balanced_interval,
        "positive_rate": wilson(said, counts.n),
    }


def collapsed(labels: ArrayLike, vulnerable: ArrayLike) -> bool:
    """Tell whether a student is no better than a constant: its balanced accuracy's interval is not above 50%."""
    return not confusion(labels, vulnerable).balanced_interval[0] > 0.5


@dataclass(frozen=True)
class Robustness:
    """What one attack (or the union of several) did to one victim. Shares are fractions."""

    total: int
    """All samples put to the attack, whatever became of them."""
    fooled: int
    resisted: int
    no_sites: int
    queries_mean: float
    """Over attacked samples, as are the next one and parse_rate."""
    queries_median: float
    loci_changed: float
    """Changed loci of a fooled sample over its loci, mean."""
    tokens_changed: float
    """Changed tokens of a fooled sample over its tokens, mean."""
    parse_rate: float
    """Share whose unchanged program parses."""

    @property
    def attacked(self) -> int:
        """Samples that the victim classified correctly and that offer a place to change."""
        return self.fooled + self.resisted

    @property
    def still_right(self) -> int:
        """Samples known to be classified correctly under attack.

        An unparsable sample is not among them: its verdict is given without asking the victim, so counting it could
        only flatter. It costs every victim the same samples.
        """
        return self.resisted + self.no_sites

    @property
    def asr(self) -> float:
        """Attack success rate: fooled over attacked."""
        return ratio(self.fooled, self.attacked)

    @property
    def asr_interval(self) -> Interval:
        """95% Wilson interval of `asr`."""
        return wilson(self.fooled, self.attacked)

    @property
    def robust_accuracy(self) -> float:
        """Share of all samples still classified correctly under attack."""
        return ratio(self.still_right, self.total)

    @property
    def robust_interval(self) -> Interval:
        """95% Wilson interval of `robust_accuracy`."""
        return wilson(self.still_right, self.total)


def robustness(outcomes: Sequence[Outcome]) -> Robustness:
    """Summarise the outcomes of one attack against one victim, one per sample."""
    attacked = [outcome for outcome in outcomes if outcome.verdict in ("fooled", "resisted")]
    fooled = [outcome for outcome in attacked if outcome.verdict == "fooled"]
    queries = [outcome.queries for outcome in attacked]
    return Robustness(
        total=len(outcomes),
        fooled=len(fooled),
        resisted=len(attacked) - len(fooled),
        no_sites=sum(outcome.verdict == "no_sites" for outcome in outcomes),
        queries_mean=mean(queries),
        queries_median=float(np.median(queries)) if queries else math.nan,
        loci_changed=mean([len(outcome.changed) / outcome.sites for outcome in fooled if outcome.sites]),
        tokens_changed=mean([outcome.tokens_changed for outcome in fooled]),
        parse_rate=mean([float(outcome.original_parses) for outcome in attacked]),
    )


def worst_case(by_attack: Mapping[str, Sequence[Outcome]]) -> list[Outcome]:
    """Return one outcome per sample: the worst over all attacks, with the queries and seconds of all of them.

    Expects every attack to have judged the same samples; the order is that of the first attack.
    """
    tables = [{outcome.sample_id: outcome for outcome in outcomes} for outcomes in by_attack.values()]
    if any(table.keys() != tables[0].keys() for table in tables):
        raise ValueError("expected the same samples under every attack: finish all attacks first")
    return [_worst([table[sample] for table in tables]) for sample in (tables[0] if tables else ())]


def _worst(outcomes: Sequence[Outcome]) -> Outcome:
    """Pick the worst outcome of one sample, the first among equals."""
    worst = min(outcomes, key=lambda outcome: PRECEDENCE.index(outcome.verdict))
    return replace(
        worst,
        queries=sum(outcome.queries for outcome in outcomes),
        distinct=sum(outcome.distinct for outcome in outcomes),
        seconds=math.fsum(outcome.seconds for outcome in outcomes),
    )
