"""CODA's two steps as a search: restyle the whole program at random, then rename all of it, round by round.

Follows spec/attacks.md, 2.1 (Tian et al., ASE 2023). Left out: the 64 reference programs of another class, which need
the victim's training set and CodeBERT. Without them each rewrite is used with probability 1/2 instead of the
frequency of its target pattern among the references, and names come from a pool instead of the references.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attacks.beam import everywhere, rewrites_of
from attacks.program import Genotype, Program
from attacks.walk import Walk, switch


@dataclass(frozen=True)
class RestyleThenRename:
    """CODA without references. Renaming other functions, as CODA does, would change what the program calls."""

    restylings: int = 64
    """Random structures (the paper: 64)."""
    rounds: int = 64
    """Rounds of renaming, one neighbour per name in each (the paper: 64)."""

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Structure first, its least certain variant stays; then names, cumulatively, whatever they are worth."""
        at = program.original
        (score,) = yield [at]
        styles = [restyled(program, rng) for _ in range(self.restylings)]
        scores = yield styles
        if scores.min() < score:
            at = styles[int(scores.argmin())]
        for turn in range(1, self.rounds + 1):
            moves = turned(program, at, turn)
            if not moves:
                break
            yield moves
            at = moves[-1]
        return at


def restyled(program: Program, rng: np.random.Generator) -> Genotype:
    """Apply each rewrite, with probability 1/2, wherever it fits; where two fit one place, a random one wins."""
    kinds = rewrites_of(program)
    at = program.original
    for index in rng.permutation(len(kinds)):
        if rng.random() < 0.5:
            at = everywhere(program, at, kinds[int(index)])
    return at


def turned(program: Program, at: Genotype, turn: int) -> list[Genotype]:
    """Rename one name after the other to its neighbour of this rank; every program on the way is a candidate."""
    moves: list[Genotype] = []
    for index, locus in enumerate(program.loci):
        if locus.family == "rename" and turn < len(locus.alleles):
            at = switch(at, index, turn)
            moves.append(at)
    return moves
