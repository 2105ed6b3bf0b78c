"""Robust accuracy: one attack that stands for all of them, without a parameter to tune.

Follows AutoAttack (Croce and Hein, ICML 2020) in spirit: different attacks, cheap ones first, each sample leaves as
soon as it falls, the worst case counts. One total budget is shared: each member may spend its fixed share and what the
members before it left over. What a member has asked costs the next ones nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from attacks.memory import Memory
from attacks.recipes import mhm, mhm_vocabulary
from attacks.recipes_code import combined, layout
from attacks.rename import COMMON_NAMES, Drawn, Substitutes
from bench.rng import stream
from bench.types import Attack, Attempt, Classifier, Probabilities, Sample


@dataclass(frozen=True)
class Member:
    """One attack of the suite."""

    name: str
    attack: Attack
    share: float
    """Of the total budget, 0 to 1; the shares of a suite sum to 1 at most."""


@dataclass
class _Memory:
    """A victim that passes on only what was not asked before."""

    victim: Classifier
    spent: int = 0
    known: Memory[NDArray[np.float64]] = field(default_factory=Memory)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge programs; see `bench.types.Classifier`."""
        fresh = self.known.missing(programs)
        if fresh:
            self.spent += len(fresh)
            for program, row in zip(fresh, self.victim.probabilities(fresh), strict=True):
                self.known[program] = row
        return np.array([self.known[program] for program in programs], dtype=np.float64).reshape(-1, 2)


@dataclass(frozen=True)
class Suite:
    """Attacks in turn until the judge counts a success.

    What holds, for one victim, sample, generator and set of checks: wherever a member alone succeeds with its share of
    the budget and its own stream of the generator, the suite with the whole budget does. So with b / (smallest share)
    queries it is at least as strong as each member with b. It needs members for which a longer budget only continues
    the search (attacks/walk.py), and a victim that answers alike in any company.

    What does not hold: a member that gets the whole budget may fell what the suite, which keeps some of it for others,
    does not. As strong as every attack of a run with its whole budget is the row "worst-case" of the tables, which is
    their union.
    """

    members: tuple[Member, ...]

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        """Hand in the first claimed success; without one, the attempt that the victim doubts most."""
        return next(self.attempts(victim, sample, budget, rng))

    def attempts(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Iterator[Attempt]:
        """Hand in every claimed success; after all members, the attempt that the victim doubts most."""
        memory, seed = _Memory(victim), int(rng.integers(2**63))
        best, lowest = Attempt(None, 0), math.inf
        for index, member in enumerate(self.members):
            allowance = budget - memory.spent - self._reserved(budget, index + 1)
            attempt = member.attack.attempt(memory, sample, max(allowance, 0), stream(seed, member.name))
            score = self._score(attempt, memory, sample, budget)
            if score is None:
                yield attempt
                attempt, score = replace(attempt, program=None), math.inf  # refused, or nobody would have gone on
            if (score, -attempt.sites) < (lowest, -best.sites):
                best, lowest = attempt, score
        yield best

    def _reserved(self, budget: int, start: int) -> int:
        """Queries kept back for the members from `start` on."""
        return sum(int(budget * member.share) for member in self.members[start:])

    def _score(self, attempt: Attempt, memory: _Memory, sample: Sample, budget: int) -> float | None:
        """Return None for a claimed success, else P(label); infinity for what cannot be asked."""
        program = attempt.program
        if program is None or (program not in memory.known and memory.spent >= budget):
            return math.inf
        row = memory.probabilities([program])[0]
        return float(row[sample.label]) if (row[1] > 0.5) == bool(sample.label) else None


def suite(names: Sequence[str] = COMMON_NAMES, substitutes: Substitutes | None = None) -> Attack:
    """Return the ensemble; `names` is the pool, most frequent first, which `substitutes` replaces where it is given.

    Members and shares were chosen on 120 validation functions of Devign against students of 3 MB trained here (MoEKD's,
    `kd`'s and `supervised`'s, 232 attacked in all). With 100 queries these fell 183 of them, six other choices 180 to
    186; with 200 (MoEKD's alone) 64 of 77, as many as the best others, which asked up to a third more. The combined
    search comes first: it is the cheapest per success. Layout is a family of its own. Whoever changes them changes
    every robust accuracy (results/CHANGELOG.md says so).
    """
    pool = tuple(dict.fromkeys(names))
    drawn = substitutes if substitutes is not None else Drawn(pool, count=20)
    return Suite(
        (
            Member("combined", combined(drawn), 0.6),
            Member("mhm-vocabulary", mhm(substitutes) if substitutes else mhm_vocabulary(pool), 0.3),
            Member("layout", layout(), 0.1),
        )
    )
