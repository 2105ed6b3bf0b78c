"""Searches that keep several programs, or queue them: beams over renames and over random moves, breadth first.

Follows spec/attacks.md, 1.7 and 2.2 (BeamAttack and StyleTransfer of Du et al., FSE 2023). Left out of BeamAttack: its
ranking of candidates by CodeBERT embeddings, which needs weights; a locus offers all its alleles instead.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from attacks.program import Genotype, Locus, Program
from attacks.search import Greedy, by_hiding
from attacks.walk import BATCH, Walk, others, switch
from bench.syntax.csource import Node, Source

KINDS = {"if": 21.07, "function": 19.81, "for": 18.4, "return": 10.6, "other": 7.37}
"""Statement kinds and how much renaming in them moves the victim, in % (Du et al. 2023, measured on Java). C has no
try and throw: `other` takes throw's share, and while loops count as `for`, whose place in C they often take."""
NODES = {
    "if_statement": "if",
    "switch_statement": "if",
    "for_statement": "for",
    "while_statement": "for",
    "do_statement": "for",
    "return_statement": "return",
    "parameter_list": "function",
}


def kinds_of(source: Source, locus: Locus) -> list[str]:
    """Return the kinds of statements in which a name occurs, most sensitive first."""
    at = {(node.start, node.end): node for node in source.nodes if not node.children}
    found = {_kind(at[span]) for span in locus.spans if span in at}
    return [kind for kind in KINDS if kind in found] or ["other"]


def _kind(leaf: Node) -> str:
    """Return the kind of the innermost statement; in a body, that is what the body holds and not what holds it."""
    for node in leaf.ancestors():
        if node.kind in NODES:
            return NODES[node.kind]
        if node.kind in {"expression_statement", "declaration", "compound_statement"}:
            break
    return "other"


