"""One C program, parsed once: its loci, the alleles of each, and the source that a genotype stands for.

Follows ARCHITECTURE, "An attack is a walk over genotypes". A locus is a place that may change, an allele one of its
forms (the original first), a genotype one allele per locus. `render` walks the immutable tree, so nested rewrites and
renames compose, and what lies outside the changed places stays as it was, byte for byte. Left out: where loci come from
(rename.py, rewrite.py) and which genotype to try next (recipes.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from bench.syntax.csource import Node, Source

Genotype: TypeAlias = tuple[int, ...]
"""One index into `Locus.alleles` per locus; 0 is the original."""
Span: TypeAlias = tuple[int, int]
Write: TypeAlias = Callable[[Node], str]
"""Renders a part of the program under the same genotype, for a rewrite that puts parts together anew."""
Form: TypeAlias = Callable[[Write], str]

_WORD = re.compile(r"\w")
MASKED = -1
"""Index of no allele: the name is hidden from the victim, to measure its importance. Never a legal program."""
UNKNOWN = "<unk>"
"""What a masked name is written as (ALERT, section 3.2.2: RoBERTa's unknown token)."""
MAX_NESTING = 60
"""Loci within loci that are followed; deeper ones are dropped, so that rendering stays within Python's stack."""


@dataclass(frozen=True, eq=False)
class Locus:
    """A place that may change."""

    family: Literal["rename", "rewrite"]
    label: str
    """The original name, or the line of the place."""
    alleles: tuple[str, ...]
    """The original first: names, or names of rewrites after ""."""
    spans: tuple[Span, ...]
    """Where it acts: all occurrences of a name, or the one place of a rewrite (empty where it inserts)."""
    forms: tuple[Form, ...] = ()
    """For a rewrite, what `alleles[1:]` write."""

    def describe(self, allele: int) -> str:
        """Say what an allele does: "rename buf -> out", "for_to_while@4"."""
        if self.family == "rename":
            return f"rename {self.label} -> {self.alleles[allele]}"
        return f"{self.alleles[allele]}@{self.label}"


@dataclass(eq=False, slots=True)
class _Mark:
    """One span of one locus, with the marks inside it."""

    start: int
    end: int
    locus: int
    inside: list[_Mark] = field(default_factory=list)


class Program:
    """A parsed program with its loci. Immutable; rendering is a pure function of the genotype."""

    def __init__(self, source: Source, loci: Iterable[Locus]) -> None:
        self.source = source
        self.loci = _shallow(tuple(loci))
        self._marks = _forest(self.loci)

    @property
    def original(self) -> Genotype:
        """The genotype of the unchanged program."""
        return (0,) * len(self.loci)

    @property
    def alternatives(self) -> int:
        """Number of alleles over all loci, originals not counted."""
        return sum(len(locus.alleles) - 1 for locus in self.loci)

    def render(self, genotype: Sequence[int]) -> str:
        """Write the program of a genotype; the original genotype gives the input back."""
        return self._write(genotype, 0, len(self.source.text), self._marks)

    def changes(self, genotype: Sequence[int]) -> tuple[str, ...]:
        """Describe the loci that differ from the original."""
        return tuple(locus.describe(allele) for locus, allele in zip(self.loci, genotype, strict=True) if allele > 0)

    def random(self, rng: np.random.Generator, share: float = 0.5) -> Genotype:
        """Draw a genotype in which each locus is changed with probability `share`."""
        switched = rng.random(len(self.loci)) < share
        return tuple(
            int(rng.integers(1, len(locus.alleles))) if changed else 0
            for locus, changed in zip(self.loci, switched, strict=True)
        )

    def _write(self, genotype: Sequence[int], start: int, end: int, marks: list[_Mark]) -> str:
        parts: list[str] = []
        at = start
        for mark in marks:
            if mark.end < start or mark.start > end:
                continue
            if mark.start <= start and mark.end >= end and (mark.start, mark.end) != (start, end):
                return self._write(genotype, start, end, mark.inside)
            if mark.start < start or mark.end > end or (mark.start == mark.end and mark.start in {start, end}):
                continue
            parts.append(self.source.text[at : mark.start])
            parts.append(self._change(genotype, mark))
            at = mark.end
        parts.append(self.source.text[at:end])
        return _joined(parts)

    def _change(self, genotype: Sequence[int], mark: _Mark) -> str:
        locus, allele = self.loci[mark.locus], genotype[mark.locus]
        if allele == 0 or (allele == MASKED and locus.family == "rewrite"):
            return self._write(genotype, mark.start, mark.end, mark.inside)
        if locus.family == "rename":
            return UNKNOWN if allele == MASKED else locus.alleles[allele]
        return locus.forms[allele - 1](lambda node: self._write(genotype, node.start, node.end, mark.inside))


def _joined(parts: list[str]) -> str:
    """Join texts; a blank parts two words that a change brought together, as in `return*p` turned to `return q`."""
    text = ""
    for part in parts:
        glued = text[-1:] and part[:1] and _WORD.match(text[-1]) and _WORD.match(part[0])
        text += f" {part}" if glued else part
    return text


def _shallow(loci: tuple[Locus, ...]) -> tuple[Locus, ...]:
    """Drop rewrites that lie within too many others."""
    ends: list[int] = []
    kept: dict[int, None] = {}
    ordered = sorted(range(len(loci)), key=lambda i: (loci[i].spans[0][0], -loci[i].spans[0][1], i))
    for index in ordered:
        start, end = loci[index].spans[0]
        while ends and ends[-1] <= start:
            ends.pop()
        if loci[index].family == "rename" or len(ends) < MAX_NESTING:
            kept[index] = None
            if loci[index].family == "rewrite":
                ends.append(end)
    return tuple(locus for index, locus in enumerate(loci) if index in kept)


def _forest(loci: Sequence[Locus]) -> list[_Mark]:
    """Nest the marks of all loci; on equal spans the rewrite holds the name, and an insertion comes first."""
    marks = [_Mark(start, end, index) for index, locus in enumerate(loci) for start, end in locus.spans]
    marks.sort(key=lambda m: (m.start, m.end > m.start, -m.end, loci[m.locus].family == "rename"))
    roots: list[_Mark] = []
    path: list[_Mark] = []
    for mark in marks:
        while path and not _holds(path[-1], mark):
            path.pop()
        (path[-1].inside if path else roots).append(mark)
        path.append(mark)
    return roots


def _holds(outer: _Mark, inner: _Mark) -> bool:
    if inner.start == inner.end:
        return outer.start < inner.start and inner.end < outer.end
    return outer.start <= inner.start and inner.end <= outer.end
