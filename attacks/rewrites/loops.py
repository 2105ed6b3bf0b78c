"""Rewrites of loops (spec/attacks.md, 2.3 and 2.4: CODA R1, MindAC 2 and 3, RoPGen 20)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attacks.places import Places, braced
from attacks.program import Span, Write
from bench.csource import Node


@dataclass(frozen=True)
class ForToWhile:
    """`for (i = 0; i < n; i++) {...}` to `{ i = 0; while (i < n) {... i++; } }`.

    A published one loses the update at `continue` (60 to 100% of its results were right): such loops stay. So do those
    whose body declares a name that the update reads, holds a label or a stray `case`, or may jump through a macro.
    """

    name: str = "for_to_while"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield loops without `continue` of their own."""
        for node in places.of("for_statement"):
            body = node.child("body")
            if body is not None and self._fits(places, node, body):
                yield node

    def span(self, node: Node) -> Span:
        """Replace the whole loop."""
        return node.start, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Put the update at the end of the body, and a block around all, for the scope of the loop's variables."""
        start, condition, update, body = (node.child(r) for r in ("initializer", "condition", "update", "body"))
        first = "" if start is None else write(start) + ("" if start.kind == "declaration" else ";") + " "
        test = "1" if condition is None else write(condition)
        block = braced(write(body)) if body is not None else "{ }"
        if update is not None:
            block = block[:-1] + ("" if block[-2].isspace() else " ") + write(update) + "; }"
        return "{ " + first + f"while ({test}) {block}" + " }"

    def _fits(self, places: Places, node: Node, body: Node) -> bool:
        if places.jumps(body, "continue_statement") or places.hides_flow(body) or places.has_stray_case(body):
            return False
        return not places.has(body, "labeled_statement") and not self._shadows(places, node, body)

    def _shadows(self, places: Places, node: Node, body: Node) -> bool:
        update = node.child("update")
        if update is None:
            return False
        read = {places.source.words(part) for part in places.source.below(update)}
        inner = [child for child in body.children if child.kind in {"declaration", "type_definition"}]
        named = {places.source.words(part) for child in inner for part in places.source.below(child)}
        return bool(read & named & places.words)


@dataclass(frozen=True)
class WhileToFor:
    """`while (c) {...}` to `for (; c; ) {...}`: the same loop, `continue` included."""

    name: str = "while_to_for"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield while loops."""
        for node in places.of("while_statement"):
            condition = node.child("condition")
            if condition is not None and len(condition.inner) == 1 and places.is_clean(condition):
                yield node

    def span(self, node: Node) -> Span:
        """Replace the whole loop."""
        return node.start, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Take the condition out of its parentheses."""
        condition, body = node.child("condition"), node.child("body")
        test = write(condition.inner[0]) if condition is not None else ""
        return f"for (; {test}; ) " + (write(body) if body is not None else ";")
