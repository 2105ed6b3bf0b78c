"""Where substitutes come from, besides a corpus: a language model, neighbours in an embedding.

Follows spec/attacks.md, 1.1, 1.6 and 4.5. Attacks load no model, so a masked language model or an embedding is an
object that the caller passes. All sources deal contested names out: no two names of a program can become the same.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from attacks.deadnames import DEAD_NAMES
from attacks.rename import COMMON_NAMES, Substitutes
from bench.rng import stream
from bench.syntax.cnames import is_legal_local
from bench.syntax.cscope import Name, identifiers
from bench.syntax.csource import Source


@dataclass(frozen=True)
class Sifted:
    """Proposals for the names of one program, after the illegal ones are gone."""

    kept: tuple[tuple[str, ...], ...]
    """For each name, best first; no substitute occurs twice."""
    counts: Counter[str] = field(default_factory=Counter)
    """How many were kept, illegal, taken (a word of the program already), repeated, or contested (dealt to another)."""


def sift(source: Source, proposals: Sequence[Sequence[str]]) -> Sifted:
    """Drop what is illegal; a substitute that several names want goes to the one that ranks it highest."""
    taken = identifiers(source) | frozenset(DEAD_NAMES)
    kept: list[list[str]] = [[] for _ in proposals]
    owner: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for rank in range(max(map(len, proposals), default=0)):
        for index, proposed in enumerate(proposals):
            if rank >= len(proposed):
                continue
            text = proposed[rank].strip()
            fate = _fate(text, index, owner, taken)
            counts[fate] += 1
            if fate == "kept":
                owner[text] = index
                kept[index].append(text)
    return Sifted(tuple(map(tuple, kept)), counts)


def _fate(text: str, index: int, owner: Mapping[str, int], taken: frozenset[str]) -> str:
    if not is_legal_local(text):
        return "illegal"
    if text in taken:
        return "taken"
    if text in owner:
        return "repeated" if owner[text] == index else "contested"
    return "kept"


class Suggest(Protocol):
    """A language model that fills in names."""

    def suggest(self, program: str, names: Sequence[str], count: int) -> Sequence[Sequence[str]]:
        """For each name, return at most `count` words for the places where it stands in this program, best first."""
        ...


@dataclass(frozen=True)
class Suggested:
    """Substitutes from a masked language model (ALERT, 3.1), such as `bench.networks.fillmask.MaskedNames`."""

    model: Suggest
    count: int = 60
    """Per name (ALERT: the 60 likeliest per position, of which about 47 remain)."""

    def propose(self, source: Source, names: Sequence[Name], rng: np.random.Generator) -> Sequence[Sequence[str]]:
        """Ask the model for all names of a program at once."""
        return sift(source, self.model.suggest(source.text, [name.text for name in names], self.count)).kept


class Embed(Protocol):
    """A space in which similar names are near."""

    def embed(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Shape (n, d), one row per name."""
        ...

    def __hash__(self) -> int:
        """Equal spaces embed alike: what they answer is remembered."""
        ...


@dataclass(frozen=True)
class CharacterNgrams:
    """Names as bags of hashed character n-grams: similar spelling is near. Portable, needs no weights."""

    width: int = 256
    """Dimensions; n-grams share them by their CRC-32."""
    longest: int = 3

    def embed(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Shape (n, width), rows of length 1."""
        rows = np.zeros((len(names), self.width))
        for row, name in zip(rows, names, strict=True):
            text = f"<{name}>"
            for size in range(1, self.longest + 1):
                for start in range(len(text) - size + 1):
                    row[zlib.crc32(text[start : start + size].encode()) % self.width] += 1
        return unit(rows)


def unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale rows to length 1; rows of zeros stay."""
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows / lengths, dtype=np.float64)


@dataclass(frozen=True)
class Neighbours:
    """Names of a pool, nearest first by cosine (CODA: FastText; RNNS: CodeBERT)."""

    pool: tuple[str, ...] = COMMON_NAMES
    embed: Embed = field(default_factory=CharacterNgrams)
    count: int = 64
    """Most per name (CODA: 64)."""
    longer: int | None = None
    """Most characters more than the old name has (RNNS: 3); None for any."""
    furthest: float = 2.0
    """Largest cosine distance (RNNS: 0.15 in CodeBERT's space); 2 is any."""

    def propose(self, source: Source, names: Sequence[Name], rng: np.random.Generator) -> Sequence[Sequence[str]]:
        """Rank the legal part of the pool for each name, deal it out, and cut."""
        if not names or not self._legal:
            return [()] * len(names)
        taken = identifiers(source) | frozenset(DEAD_NAMES)
        likeness = unit(self.embed.embed([name.text for name in names])) @ self._vectors.T
        ranked = [self._ranked(name.text, taken, row) for name, row in zip(names, likeness, strict=True)]
        wanted = self.count * len(names)
        return [kept[: self.count] for kept in sift(source, [near[:wanted] for near in ranked]).kept]

    @cached_property
    def _legal(self) -> tuple[str, ...]:
        return tuple(text for text in dict.fromkeys(self.pool) if is_legal_local(text))

    @property
    def _vectors(self) -> NDArray[np.float64]:
        return _embedded(self.embed, self._legal)

    def _ranked(self, name: str, taken: frozenset[str], likeness: NDArray[np.float64]) -> list[str]:
        longest = math.inf if self.longer is None else len(name) + self.longer
        near = (int(i) for i in np.argsort(-likeness, kind="stable") if 1 - likeness[i] <= self.furthest)
        return [self._legal[i] for i in near if self._legal[i] not in taken and len(self._legal[i]) <= longest]


@lru_cache(maxsize=2)
def _embedded(embed: Embed, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Embed a pool once per process: attacks travel to workers without what they computed."""
    return unit(embed.embed(names))


@dataclass(frozen=True)
class Fixed:
    """The same few names for a program whatever attack asks: attacks then search one bounded space."""

    source: Substitutes
    count: int = 4
    """Names per identifier: with six identifiers, 5^6 = 15,625 genotypes can still be searched completely."""

    def propose(self, source: Source, names: Sequence[Name], rng: np.random.Generator) -> Sequence[Sequence[str]]:
        """Draw by the program's text and not by the attack's generator."""
        found = self.source.propose(source, names, stream(0, "space", source.text))
        return [proposed[: self.count] for proposed in found]
