"""Rebuild a program from its original and the changes that are named: what can be rebuilt is proven by construction.

An attack says what it changed as `Program.changes` does, "rename buf -> out" or "for_to_while@4", and is not believed:
the loci are found anew in the original, where all preconditions of renames and rewrites are looked at again, and the
program must come out character by character. A line may hold several places of one rewrite, so the words are hints for
a search: every place that they may mean is undecided at first and written as a mark; the first mark is decided next,
and a choice whose text before the first mark is not how the program begins is dropped. Left out: what changed names do
not say, because then there is nothing to rebuild.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from attacks.deadnames import DEAD_NAMES
from attacks.places import Rewrite
from attacks.program import Form, Genotype, Locus, Program
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from bench.syntax.cnames import is_legal_local
from bench.syntax.cscope import identifiers, local_names
from bench.syntax.csource import Source

TRIED, MOST = 10, 2000
"""Programs that are written for each locus, and in all, in search of one; random genotypes of Devign take up to 3 and
826."""
_RENAME = re.compile(r"rename (\S+) -> (\S+)")
_MARK = re.compile("\0([0-9]+)\0")
_NOT_YET = " \t\n{"
"""What may stand before a mark and not before what comes in its place: a rewrite puts braces where there are none."""


def is_rebuilt(original: Source, program: str, changed: Sequence[str]) -> bool:
    """Whether these changes of the original make this program; one that is named and was not made is in the way."""
    claimed = Counter(changed)
    names = tuple(_names(original, claimed))
    return any(_search(original, (*names, *places), program, claimed) for places in _spaces(original, claimed))


def _names(source: Source, claimed: Counter[str]) -> Iterator[Locus]:
    """Yield the renames that are named and legal; see `attacks.rename.rename_loci`."""
    pairs = [match.groups() for text in claimed if (match := _RENAME.fullmatch(text))]
    taken = identifiers(source) | set(DEAD_NAMES)
    for name in local_names(source):
        legal = [new for old, new in pairs if old == name.text and new not in taken and is_legal_local(new)]
        if legal:
            spans = tuple((leaf.start, leaf.end) for leaf in name.occurrences)
            yield Locus("rename", name.text, (name.text, *legal), spans)


def _spaces(source: Source, claimed: Counter[str]) -> Iterator[tuple[Locus, ...]]:
    """Yield the places of the rewrites that are named, for each space that has them: it decides what crosses."""
    named = {text.rpartition("@")[0] for text in claimed if not _RENAME.fullmatch(text)}
    if not named:
        yield ()
        return
    every = (*REWRITES, *LAYOUT)
    only = tuple(rewrite for rewrite in every if rewrite.name in named)
    spaces: tuple[tuple[Rewrite, ...], ...] = (REWRITES, LAYOUT, every, only)
    for space in spaces:
        if named <= {rewrite.name for rewrite in space}:
            found = (_only(locus, claimed) for locus in rewrite_loci(source, space))
            yield tuple(locus for locus in found if locus.forms)


def _only(locus: Locus, claimed: Counter[str]) -> Locus:
    """Return a place with no other rewrites than those that are named."""
    kept = [place for place in range(1, len(locus.alleles)) if locus.describe(place) in claimed]
    names = ("", *(locus.alleles[place] for place in kept))
    return replace(locus, alleles=names, forms=tuple(locus.forms[place - 1] for place in kept))


def _search(source: Source, loci: Sequence[Locus], wanted: str, claimed: Counter[str]) -> bool:
    """Decide mark by mark, the likelier choice first."""
    loci = Program(source, loci).loci
    program = Program(source, tuple(_marked(locus, index) for index, locus in enumerate(loci)))
    tried: set[str] = set()
    waiting = [_begin(loci, claimed)]
    while waiting and len(tried) <= min(TRIED * len(loci), MOST):
        at = waiting.pop()
        text = program.render(at)
        if text in tried:
            continue
        tried.add(text)
        mark = _MARK.search(text)
        if mark is None:
            if text == wanted:
                return True
        elif wanted.startswith(text[: mark.start()].rstrip(_NOT_YET)):
            waiting += _decided(loci, at, int(mark.group(1)))
    return False


def _begin(loci: Sequence[Locus], claimed: Counter[str]) -> Genotype:
    """Return where all is undecided, but for rewrites that are named as often as there are places for them."""
    meant = Counter(locus.describe(allele) for locus in loci for allele in range(1, len(locus.alleles)))

    def sure(locus: Locus) -> bool:
        one = locus.describe(1)
        return locus.family == "rewrite" and len(locus.alleles) == 2 and meant[one] <= claimed[one]

    return tuple(1 if sure(locus) else len(locus.alleles) for locus in loci)


def _decided(loci: Sequence[Locus], at: Genotype, index: int) -> Iterator[Genotype]:
    """Yield the choices at one locus, a change last; no two names become one."""
    used = {
        locus.alleles[allele]
        for locus, allele in zip(loci, at, strict=True)
        if locus.family == "rename" and allele < len(locus.alleles)
    }
    for allele, text in enumerate(loci[index].alleles):
        if allele == 0 or loci[index].family == "rewrite" or text not in used:
            yield (*at[:index], allele, *at[index + 1 :])


def _marked(locus: Locus, index: int) -> Locus:
    """Return a locus with a mark as its last allele."""
    mark = f"\0{index}\0"
    forms: tuple[Form, ...] = () if locus.family == "rename" else (*locus.forms, lambda write: mark)
    return replace(locus, alleles=(*locus.alleles, mark), forms=forms)
