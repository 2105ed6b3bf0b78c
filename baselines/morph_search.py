"""MORPH's four-objective genetic search, by pymoo (extra `moo`).

Follows Panichella's released code in operators and numbers: simulated binary crossover, polynomial mutation, Latin
hypercube initialisation, population 50, 100 generations. Differences: NSGA-II instead of AGE-MOEA, which needs numba,
and the size budget as a constraint (D35).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.optimize import minimize
from scipy.stats import qmc

from baselines.morph_space import Rate, Rated, decode, encode
from bench.distillation.space import Candidate, Space

CROSSOVER_RATE, CROSSOVER_ETA, MUTATION_ETA = 0.9, 15, 30
"""As released; the paper says an eta of 30 for the crossover."""


@dataclass(frozen=True)
class MorphSearch:
    """The genetic search; the fields are the released settings."""

    population: int = 50
    generations: int = 100

    def run(self, space: Space, start: Sequence[Candidate], rate: Rate, rng: np.random.Generator) -> tuple[Rated, ...]:
        """Return the non-dominated valid configurations of the last population, each once.

        Args:
            space: with its constraint.
            start: valid configurations that the first population holds.
            rate: computes the objectives.
            rng: of sampling and operators.
        """
        known = [encode(space, one) for one in start][: self.population]
        cube = qmc.LatinHypercube(len(space.genes), rng=rng).random(self.population)
        sampling = np.vstack([*known, cube[len(known) :]]) if known else cube
        algorithm = NSGA2(
            pop_size=self.population,
            sampling=sampling,
            crossover=SBX(prob=CROSSOVER_RATE, eta=CROSSOVER_ETA),
            mutation=PM(eta=MUTATION_ETA),
        )
        steps = self.generations + 1  # pymoo counts the first population as a generation
        seed = int(rng.integers(2**31))
        result = minimize(_Objectives(space, rate), algorithm, ("n_gen", steps), seed=seed)
        return tuple(rate(list(dict.fromkeys(decode(space, point) for point in np.atleast_2d(result.X)))))


class _Objectives(Problem):  # type: ignore[misc]  # pymoo has no types
    def __init__(self, space: Space, rate: Rate) -> None:
        super().__init__(n_var=len(space.genes), n_obj=4, n_ieq_constr=1, xl=0.0, xu=1.0)
        self.space, self.rate = space, rate

    def _evaluate(self, x: NDArray[np.float64], out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        candidates = [decode(self.space, point) for point in x]
        rated = self.rate(candidates)
        out["F"] = np.array([one.costs for one in rated])
        # A configuration that breaks the constraint is the worse, the larger it is.
        out["G"] = np.array([[0.0 if self.space.valid(one.candidate) else one.size_mb] for one in rated])
