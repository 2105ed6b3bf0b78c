"""AVATAR's multi-objective search: three objectives, Pareto dominance, an archive, a genetic algorithm.

Follows the released code (soarsmu/Avatar), with its defects mended by default. `as_released` restores those that change
the result: dominance only where strictly better in all three objectives (so the archive keeps points that another one
beats or equals everywhere), and a crossover that returns copies of its parents (so the search only mutates). Never
restored: editing parents in place that also sit in the archive, values out of bounds, the missing seed, and
a tournament whose winner is the last contestant found to beat any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from bench.distillation.space import Candidate, Space


@dataclass(frozen=True)
class Scored:
    """A configuration and its three objectives."""

    candidate: Candidate
    size_error: float
    """|size - target| in MB, to be minimised."""
    quality: float
    """Accuracy or AUROC, predicted by the surrogate, to be maximised."""
    effort: float
    """GFLOPs, or predicted milliseconds, to be minimised."""

    @property
    def costs(self) -> tuple[float, float, float]:
        """All three, to be minimised."""
        return (self.size_error, -self.quality, self.effort)


Dominance: TypeAlias = Callable[[Scored, Scored], bool]
Scorer: TypeAlias = Callable[[Sequence[Candidate]], list[Scored]]
Archive: TypeAlias = tuple[Scored, ...]


def dominates(one: Scored, two: Scored) -> bool:
    """Pareto dominance: nowhere worse and somewhere better."""
    return one.costs != two.costs and all(a <= b for a, b in zip(one.costs, two.costs, strict=True))


def dominates_strictly(one: Scored, two: Scored) -> bool:
    """Dominance as released: better in all three objectives."""
    return all(a < b for a, b in zip(one.costs, two.costs, strict=True))


def admit(archive: Archive, new: Scored, beats: Dominance) -> Archive:
    """Return the archive with the new member, less those that it dominates; unchanged if it is dominated or known."""
    if any(member.candidate == new.candidate or beats(member, new) for member in archive):
        return archive
    return (*(member for member in archive if not beats(new, member)), new)


@dataclass(frozen=True)
class GeneticSearch:
    """The genetic algorithm; the fields are the released settings."""

    population: int = 20
    generations: int = 50
    tournament: int = 10
    crossover_rate: float = 0.6
    mutation_rate: float = 0.1
    """Chance of each gene to be drawn again."""
    as_released: bool = False

    @property
    def beats(self) -> Dominance:
        """Dominance in tournaments and in the archive."""
        return dominates_strictly if self.as_released else dominates

    def run(self, space: Space, start: Sequence[Candidate], score: Scorer, rng: np.random.Generator) -> Archive:
        """Return the non-dominated configurations of all that were visited, in the order of their admission."""
        population = score(self.first_population(space, start, rng))
        archive = self._admitted((), population)
        for _ in range(self.generations):
            # Two tournaments choose two parents; their children, crossed and mutated, replace the population.
            children: list[Candidate] = []
            while len(children) < self.population:
                parents = self._winner(population, rng).candidate, self._winner(population, rng).candidate
                children += [self.mutated(space, child, rng) for child in self.crossed(space, *parents, rng)]
            population = score(children[: self.population])
            archive = self._admitted(archive, population)
        return archive

    def first_population(self, space: Space, start: Sequence[Candidate], rng: np.random.Generator) -> list[Candidate]:
        """Return the surrogate's training sample, filled up where it is smaller than the population."""
        return [*start, *(space.sample(rng) for _ in range(self.population - len(start)))][: self.population]

    def _admitted(self, archive: Archive, members: Sequence[Scored]) -> Archive:
        for member in members:
            archive = admit(archive, member, self.beats)
        return archive

    def _winner(self, population: Sequence[Scored], rng: np.random.Generator) -> Scored:
        """Return a contestant that no other dominates: the first that nobody drawn later beats."""
        places: list[int] = rng.integers(len(population), size=self.tournament).tolist()
        contestants = [population[place] for place in places]
        winner = contestants[0]
        for contestant in contestants[1:]:
            winner = contestant if self.beats(contestant, winner) else winner
        return winner

    def crossed(
        self, space: Space, one: Candidate, two: Candidate, rng: np.random.Generator
    ) -> tuple[Candidate, Candidate]:
        """Exchange a slice of genes. The released "partially mapped" crossover swaps the parents instead."""
        if rng.random() >= self.crossover_rate:
            return one, two
        if self.as_released:
            return two, one
        begin, end = sorted(rng.choice(len(space.names) + 1, size=2, replace=False).tolist())
        return space.cross(one, two, space.names[begin:end], rng)

    def mutated(self, space: Space, child: Candidate, rng: np.random.Generator) -> Candidate:
        """Draw each gene again with a small chance."""
        redrawn = rng.random(len(space.names)) < self.mutation_rate
        names = [name for name, chosen in zip(space.names, redrawn.tolist(), strict=True) if chosen]
        return space.mutate(child, names, rng, differ=False)
