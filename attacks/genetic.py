"""ALERT's genetic step (Yang et al. 2022, 3.3): crossover and mutation of renamings, warm-started by greedy's.

Follows spec/attacks.md, 1.3, with its bugs mended: fitness and population have one order, the identity included; no
individual is edited in place, because genotypes are tuples; a child that equals a parent is mutated and never thrown
away, so each generation has its 64. TextAttack's genetic search is another algorithm: it prefers the worst parents.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np

from attacks.program import Genotype, Program
from attacks.search import Greedy
from attacks.walk import Question, Scores, Walk, switch


@dataclass(frozen=True)
class Individual:
    """A genotype and how sure the victim is of its label."""

    genotype: Genotype
    score: float


@dataclass(frozen=True)
class Genetic:
    """The genetic step alone."""

    children: int = 64
    """Per generation (ALERT: the evaluation batch size)."""
    crossover: float = 0.7
    """Probability of crossover; otherwise a parent is mutated (ALERT: 0.7)."""

    def evolve(self, program: Program, warm: Genotype, rng: np.random.Generator) -> Walk:
        """Start from the original and greedy's choice for each single locus, then breed."""
        population = yield from self._born(first_generation(warm))
        for _ in range(max(5 * len(population), 10)):
            genotypes = [individual.genotype for individual in population]
            children = yield from self._born([self.child(program, genotypes, rng) for _ in range(self.children)])
            for child in children:
                population = survivors(population, child)
        return min(population, key=lambda individual: individual.score).genotype

    def _born(self, genotypes: list[Genotype]) -> Generator[Question, Scores, list[Individual]]:
        scores = yield genotypes
        return [Individual(genotype, float(score)) for genotype, score in zip(genotypes, scores, strict=True)]

    def child(self, program: Program, parents: Sequence[Genotype], rng: np.random.Generator) -> Genotype:
        """Cross two parents at one cut point; mutate instead with the remaining probability, or if nothing changed."""
        one, other = (parents[int(rng.integers(len(parents)))] for _ in range(2))
        if rng.random() < self.crossover:
            cut = int(rng.integers(len(one)))
            child = (*one[:cut], *other[cut:])
            if child not in {one, other}:
                return child
        return mutate(program, one, rng)


def first_generation(warm: Genotype) -> list[Genotype]:
    """Return the original and one individual per locus that greedy changed, with this one change."""
    original = (0,) * len(warm)
    return [original, *(switch(original, locus, allele) for locus, allele in enumerate(warm) if allele)]


def mutate(program: Program, genotype: Genotype, rng: np.random.Generator) -> Genotype:
    """Return a copy with another allele at one random locus."""
    locus = int(rng.integers(len(genotype)))
    candidates = [a for a in range(1, len(program.loci[locus].alleles)) if a != genotype[locus]] or [0]
    return switch(genotype, locus, candidates[int(rng.integers(len(candidates)))])


def survivors(population: list[Individual], child: Individual) -> list[Individual]:
    """Let a child take the place of the worst individual, if it is fitter."""
    worst = max(range(len(population)), key=lambda index: population[index].score)
    if child.score >= population[worst].score:
        return population
    return [child if index == worst else individual for index, individual in enumerate(population)]


@dataclass(frozen=True)
class GreedyThenGenetic:
    """ALERT as the paper reports it: the genetic step where greedy fails."""

    greedy: Greedy = field(default_factory=Greedy)
    genetic: Genetic = field(default_factory=Genetic)

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Warm-start the second step with what the first one chose."""
        chosen = yield from self.greedy.walk(program, rng)
        return (yield from self.genetic.evolve(program, chosen, rng))
