"""What a report keeps of an attack's outcomes; success against queries. Pure.

A curve is a step function. Its last value is the attack success rate; its first, at one query, is zero, because the
first query is the unchanged program. Several seeds give the mean of their curves, each seed weighing the same.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.measuring.robustness import ATTACKED, STILL_RIGHT
from bench.measuring.stats import mean, ratio
from bench.results import Outcome

CLOSEST = 8
"""Successes that are kept of each attack on each student, to be shown."""
Curve = tuple[tuple[int, float], ...]
"""Where a share changes: queries, ascending from 1, and the share in % from there on. Empty: not defined."""


@dataclass(frozen=True)
class Trace:
    """What is kept of one finished attack on one student to draw and to time it."""

    attacked: int
    fell_at: tuple[int, ...]
    """For each fooled sample the query that fooled the victim, ascending."""
    queries: int
    """Over all samples, whatever became of them, as are the seconds."""
    seconds: float
    right: Mapping[str, bool] = field(default_factory=dict)
    """Whether each sample, by its id, is still classified correctly under the attack; those too large are left out."""
    closest: tuple[Outcome, ...] = ()
    """The successes that change least, best first, each of another sample."""

    def within(self, queries: int) -> float:
        """Return the share (%) of attacked samples that fell within so many queries; NaN where none was attacked."""
        return 100 * ratio(bisect_right(self.fell_at, queries), self.attacked)


def trace(outcomes: Sequence[Outcome]) -> Trace:
    """Reduce the outcomes of one attack on one student."""
    attacked = [outcome for outcome in outcomes if outcome.verdict in ATTACKED]
    return Trace(
        attacked=len(attacked),
        fell_at=tuple(sorted(outcome.fell_at for outcome in attacked if outcome.fell_at is not None)),
        queries=sum(outcome.queries for outcome in outcomes),
        seconds=math.fsum(outcome.seconds for outcome in outcomes),
        right={one.sample_id: one.verdict in STILL_RIGHT for one in outcomes if one.verdict != "too_large"},
        closest=tuple(sorted((one for one in attacked if _shown(one)), key=_change)[:CLOSEST]),
    )


def _shown(outcome: Outcome) -> bool:
    """Tell whether an outcome is a success worth showing: one that does not owe itself to truncation."""
    return outcome.adversarial is not None and outcome.verdict == "fooled" and not outcome.by_truncation


def _change(outcome: Outcome) -> tuple[float, int, str]:
    return outcome.tokens_changed, outcome.fell_at or 0, outcome.sample_id


def success(seeds: Sequence[Trace]) -> Curve:
    """Return the mean of the curves of several seeds; a seed in which nothing could be attacked has none."""
    defined = [seed for seed in seeds if seed.attacked]
    steps = sorted({1, *(query for seed in defined for query in seed.fell_at)}) if defined else []
    return tuple((query, mean([seed.within(query) for seed in defined])) for query in steps)


def speed(traces: Sequence[Trace]) -> float:
    """Return the queries of all traces per second; NaN where nothing was timed."""
    return ratio(sum(one.queries for one in traces), math.fsum(one.seconds for one in traces))
