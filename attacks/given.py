"""Substitutes that somebody shipped, such as ALERT's: rows of a program and, for each name in it, a list.

Follows spec/attacks.md, 1.1 and 4.5: leading blanks are an artefact of decoding and go; what is illegal is dropped, and
counted. A row names its program by `func`, its text, or by `idx`, the sample's id or the last part of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from attacks.names import Sifted, sift
from bench.syntax.cnames import WORD
from bench.syntax.cscope import Name, local_names
from bench.syntax.csource import Source
from bench.types import Sample, UsageError

Lists = Mapping[str, Sequence[str]]
"""For each name of a program, its substitutes, best first."""


@dataclass(frozen=True)
class Given:
    """Substitutes that somebody shipped, such as ALERT's: per program, a list for each name."""

    lists: Mapping[str, Lists]
    """Keyed by the program's text: a source of names sees programs and no ids."""

    def propose(self, source: Source, names: Sequence[Name], rng: np.random.Generator) -> Sequence[Sequence[str]]:
        """Return the lists of this program, leading blanks stripped; nothing for a program that is not there."""
        return self._sifted(source, names).kept

    def census(self, source: Source) -> Counter[str]:
        """Count what became of the proposals; "not a local": lists of what may not be renamed here."""
        names = local_names(source)
        counts = Counter(self._sifted(source, names).counts)
        known = {name.text for name in names}
        counts["not a local"] = sum(len(x) for name, x in self._of(source).items() if name not in known)
        return +counts

    def _of(self, source: Source) -> Lists:
        return self.lists.get(source.text, {})

    def _sifted(self, source: Source, names: Sequence[Name]) -> Sifted:
        return sift(source, [self._of(source).get(name.text, ()) for name in names])


def given(rows: Iterable[tuple[str, object]], samples: Sequence[Sample]) -> Given:
    """Join rows {"func" or "idx", "substitutes": {name: [...]}} with the samples they are about; others are ignored.

    Args:
        rows: where a row stands, such as "lists.jsonl:7", and the row. `func` decides where there is an `idx` too.
        samples: the programs that lists are wanted for.

    Raises:
        UsageError: a row of another shape, or rows that name few of the words in the programs they are joined with.
    """
    by_text = {_flat(sample.code): sample for sample in samples}
    by_id = {key: sample for sample in samples for key in (sample.id.rpartition("/")[2], sample.id)}
    found: dict[str, Lists] = {}
    strange = 0
    for where, row in rows:
        by_func, key, lists = _read(row, where)
        sample = by_text.get(_flat(key)) if by_func else by_id.get(key)
        if sample is not None and lists:
            strange += not set(lists) & set(WORD.findall(sample.code))
            found[sample.code] = lists
    if 2 * strange > len(found):
        raise UsageError(
            f"expected substitutes for these programs, but in {strange} of {len(found)} not one name occurs: "
            "give rows with `func`, or with the `idx` of these samples"
        )
    return Given(found)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _read(row: object, where: str) -> tuple[bool, str, Lists]:
    """Return whether a row names its program by its text, that text or the id, and its lists."""
    if not isinstance(row, Mapping) or not ("func" in row or "idx" in row):
        raise UsageError(f"{where}: expected an object with `idx` or `func`, got {row!r:.60}: mend or drop it")
    lists = row.get("substitutes")
    if not isinstance(lists, Mapping):
        raise UsageError(f"{where}: expected `substitutes` of names to lists, got {lists!r:.60}: mend or drop it")
    for name, proposed in lists.items():
        if not isinstance(proposed, list | tuple) or not all(isinstance(text, str) for text in proposed):
            raise UsageError(f"{where}: expected a list of substitutes for {name!r:.60}, got others: mend or drop it")
    return "func" in row, str(row["func"] if "func" in row else row["idx"]), lists
