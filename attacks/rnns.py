"""RNNS (Zhang et al., EMNLP Findings 2023): representation nearest neighbour search for better names.

Follows spec/attacks.md, 1.6, variant Smooth. The paper embeds names by CodeBERT's last layer; here any `Embed` will do,
by default portable character n-grams (names.py). A name's candidates are the alleles of its locus, so that whoever
makes the loci bounds the distance and the length.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attacks.names import CharacterNgrams, Embed, unit
from attacks.program import Genotype, Program
from attacks.search import descending
from attacks.walk import Probe, Ranking, Walk, splice, switch

DUMMIES = tuple("a b c de fg hi jkl mno pqr stuv wxyz abcde fghig klmno pqrst uvwxyz".split())  # noqa: SIM905
"""Names that measure how much the victim looks at a variable (the paper: these 16)."""


def by_variance(program: Program, rng: np.random.Generator) -> Ranking:
    """Order names by the variance of P(label) over the dummy names; 16 queries each. No dummy is a candidate."""
    importance: list[float] = []
    for locus in program.loci:
        texts = tuple(splice(program.source.text, locus.spans, dummy) for dummy in DUMMIES)
        scores = yield Probe(texts)
        importance.append(float(scores.var()))
    return descending(importance)


@dataclass(frozen=True)
class NearestNames:
    """The walk: for one name after the other, follow the direction in which substitutes get better."""

    embed: Embed = field(default_factory=CharacterNgrams)
    rounds: int = 6
    """Per name (the paper: 6)."""
    count: int = 60
    """Candidates per round (the paper: 60)."""
    momentum: float = 0.8
    """Share of the old direction; the rest is the new step (the paper: 0.8 and 0.2)."""

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Visit the names by decreasing importance."""
        at = program.original
        (score,) = yield [at]
        order = yield from by_variance(program, rng)
        for locus in order:
            at = yield from self._follow(program, at, float(score), locus, rng)
            (score,) = yield [at]
        return at

    def _follow(self, program: Program, at: Genotype, score: float, locus: int, rng: np.random.Generator) -> Walk:
        """Start at random, then take the unused names nearest to where the last improvement points."""
        vectors = self.embed.embed(program.loci[locus].alleles)
        unused = [int(allele) for allele in rng.permutation(np.arange(1, len(vectors)))]
        drawn, direction = unused[: self.count], None
        for _ in range(self.rounds):
            if not drawn:
                break
            scores = yield [switch(at, locus, allele) for allele in drawn]
            best = int(scores.argmin())
            if scores[best] >= score:
                break
            step = vectors[drawn[best]] - vectors[at[locus]]
            direction = step if direction is None else self.momentum * direction + (1 - self.momentum) * step
            at, score = switch(at, locus, drawn[best]), float(scores[best])
            unused = [allele for allele in unused if allele not in set(drawn)]
            drawn = nearest(vectors, vectors[at[locus]] + direction, unused)[: self.count]
        return at


def nearest(vectors: NDArray[np.float64], target: NDArray[np.float64], candidates: list[int]) -> list[int]:
    """Return candidates by decreasing cosine to the target, ties in order."""
    if not candidates:
        return []
    likeness = unit(vectors[candidates]) @ unit(target[None, :])[0]
    return [candidates[index] for index in np.argsort(-likeness, kind="stable")]
