"""NSGA-II (Deb et al. 2002, by pymoo, extra `moo`) instead of AVATAR's own genetic algorithm: an option, not the paper.

Same operators, same objectives, same number of evaluations and same archive; only selection and survival are
NSGA-II's. To pymoo, a configuration is its place in the table of all that were visited: one integer variable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.crossover import Crossover
from pymoo.core.mutation import Mutation
from pymoo.core.problem import Problem
from pymoo.optimize import minimize

from baselines.avatar_search import Archive, GeneticSearch, Scorer, admit
from bench.distillation.space import Candidate, Space

Places = NDArray[np.int64]
"""Places in the table; pymoo adds a last axis of length 1."""


@dataclass
class _Visit:
    """What the operators share: the table of configurations, which only grows, and the archive."""

    settings: GeneticSearch
    space: Space
    score: Scorer
    rng: np.random.Generator
    table: dict[Candidate, int] = field(default_factory=dict)
    archive: Archive = ()

    def place(self, candidate: Candidate) -> int:
        """Return the candidate's place, a new one if it was never visited."""
        return self.table.setdefault(candidate, len(self.table))

    def at(self, places: Places) -> list[Candidate]:
        """Return the candidates at these places."""
        known = list(self.table)
        return [known[place] for place in places.ravel().tolist()]


class _Objectives(Problem):  # type: ignore[misc]  # pymoo has no types
    def __init__(self, visit: _Visit) -> None:
        super().__init__(n_var=1, n_obj=3, xl=0, xu=np.iinfo(np.int32).max, vtype=int)
        self.visit = visit

    def _evaluate(self, x: Places, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        scored = self.visit.score(self.visit.at(x))
        for one in scored:
            self.visit.archive = admit(self.visit.archive, one, self.visit.settings.beats)
        out["F"] = np.array([one.costs for one in scored])


class _Exchange(Crossover):  # type: ignore[misc]
    def __init__(self, visit: _Visit) -> None:
        super().__init__(n_parents=2, n_offsprings=2, prob=1.0)  # our operator has the chance inside
        self.visit = visit

    def _do(self, problem: Any, x: Places, *args: Any, **kwargs: Any) -> Places:
        visit = self.visit
        pairs = zip(visit.at(x[0]), visit.at(x[1]), strict=True)
        children = [visit.settings.crossed(visit.space, one, two, visit.rng) for one, two in pairs]
        return np.array([[visit.place(child) for child in pair] for pair in children]).T.reshape(x.shape)


class _Redraw(Mutation):  # type: ignore[misc]
    def __init__(self, visit: _Visit) -> None:
        super().__init__(prob=1.0)
        self.visit = visit

    def _do(self, problem: Any, x: Places, *args: Any, **kwargs: Any) -> Places:
        visit = self.visit
        children = [visit.settings.mutated(visit.space, one, visit.rng) for one in visit.at(x)]
        return np.array([visit.place(child) for child in children]).reshape(x.shape)


def run_nsga2(
    settings: GeneticSearch, space: Space, start: Sequence[Candidate], score: Scorer, rng: np.random.Generator
) -> Archive:
    """Return the non-dominated configurations of all that NSGA-II visited; arguments as for `GeneticSearch.run`."""
    visit = _Visit(settings, space, score, rng)
    first = settings.first_population(space, start, rng)
    sampling = np.array([[visit.place(one)] for one in first])
    algorithm = NSGA2(
        pop_size=settings.population, sampling=sampling, crossover=_Exchange(visit), mutation=_Redraw(visit)
    )
    generations = settings.generations + 1  # pymoo counts the first population as a generation
    # Not copied: operators and problem must share one table.
    minimize(_Objectives(visit), algorithm, ("n_gen", generations), seed=int(rng.integers(2**31)), copy_algorithm=False)
    return visit.archive
