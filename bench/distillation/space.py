"""The architectures that a search may visit: named genes with bounds of their own, and candidates that never change.

Whatever comes out of `sample`, `mutate` or `cross` is inside every bound and satisfies the space's constraint; whatever
goes in stays as it was. Knows no method: a method names its genes, its constraint and its operators in its own file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.types import UsageError

Value: TypeAlias = int | float | str

SAMPLE_TRIES = 20_000
"""Uniform draws before a space counts as empty."""
MUTATE_TRIES = 100
"""Draws before a mutation gives up and returns its parent."""


@dataclass(frozen=True)
class Gene:
    """One dimension of a space."""

    name: str
    values: Sequence[Value]
    """All that the gene may be: a tuple or a range; ascending unless they are options."""
    choice: bool = False
    """True where values are options without a scale: coded 1, 2, ... and compared by equality only."""

    def __post_init__(self) -> None:
        """Reject a gene that cannot take a value, or has one twice."""
        if not self.values:
            raise UsageError(f"expected at least one value for {self.name}, got none: raise the size budget")
        if not isinstance(self.values, range) and len(set(self.values)) < len(self.values):
            raise UsageError(f"expected distinct values for {self.name}, got {self.values}: remove the repetition")
        if not self.choice and [*map(float, self.values)] != sorted(map(float, self.values)):
            raise UsageError(f"expected ascending values for {self.name}, got {self.values}: sort them")

    def code(self, value: Value) -> float:
        """Return the value as a number: itself, or its place (from 1) among options."""
        return float(self.values.index(value) + 1 if self.choice else value)

    def distance(self, one: Value, two: Value) -> float:
        """Return how far apart two values are: 0 (equal) to 1 (different options, or opposite ends of the scale)."""
        if one == two:
            return 0.0
        if self.choice:
            return 1.0
        return abs(self.code(one) - self.code(two)) / abs(self.code(self.values[-1]) - self.code(self.values[0]))

    def draw(self, rng: np.random.Generator, unlike: Value | None = None) -> Value:
        """Return a uniform value; never `unlike`, unless the gene has nothing else."""
        if unlike is None or len(self.values) == 1:
            return self.values[int(rng.integers(len(self.values)))]
        place = int(rng.integers(len(self.values) - 1))
        return self.values[place + (place >= self.values.index(unlike))]


@dataclass(frozen=True)
class Candidate:
    """One point of a space. Frozen and hashable: a search makes new ones."""

    names: tuple[str, ...]
    values: tuple[Value, ...]
    """In the order of `names`."""

    def __getitem__(self, name: str) -> Any:
        """Return the value of a gene."""
        return self.values[self.names.index(name)]

    def but(self, changes: Mapping[str, Value]) -> Candidate:
        """Return a new candidate with other values for some genes."""
        pairs = zip(self.names, self.values, strict=True)
        return replace(self, values=tuple(changes.get(name, value) for name, value in pairs))


def _anything(candidate: Candidate) -> bool:
    return True


def _as_it_is(candidate: Candidate, rng: np.random.Generator) -> Candidate:
    return candidate


@dataclass(frozen=True)
class Space:
    """Every combination of the genes' values that satisfies the constraint."""

    genes: tuple[Gene, ...]
    valid: Callable[[Candidate], bool] = _anything
    """The constraint between genes."""
    repair: Callable[[Candidate, np.random.Generator], Candidate] = _as_it_is
    """Mends what can be mended before the constraint is asked; must stay inside the genes' bounds."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Genes by name, in order."""
        return tuple(gene.name for gene in self.genes)

    @property
    def size(self) -> int:
        """Combinations of values, the constraint not counted."""
        return prod(len(gene.values) for gene in self.genes)

    def gene(self, name: str) -> Gene:
        """Return a gene by name."""
        return self.genes[self.names.index(name)]

    def candidate(self, **values: Value) -> Candidate:
        """Return the candidate with these values, or refuse one outside the space."""
        made = Candidate(self.names, tuple(values[name] for name in self.names))
        if made not in self:
            raise UsageError(f"expected a candidate inside the space, got {values}: see the genes' bounds")
        return made

    def __contains__(self, candidate: Candidate) -> bool:
        """Say whether every value is inside its gene's bounds and the constraint holds."""
        pairs = zip(self.genes, candidate.values, strict=True)
        return all(value in gene.values for gene, value in pairs) and self.valid(candidate)

    def sample(self, rng: np.random.Generator) -> Candidate:
        """Return a uniform draw (repaired, and rejected until valid)."""
        counts = [len(gene.values) for gene in self.genes]
        for _ in range(SAMPLE_TRIES):
            places = rng.integers(counts).tolist()
            drawn = tuple(gene.values[place] for gene, place in zip(self.genes, places, strict=True))
            made = self.repair(Candidate(self.names, drawn), rng)
            if self.valid(made):
                return made
        raise UsageError(f"expected a valid candidate in {SAMPLE_TRIES} draws, got none: raise the size budget")

    def mutate(
        self, parent: Candidate, names: Sequence[str], rng: np.random.Generator, *, differ: bool = True
    ) -> Candidate:
        """Return a child whose named genes are drawn again, each unlike the parent's unless `differ` is off.

        Repair may change further genes. Where the constraint allows no such child, the parent comes back.
        """
        for _ in range(MUTATE_TRIES if names else 0):
            drawn = {name: self.gene(name).draw(rng, parent[name] if differ else None) for name in names}
            child = self.repair(parent.but(drawn), rng)
            if self.valid(child):
                return child
        return parent

    def cross(
        self, one: Candidate, two: Candidate, names: Sequence[str], rng: np.random.Generator
    ) -> tuple[Candidate, Candidate]:
        """Return two children: each parent with the other's values for the named genes.

        A child that violates the constraint even after repair is replaced by its own parent.
        """
        first = self.repair(one.but({name: two[name] for name in names}), rng)
        second = self.repair(two.but({name: one[name] for name in names}), rng)
        return (first if self.valid(first) else one), (second if self.valid(second) else two)

    def codes(self, candidate: Candidate) -> NDArray[np.float64]:
        """Return the candidate as numbers, shape (genes,); see `Gene.code`."""
        pairs = zip(self.genes, candidate.values, strict=True)
        return np.array([gene.code(value) for gene, value in pairs], dtype=np.float64)

    def distance(self, one: Candidate, two: Candidate) -> float:
        """Return the Euclidean distance with every gene scaled to [0, 1]: 0 to sqrt(genes)."""
        triples = zip(self.genes, one.values, two.values, strict=True)
        return float(np.linalg.norm([gene.distance(a, b) for gene, a, b in triples]))

    def columns(self) -> Iterator[dict[str, NDArray[np.float64]]]:
        """Yield all combinations as coded columns of shape (n,), one chunk per value of the first gene.

        The constraint is not asked: the reader filters whole columns.
        """
        first, *rest = self.genes
        grids = np.meshgrid(*(np.array([gene.code(value) for value in gene.values]) for gene in rest), indexing="ij")
        tail = {gene.name: grid.ravel().astype(np.float64) for gene, grid in zip(rest, grids, strict=True)}
        count = prod(len(gene.values) for gene in rest)
        for value in first.values:
            yield {first.name: np.full(count, first.code(value), dtype=np.float64), **tail}