@dataclass(frozen=True)
class RenameBeam:
    """BeamAttack (Du et al. 2023): identifiers by the kind of statement they occur in, a beam of programs."""

    width: int = 3
    """Programs kept (the paper: 3)."""

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Widen the beam kind by kind, then open the changed identifiers once more."""
        (score,) = yield [program.original]
        beam: list[tuple[float, Genotype]] = [(float(score), program.original)]
        for kind, loci in self.groups(program).items():
            for _ in range(math.ceil(len(loci) * KINDS[kind] / KINDS["if"])):
                moves = [(old, move) for old, at in beam for i in loci if not at[i] for move in others(program, at, i)]
                if not moves:
                    break
                scores = yield [move for _, move in moves]
                better = [
                    (float(new), move) for (old, move), new in zip(moves, scores, strict=True) if float(new) < old
                ]
                if not better:
                    break
                beam = self.best([*beam, *better])
        return (yield from self._reopen(program, beam))

    def groups(self, program: Program) -> dict[str, list[int]]:
        """Return the loci by the most sensitive kind in which they occur."""
        found: dict[str, list[int]] = defaultdict(list)
        for index, locus in enumerate(program.loci):
            found[kinds_of(program.source, locus)[0]].append(index)
        return {kind: found[kind] for kind in KINDS if kind in found}

    def best(self, beam: Sequence[tuple[float, Genotype]]) -> list[tuple[float, Genotype]]:
        """Return the least certain programs, each once, earlier ones first among equals."""
        return sorted(dict.fromkeys(beam), key=lambda pair: pair[0])[: self.width]

    def _reopen(self, program: Program, beam: Sequence[tuple[float, Genotype]]) -> Walk:
        """Try the other names of changed identifiers; equal scores are accepted here (the paper's final pass)."""
        score, at = beam[0]
        for locus in [index for index, allele in enumerate(at) if allele]:
            moves = others(program, at, locus)
            if not moves:
                continue
            scores = yield moves
            best = int(scores.argmin())
            if scores[best] <= score:
                score, at = float(scores[best]), moves[best]
        return at


@dataclass(frozen=True)
class BreadthFirst:
    """StyleTransfer (Du et al. 2023): all single rewrites, then all rewrites of those, and so on."""

    limit: int = 500
    """Most programs after the original (the paper: 500 queries)."""

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Ask in the order of discovery."""
        yield [program.original]
        found = islice(self._discover(program), self.limit)
        while batch := list(islice(found, BATCH)):
            yield batch
        return program.original

    def _discover(self, program: Program) -> Iterator[Genotype]:
        seen = {program.original: None}
        queue = deque([program.original])
        while queue:
            at = queue.popleft()
            for locus in range(len(program.loci)):
                for move in [] if at[locus] else others(program, at, locus):
                    if move not in seen:
                        seen[move] = None
                        queue.append(move)
                        yield move


@dataclass(frozen=True)
class MovesBeam:
    """A beam over random moves of any family: half change one locus, half apply one rewrite wherever it fits."""

    width: int = 2
    neighbours: int = 12
    """Moves per program of the beam and round."""
    rounds: int = 200
    """Ends the search in spaces that hold fewer programs than the budget allows."""

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Start from the original."""
        return (yield from self.widen(program, program.original, rng))

    def widen(self, program: Program, start: Genotype, rng: np.random.Generator) -> Walk:
        """Keep the least certain programs, old and new; equal new ones win, so that plateaus are crossed."""
        (score,) = yield [start]
        beam = [(float(score), start)]
        for _ in range(self.rounds):
            moves = [random_move(program, at, rng) for _, at in beam for _ in range(self.neighbours)]
            scores = yield moves
            fresh = dict.fromkeys((float(new), move) for new, move in zip(scores, moves, strict=True))
            beam = sorted([*fresh, *(pair for pair in beam if pair not in fresh)], key=lambda pair: pair[0])
            beam = beam[: self.width]
        return beam[0][1]


def random_move(program: Program, at: Genotype, rng: np.random.Generator) -> Genotype:
    """Change one random locus to any other allele, the original included; or turn one rewrite on everywhere."""
    if rng.random() < 0.5:
        kinds = rewrites_of(program)
        if kinds:
            return everywhere(program, at, kinds[int(rng.integers(len(kinds)))])
    locus = int(rng.integers(len(at)))
    alleles = [allele for allele in range(len(program.loci[locus].alleles)) if allele != at[locus]]
    return switch(at, locus, alleles[int(rng.integers(len(alleles)))])


def rewrites_of(program: Program) -> list[str]:
    """Return the names of the rewrites that apply somewhere, in the order of the text."""
    rewritten = (locus.alleles[1:] for locus in program.loci if locus.family == "rewrite")
    return list(dict.fromkeys(name for alleles in rewritten for name in alleles))


def everywhere(program: Program, at: Genotype, rewrite: str) -> Genotype:
    """Return the genotype with one rewrite at all its places."""
    return tuple(
        locus.alleles.index(rewrite) if locus.family == "rewrite" and rewrite in locus.alleles[1:] else allele
        for locus, allele in zip(program.loci, at, strict=True)
    )


@dataclass(frozen=True)
class GreedyThenBeam:
    """The best of a few random genotypes, greedy from there, then a beam: each step starts where the last one ended.

    On a bag-of-n-grams victim for Devign the random start halved the queries of greedy and beam alone, and felled more.
    """

    greedy: Greedy = field(default_factory=lambda: Greedy(by_hiding))
    beam: MovesBeam = field(default_factory=MovesBeam)
    draws: int = 8
    """Random genotypes, each with its own share of changed loci."""

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Draw, climb, widen."""
        yield [program.original]
        drawn = [program.original, *(program.random(rng, float(rng.random())) for _ in range(self.draws))]
        scores = yield drawn
        order = yield from self.greedy.order(program, rng)
        at = yield from self.greedy.climb(program, drawn[int(scores.argmin())], order)
        return (yield from self.beam.widen(program, at, rng))
