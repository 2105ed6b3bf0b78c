"""A search as a conversation: it asks for programs, hears how sure the victim is, and asks again.

A search is a generator, so it knows neither victim, label nor budget: `drive` puts its questions, ends it at the first
flip in the order of its list (ALERT's rule) or with the budget, and keeps the best program so far. Longer budgets
therefore only continue a search, and several samples could be driven side by side. Left out: judging (attacks/judge.py)
and the searches themselves (search.py, beam.py, genetic.py, rnns.py).

Unlike the released attacks, no text is put twice: a repeated one is answered from memory and costs nothing. Only the
original is put by the judge and by the search, as ALERT's counts have it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attacks.memory import Memory
from attacks.program import Genotype, Program, Span
from bench.types import Classifier, Label

BATCH = 64
"""Programs in one question of a search that could ask for any number (ALERT: the evaluation batch)."""


@dataclass(frozen=True)
class Probe:
    """Programs that only inform, such as one with a name hidden: none of them is a candidate."""

    texts: tuple[str, ...]


Question: TypeAlias = "Sequence[Genotype] | Probe"
Scores: TypeAlias = NDArray[np.float64]
"""Shape (n,): P(the sample's label) for each program of a question; an attack wants it low."""
Walk: TypeAlias = Generator[Question, Scores, Genotype]
"""Returns where it stands when it has no more questions."""
Ranking: TypeAlias = Generator[Question, Scores, list[int]]
"""Part of a walk that puts loci in the order in which they are to be changed."""


class Search(Protocol):
    """A way through the genotypes of a program."""

    def walk(self, program: Program, rng: np.random.Generator) -> Walk:
        """Start a search; the program has at least one locus."""
        ...


@dataclass
class _Ledger:
    """What has been asked and heard so far about one program."""

    program: Program
    victim: Classifier
    label: Label
    left: int
    """Queries that may still be put."""
    best: Genotype
    lowest: float = float("inf")
    fell: bool = False
    known: Memory[tuple[float, bool]] = field(default_factory=Memory)
    """Program to P(label) and whether the victim judges otherwise."""

    def answer(self, question: Question) -> Scores | None:
        """Score a question; None where the search is over: the victim fell, or the budget did not reach."""
        texts = question.texts if isinstance(question, Probe) else [self.program.render(one) for one in question]
        self._ask(self.known.missing(texts))
        if not isinstance(question, Probe):
            self._note(question, texts)
        if self.fell or any(text not in self.known for text in texts):
            return None
        return np.array([self.known[text][0] for text in texts], dtype=np.float64)

    def _ask(self, fresh: list[str]) -> None:
        fresh = fresh[: self.left]
        if not fresh:
            return
        self.left -= len(fresh)
        rows = self.victim.probabilities(fresh)
        for text, row in zip(fresh, rows, strict=True):
            self.known[text] = (float(row[self.label]), (row[1] > 0.5) != bool(self.label))

    def _note(self, genotypes: Sequence[Genotype], texts: Sequence[str]) -> None:
        for genotype, text in zip(genotypes, texts, strict=True):
            score, flips = self.known.get(text, (float("inf"), False))
            if flips:
                self.best, self.lowest, self.fell = genotype, score, True
                return
            if score < self.lowest:
                self.best, self.lowest = genotype, score


def drive(program: Program, walk: Walk, victim: Classifier, label: Label, budget: int) -> Genotype:
    """Run a search with at most `budget` queries; return the first genotype that flips, else the least certain one.

    The last question is cut to what the budget allows, and its answers still count.
    """
    ledger = _Ledger(program, victim, label, budget, program.original)
    try:
        question = next(walk)
        while (scores := ledger.answer(question)) is not None:
            question = walk.send(scores)
    except StopIteration:
        pass
    walk.close()
    return ledger.best


def switch(genotype: Genotype, locus: int, allele: int) -> Genotype:
    """Return the genotype with another allele at one locus."""
    return (*genotype[:locus], allele, *genotype[locus + 1 :])


def others(program: Program, genotype: Genotype, locus: int) -> list[Genotype]:
    """Return the genotypes with every other allele of a locus, in the order of its list; not the original one."""
    alleles = range(1, len(program.loci[locus].alleles))
    return [switch(genotype, locus, allele) for allele in alleles if allele != genotype[locus]]


def splice(text: str, spans: Sequence[Span], word: str) -> str:
    """Write a word over some places of a text; the places do not overlap."""
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + word + text[end:]
    return text
