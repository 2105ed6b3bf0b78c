"""Loci of the identifier family: every local and parameter that is safe to rename, and substitutes for it.

Follows ALERT (Yang et al. 2022, section 3) and WIR-Random (Zeng et al. 2022) in what is renamed, and leaves out their
mistakes (spec/attacks.md, 4.3 to 4.5): fields, labels, types and macros keep their names, and no two identifiers can
ever become the same one, because no two loci share an allele. Where the names come from is a `Substitutes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from attacks.deadnames import DEAD_NAMES
from attacks.program import Locus
from bench.syntax.cnames import is_legal_local
from bench.syntax.cscope import Name, corpus_names, identifiers, local_names
from bench.syntax.csource import Source, parse

COMMON_NAMES = tuple(
    """a acc addr alen amount arr b base begin bits block bound buffer bytes c cap capacity cell chunk cnt code col
    content copy count ctx cur current d data delta depth dest dist dst dx dy e elem element end entry ev extra f field
    fill first flag flags fmt found frame from g gap got h half hash head height hi high hint i id idx in info init
    input item iter j job k key l last left len length level limit line list lo loc low m mask maxlen mid mode msg n
    name needle next node nodes num o obj off offset old out output p packet pad page parent part pass path payload
    piece pivot place pos prev prio ptr q qty quota r range rank rate reason rec ref rem req res reserved rest result
    ret right root row s sample scale seed seg sel seq shift side sign size slot src start state status step stop store
    stride sum t table tail target temp text tmp token top total type u uid unit usage used v val value values vec w
    weight width word work x y z""".split()  # noqa: SIM905
)
"""Usual names of locals in C: the pool where no corpus is given."""


class Substitutes(Protocol):
    """A source of names. It may propose anything; what is not legal in the program is filtered here."""

    def propose(self, source: Source, names: Sequence[Name], rng: np.random.Generator) -> Sequence[Sequence[str]]:
        """Return candidates for each of these names, best first."""
        ...


@dataclass(frozen=True)
class Drawn:
    """Names drawn from a pool, uniformly, without replacement, and shared out so that no two identifiers meet."""

    pool: tuple[str, ...] = COMMON_NAMES
    count: int = 30
    """Most candidates per identifier (Attack_PTMC's WIR-Random: 30 random names per identifier)."""

    def propose(self, source: Source, names: Sequence[Name], rng: np.random.Generator) -> Sequence[Sequence[str]]:
        """Deal a shuffled pool out like cards."""
        if not names:
            return []
        taken = identifiers(source)
        legal = [text for text in self.pool if text not in taken and is_legal_local(text)]
        order = rng.permutation(len(legal))[: self.count * len(names)]
        return [[legal[i] for i in order[k :: len(names)]] for k in range(len(names))]


def rename_loci(source: Source, substitutes: Substitutes, rng: np.random.Generator) -> tuple[Locus, ...]:
    """Return one locus per renameable name that has at least one legal substitute."""
    names = local_names(source)
    taken = set(identifiers(source)) | set(DEAD_NAMES)
    loci: list[Locus] = []
    for name, candidates in zip(names, substitutes.propose(source, names, rng), strict=True):
        legal = tuple(dict.fromkeys(text for text in candidates if text not in taken and is_legal_local(text)))
        taken.update(legal)
        if legal:
            spans = tuple((leaf.start, leaf.end) for leaf in name.occurrences)
            loci.append(Locus("rename", name.text, (name.text, *legal), spans))
    return tuple(loci)


def gather_names(programs: Iterable[str]) -> tuple[str, ...]:
    """Return the names of locals and parameters in these programs, most frequent first: a pool for `Drawn`."""
    return tuple(text for text in corpus_names(map(parse, programs)) if is_legal_local(text))
