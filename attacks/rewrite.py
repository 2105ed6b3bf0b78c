"""Loci of the code-transformation family: one per place, with every rewrite that applies there as an allele.

Follows spec/attacks.md, 2.2 to 2.4 (StyleTransfer, CODA's structure step, the rule catalogues). The rewrites themselves
are in attacks/rewrites/, their shared preconditions in attacks/places.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from attacks.places import Places, Rewrite
from attacks.program import Form, Locus, Span, Write
from attacks.rewrites import REWRITES
from bench.csource import Node, Source


def rewrite_loci(source: Source, rewrites: Sequence[Rewrite] = REWRITES) -> tuple[Locus, ...]:
    """Return the places where at least one rewrite applies, in the order of the text."""
    places = Places(source)
    found: dict[Span, list[tuple[str, Form]]] = {}
    for rewrite in rewrites:
        for node in rewrite.find(places):
            found.setdefault(rewrite.span(node), []).append((rewrite.name, _form(rewrite, places, node)))
    return tuple(_locus(source, span, found[span]) for span in sorted(found))


def _form(rewrite: Rewrite, places: Places, node: Node) -> Form:
    def form(write: Write) -> str:
        return rewrite.render(places, node, write)

    return form


def _locus(source: Source, span: Span, changes: Sequence[tuple[str, Form]]) -> Locus:
    line = source.text.count("\n", 0, span[0]) + 1
    names = ("", *(name for name, _ in changes))
    return Locus("rewrite", str(line), names, (span,), tuple(form for _, form in changes))
