"""Searches over genotypes, each in its paper's order: greedy, Metropolis-Hastings, random, exhaustive.

Follows spec/attacks.md, 1.2, 1.4, 1.5, as mended there. TextAttack's greedy search is another algorithm: it hides all
occurrences of a name at once, asks for substitutes in the order of their text, and takes the surest flip instead of
the first. Left out: the population and beam searches (genetic.py, beam.py) and RNNS (rnns.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Protocol

import numpy as np

from attacks.program import MASKED, UNKNOWN, Genotype, Program
from attacks.walk import BATCH, Probe, Ranking, Walk, others, splice, switch


class Order(Protocol):
    """In which order a greedy search visits the loci."""

    def __call__(self, program: Program, rng: np.random.Generator) -> Ranking:
        """Ask what it needs to know, and return the loci."""
        ...


def by_occurrence(program: Program, rng: np.random.Generator) -> Ranking:
    """Order names by the summed drop when single occurrences are hidden (ALERT, 3.2.2, as released).

    Costs 1 query and one per occurrence. ALERT hides them in the comment-free, blank-joined tokens, whose prediction
    may differ from the program's; here they are hidden in the program itself.
    """
    (start,) = yield [program.original]
    importance: list[float] = []
    for locus in program.loci:
        scores = yield Probe(tuple(splice(program.source.text, [span], UNKNOWN) for span in locus.spans))
        importance.append(float(np.sum(start - scores)))
    return descending(importance)


def by_hiding(program: Program, rng: np.random.Generator) -> Ranking:
    """Order names by the drop when all their occurrences are hidden at once; rewrites follow in the order of the text.

    Costs 1 query and one per name (TextAttack's "unk" ranking). Hiding a rewrite has no meaning.
    """
    (start,) = yield [program.original]
    renames = [index for index, locus in enumerate(program.loci) if locus.family == "rename"]
    scores = yield Probe(tuple(program.render(switch(program.original, index, MASKED)) for index in renames))
    order = descending([float(start - score) for score in scores])
    rest = [index for index, locus in enumerate(program.loci) if locus.family != "rename"]
    return [*(renames[index] for index in order), *rest]


def at_random(program: Program, rng: np.random.Generator) -> Ranking:
    """Order loci at random, for one query (WIR-Random as first released: Zeng et al., ISSTA 2022)."""
    yield [program.original]
    return [int(index) for index in rng.permutation(len(program.loci))]


def descending(importance: Sequence[float]) -> list[int]:
    """Return indices by decreasing importance, ties in order."""
    return sorted(range(len(importance)), key=lambda index: -importance[index])


@dataclass(frozen=True)
class Greedy:
    """ALERT's greedy walk (Yang et al. 2022, 3.2): one locus after the other, the best allele stays."""

    order: Order = by_occurrence
    most_changed: int | None = None
    """Most loci that may differ; None for all."""

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Rank the loci, then climb."""
        order = yield from self.order(program, rng)
        return (yield from self.climb(program, program.original, order))

    def climb(self, program: Program, at: Genotype, order: Sequence[int]) -> Walk:
        """Try all alleles of each locus on the current program; keep the one with the largest drop, if any drops."""
        (score,) = yield [at]
        for locus in order:
            if self.most_changed is not None and np.count_nonzero(at) >= self.most_changed:
                break
            moves = others(program, at, locus)
            if not moves:
                continue
            scores = yield moves
            best = int(scores.argmin())
            if scores[best] < score:
                at, score = moves[best], float(scores[best])
        return at


@dataclass(frozen=True)
class MetropolisHastings:
    """MHM (Zhang et al., AAAI 2020) as ALERT runs it: random renamings, kept if they are not worse.

    Mended: the accepted program is the best candidate (released: the last one), and the current program is not put
    again in each iteration. All names stay renameable after a renaming, as released.
    """

    iterations: int = 100
    """ALERT and the original: 100."""
    candidates: int = 30
    """Most substitutes drawn per iteration, without replacement (ALERT and the original: 30)."""
    threshold: float = 1.0
    """Least acceptance ratio. MHM claims 0.95; ALERT and Attack_PTMC call it with 1, so that nothing worse stays."""

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Pick a locus, draw candidates, move to the best of them if it is accepted; again."""
        at = program.original
        (score,) = yield [at]
        for _ in range(self.iterations):
            locus = int(rng.integers(len(program.loci)))
            moves = others(program, at, locus)
            drawn = [moves[i] for i in rng.permutation(len(moves))[: self.candidates]]
            if not drawn:
                continue
            scores = yield drawn
            best = int(scores.argmin())
            if self.accepts(float(scores[best]), float(score), float(rng.random())):
                at, score = drawn[best], scores[best]
        return at

    def accepts(self, proposed: float, current: float, drawn: float) -> bool:
        """Whether to move from one P(label) to another: u <= alpha, and alpha reaches the threshold."""
        alpha = (1 - proposed + 1e-10) / (1 - current + 1e-10)
        return drawn <= alpha and alpha >= self.threshold


@dataclass(frozen=True)
class RandomSearch:
    """Unrelated genotypes, each with its own share of changed loci: the control that every search must beat."""

    draws: int = 10_000
    """Ends the search in spaces that hold fewer programs than the budget allows."""

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Ask batch by batch."""
        yield [program.original]
        for _ in range(0, self.draws, BATCH):
            yield [program.random(rng, float(rng.random())) for _ in range(BATCH)]
        return program.original


EXHAUSTIBLE = 20_000
"""Genotypes of the largest space that is searched completely (issue: the exact optimum, where it can be had)."""


def space_size(program: Program) -> int:
    """Return the number of genotypes, the original one included."""
    return math.prod(len(locus.alleles) for locus in program.loci)


@dataclass(frozen=True)
class Exhaustive:
    """Every genotype, fewest changes first; where it ends without a flip, there is none: exact robust accuracy.

    In a larger space than `limit` it asks nothing, because part of a space proves nothing.
    """

    limit: int = EXHAUSTIBLE

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Ask batch by batch."""
        genotypes = iter(()) if space_size(program) > self.limit else self._all(program)
        while batch := list(islice(genotypes, BATCH)):
            yield batch
        return program.original

    def _all(self, program: Program) -> Iterator[Genotype]:
        ranges = [range(len(locus.alleles)) for locus in program.loci]
        return iter(sorted(product(*ranges), key=np.count_nonzero))
