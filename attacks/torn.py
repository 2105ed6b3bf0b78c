"""What directives tear apart: an `else` out of sight of its `if`, a loop and the pragma that is about it.

C11, 6.10: a directive stands between any two lines, so `if (a) b;`, `#ifdef X`, `else c;`, `#endif` is C, but to the
grammar the `if` ends before the directive.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise

from bench.syntax.cmacros import CONDITIONAL
from bench.syntax.csource import Node, Source

_PRAGMA = re.compile(r"#\s*pragma\b")
_OPERATORS = frozenset({"_Pragma", "__pragma"})


def previous(node: Node) -> Node | None:
    """Return what stands before a node in the same parent, punctuation too; comments do not count."""
    brothers = node.parent.children if node.parent is not None else []
    at = bisect_left(brothers, node.order, key=lambda child: child.order) - 1
    while at >= 0 and brothers[at].kind == "comment":
        at -= 1
    return brothers[at] if at >= 0 else None


def torn_from_else(source: Source) -> frozenset[int]:
    """Return the orders of the statements that an `else` which is no part of them follows, as far as anyone can see.

    Statements that end together all count: whose `else` it is says C, not the tree.
    """
    strays = [node for node in source.nodes if not node.children and _is_stray(source, node)]
    if not strays:
        return frozenset()
    statements = sorted((n for n in source.nodes if n.kind.endswith("_statement")), key=lambda node: node.end)
    ends = [node.end for node in statements]
    torn: set[int] = set()
    for start in {start for stray in strays for start in _starts(stray)}:
        last = bisect_right(ends, start)
        first = bisect_left(ends, ends[last - 1]) if last else 0
        torn.update(node.order for node in statements[first:last])
    return frozenset(torn)


def _is_stray(source: Source, leaf: Node) -> bool:
    whole = leaf.kind == "else" and leaf.parent is not None and leaf.parent.kind == "else_clause"
    return not whole and source.words(leaf) == "else"


def _starts(stray: Node) -> Iterator[int]:
    """Yield where an `else` may stand once the directives have run: its place, and those of the directives around."""
    yield stray.start
    yield from (around.start for around in stray.ancestors() if around.kind.startswith("preproc_"))


def governed_by_pragmas(source: Source) -> frozenset[int]:
    """Return the orders of the statements behind `#pragma omp for`, `_Pragma("GCC ivdep")` and the like."""
    found: set[int] = set()
    for node in source.nodes:
        parts = [child for child in node.children if child.kind != "comment"]
        found.update(after.order for before, after in pairwise(parts) if _is_pragma(source, before))
    return frozenset(found)


def _is_pragma(source: Source, node: Node) -> bool:
    if node.kind == "preproc_call":
        return _PRAGMA.match(source.words(node)) is not None
    if node.kind in CONDITIONAL:  # `#ifdef _OPENMP`, the pragma, `#endif`
        return any(_is_pragma(source, part) for part in node.children)
    call = node.inner[0] if node.kind == "expression_statement" and node.inner else node
    callee = call.child("function") if call.kind == "call_expression" else None
    return callee is not None and source.words(callee) in _OPERATORS and not source.words(node).endswith(";")
