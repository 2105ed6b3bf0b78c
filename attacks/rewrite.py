"""Loci of the code-transformation family: one per place, with every rewrite that applies there as an allele.

Follows spec/attacks.md, 2.2 to 2.4 (StyleTransfer, CODA's structure step, the rule catalogues). The rewrites themselves
are in attacks/rewrites/, their shared preconditions in attacks/places.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attacks.places import Places, Rewrite
from attacks.program import Form, Locus, Span, Write
from attacks.rewrites import REWRITES
from bench.syntax.cmacros import has_hidden_characters
from bench.syntax.csource import Node, Source


def rewrite_loci(source: Source, rewrites: Sequence[Rewrite] = REWRITES) -> tuple[Locus, ...]:
    """Return the places where at least one rewrite applies, in order; none in code that counts or hides its lines."""
    places = Places(source)
    if {"__LINE__", "__COUNTER__"} & places.words or has_hidden_characters(source):
        return ()
    found: dict[Span, list[tuple[str, Form]]] = {}
    for rewrite in rewrites:
        for node in rewrite.find(places):
            found.setdefault(rewrite.span(node), []).append((rewrite.name, _form(rewrite, places, node)))
    spans = _nested(found)
    return tuple(_locus(line, span, found[span]) for line, span in zip(_lines(source, spans), spans, strict=True))


def _nested(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in the order of the text, without those that begin in an earlier one and end outside of it."""
    kept: list[Span] = []
    ends: list[int] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        while ends and ends[-1] <= start:
            ends.pop()
        if not ends or end <= ends[-1]:
            kept.append((start, end))
            ends.append(end)
    return sorted(kept)


def _form(rewrite: Rewrite, places: Places, node: Node) -> Form:
    def form(write: Write) -> str:
        return rewrite.render(places, node, write)

    return form


def _lines(source: Source, spans: Iterable[Span]) -> Iterator[int]:
    """Yield the line in which each span begins, from 1; spans come in the order of the text."""
    line, at = 1, 0
    for start, _ in spans:
        line, at = line + source.text.count("\n", at, start), start
        yield line


def _locus(line: int, span: Span, changes: Sequence[tuple[str, Form]]) -> Locus:
    names = ("", *(name for name, _ in changes))
    return Locus("rewrite", str(line), names, (span,), tuple(form for _, form in changes))
