"""An attack of the user's own, as the harness runs it: where its code fails, one line says so and names the sample.

Judging what it hands in is the judge's, as for every attack; here is only looked that it hands in an `Attempt` at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import index
from typing import Any

import numpy as np

from attacks.judge import BudgetSpentError
from bench.plugins import load_object, theirs
from bench.types import Attempt, Classifier, Sample


@dataclass(frozen=True)
class Foreign:
    """Made anew for every sample, because several are attacked side by side."""

    spec: str
    """package.module:factory."""

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        """Let it try; raises `bench.plugins.PluginError` where it fails."""
        with theirs(self.spec, sample.id, passing=(BudgetSpentError,)):
            return _sound(load_object(self.spec, "attempt").attempt(victim, sample, budget, rng))


def _sound(found: Any) -> Attempt:
    """Return the attempt with plain numbers and texts; raises TypeError or ValueError for what is none."""
    if not isinstance(found, Attempt):
        raise TypeError(f"expected attempt() to return a bench.types.Attempt, got {type(found).__name__}")
    if found.program is not None and not isinstance(found.program, str):
        raise TypeError(f"expected Attempt.program to be a str or None, got {type(found.program).__name__}")
    changed: Any = found.changed
    if isinstance(changed, str) or not all(isinstance(one, str) for one in changed):
        raise TypeError(f"expected Attempt.changed to be a tuple of str, got {changed!r:.60}")
    sites, alleles = index(found.sites), index(found.alleles)
    if sites < 0 or alleles < 0:
        raise ValueError(f"expected Attempt.sites and .alleles of 0 or more, got {sites} and {alleles}")
    return replace(found, sites=sites, alleles=alleles, changed=tuple(changed), too_large=bool(found.too_large))
