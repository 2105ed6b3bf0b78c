"""Success against queries: which share of the attacked programs fell within how many queries. Pure.

A curve is a step function. Its last value is the attack success rate; its first, at one query, is zero, because the
first query is the unchanged program. Several seeds give the mean of their curves, each seed weighing the same.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from bench.results import Outcome
from bench.robustness import ATTACKED
from bench.stats import mean, ratio

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
    )


def success(seeds: Sequence[Trace]) -> Curve:
    """Return the mean of the curves of several seeds; a seed in which nothing could be attacked has none."""
    defined = [seed for seed in seeds if seed.attacked]
    steps = sorted({1, *(query for seed in defined for query in seed.fell_at)}) if defined else []
    return tuple((query, mean([seed.within(query) for seed in defined])) for query in steps)


def speed(traces: Sequence[Trace]) -> float:
    """Return the queries of all traces per second; NaN where nothing was timed."""
    return ratio(sum(one.queries for one in traces), math.fsum(one.seconds for one in traces))
