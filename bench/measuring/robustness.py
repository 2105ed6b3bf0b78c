"""What attacks leave of a victim, counted: one attack's outcomes, or the worst case over several. Pure.

Follows spec/protocol, "Metrics". Shares are fractions (0 to 1); what is not defined (no attacked sample) is NaN. A
sample whose space is too large for an exhaustive search says nothing and is left out of every count but its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.measuring.stats import Interval, mean, ratio, wilson
from bench.results import Outcome, Verdict

WORST_CASE, UNION = "worst-case", " + "
"""The first stands for an attack's name in the records of the union of all attacks, whose names the second joins."""
EXACT = "exhaustive"
"""The attack that puts every program of a bounded space, where that is small enough: nothing in it is overlooked."""
STOPPED = "stopped/"
"""Before a check's name: the metric that counts what it stopped."""
PRECEDENCE: tuple[Verdict, ...] = ("fooled", "already_wrong", "resisted", "no_sites", "unparsable", "too_large")
"""Of one sample under several attacks, the worst case is the first of these that any attack gave."""
ATTACKED: tuple[Verdict, ...] = ("fooled", "resisted")
STILL_RIGHT: tuple[Verdict, ...] = ("resisted", "no_sites")
"""Of a sample that is known to be classified correctly under attack: see `Robustness.still_right`."""


@dataclass(frozen=True)
class Robustness:
    """What one attack (or the union of several) did to one victim. Shares are fractions."""

    total: int
    """All samples put to the attack, whatever became of them, but for those that are too large."""
    too_large: int
    fooled: int
    resisted: int
    no_sites: int
    unparsable: int
    truncated: int
    """Fooled samples that owe it to truncation alone."""
    queries_mean: float
    """Over attacked samples, as are the next two and parse_rate."""
    queries_median: float
    distinct_mean: float
    """Different programs among the queries."""
    queries_fooled_mean: float
    """Over fooled samples, as are the next three."""
    queries_fooled_median: float
    loci_changed: float
    """Changed loci of a sample over its loci, mean."""
    tokens_changed: float
    """Changed tokens of a sample over its tokens, mean."""
    parse_rate: float
    """Share whose unchanged program parses."""
    stopped: Mapping[str, int]
    """Programs that fooled the victim and that a check stopped, by the check's name, names in order."""

    @property
    def attacked(self) -> int:
        """Samples that the victim classified correctly and that offer a place to change."""
        return self.fooled + self.resisted

    @property
    def right(self) -> int:
        """Samples that the victim is known to classify correctly when they are unchanged."""
        return self.attacked + self.no_sites

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
    def asr_all(self) -> float:
        """Fooled over all that were classified correctly: a sample without a place to change is robust."""
        return ratio(self.fooled, self.right)

    @property
    def asr_all_interval(self) -> Interval:
        """95% Wilson interval of `asr_all`."""
        return wilson(self.fooled, self.right)

    @property
    def asr_untruncated(self) -> float:
        """`asr` where a success that truncation alone explains counts as none."""
        return ratio(self.fooled - self.truncated, self.attacked)

    @property
    def asr_untruncated_interval(self) -> Interval:
        """95% Wilson interval of `asr_untruncated`."""
        return wilson(self.fooled - self.truncated, self.attacked)

    @property
    def robust_accuracy(self) -> float:
        """Share of all samples still classified correctly under attack; unknown where some were left out for size."""
        return math.nan if self.too_large else ratio(self.still_right, self.total)

    @property
    def robust_interval(self) -> Interval:
        """95% Wilson interval of `robust_accuracy`."""
        return (math.nan, math.nan) if self.too_large else wilson(self.still_right, self.total)


def robustness(outcomes: Sequence[Outcome]) -> Robustness:
    """Summarise the outcomes of one attack against one victim, one per sample."""
    verdicts = Counter(outcome.verdict for outcome in outcomes)
    attacked = [outcome for outcome in outcomes if outcome.verdict in ATTACKED]
    fooled = [outcome for outcome in attacked if outcome.verdict == "fooled"]
    queries, spent = [outcome.queries for outcome in attacked], [outcome.queries for outcome in fooled]
    return Robustness(
        total=len(outcomes) - verdicts["too_large"],
        too_large=verdicts["too_large"],
        fooled=len(fooled),
        resisted=verdicts["resisted"],
        no_sites=verdicts["no_sites"],
        unparsable=verdicts["unparsable"],
        truncated=sum(outcome.by_truncation for outcome in fooled),
        queries_mean=mean(queries),
        queries_median=_median(queries),
        distinct_mean=mean([outcome.distinct for outcome in attacked]),
        queries_fooled_mean=mean(spent),
        queries_fooled_median=_median(spent),
        loci_changed=mean([len(outcome.changed) / outcome.sites for outcome in fooled if outcome.sites]),
        tokens_changed=mean([outcome.tokens_changed for outcome in fooled]),
        parse_rate=mean([float(outcome.original_parses) for outcome in attacked]),
        stopped=_stopped(outcomes),
    )


def by_sample(by_attack: Mapping[str, Sequence[Outcome]]) -> list[dict[str, Outcome]]:
    """Return for each sample its outcome under each attack; the order is that of the first attack.

    Raises ValueError where the attacks judged different samples.
    """
    tables = {name: {outcome.sample_id: outcome for outcome in outcomes} for name, outcomes in by_attack.items()}
    first = next(iter(tables.values()), {})
    if any(table.keys() != first.keys() for table in tables.values()):
        raise ValueError("expected the same samples under every attack: finish all attacks first")
    return [{name: table[sample] for name, table in tables.items()} for sample in first]


def worst_case(by_attack: Mapping[str, Sequence[Outcome]]) -> list[Outcome]:
    """Return one outcome per sample: the worst over all attacks, with the queries, seconds and checks of all of them.

    Expects every attack to have judged the same samples; the order is that of the first attack.
    """
    return [_worst(list(outcomes.values())) for outcomes in by_sample(by_attack)]


def _worst(outcomes: Sequence[Outcome]) -> Outcome:
    """Pick the worst outcome of one sample: of successes one that needs no truncation, the first among equals."""
    worst = min(outcomes, key=lambda outcome: (PRECEDENCE.index(outcome.verdict), outcome.by_truncation))
    return replace(
        worst,
        queries=sum(outcome.queries for outcome in outcomes),
        distinct=sum(outcome.distinct for outcome in outcomes),
        stopped=_stopped(outcomes),
        seconds=math.fsum(outcome.seconds for outcome in outcomes),
    )


def _stopped(outcomes: Iterable[Outcome]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update(outcome.stopped)
    return dict(sorted(total.items()))


def _median(values: Sequence[int]) -> float:
    return float(np.median(values)) if values else math.nan
