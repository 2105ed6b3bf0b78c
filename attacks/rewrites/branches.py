"""Rewrites of branches and blocks (spec/attacks.md, 2.3 and 2.4: NatGen's block swap, MindAC 6, braces)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attacks.places import LOOPS, Places, braced
from attacks.program import Span, Write
from bench.csource import Node

SIMPLE = frozenset(
    {"expression_statement", "return_statement", "break_statement", "continue_statement", "goto_statement"}
)
"""Statements that end in a semicolon and bring no dangling else."""
BRACEABLE = SIMPLE | LOOPS | {"if_statement", "switch_statement"}


def _alternative(node: Node) -> Node | None:
    """Return the statement after `else`; None where there is none, or a comment would be lost with the keyword."""
    clause = node.child("alternative")
    if clause is None or len(clause.inner) != 1 or any(child.kind == "comment" for child in clause.children):
        return None
    return clause.inner[0]


def _may_move(places: Places, branch: Node) -> bool:
    """Whether a branch is one statement, and no `case` of a switch around it lies inside."""
    return places.is_whole(branch) and not places.has_stray_case(branch)


@dataclass(frozen=True)
class SwapIfElse:
    """`if (c) A else B` to `if (!(c)) B else A`; both branches become blocks, so no `else` can dangle."""

    name: str = "swap_if_else"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield ifs with an else."""
        for node in places.of("if_statement"):
            other = _alternative(node)
            first = node.child("consequence")
            if other is not None and first is not None and _may_move(places, first) and _may_move(places, other):
                yield node

    def span(self, node: Node) -> Span:
        """Replace the whole statement."""
        return node.start, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Negate the condition and exchange the branches."""
        condition, first, second = node.child("condition"), node.child("consequence"), _alternative(node)
        if condition is None or first is None or second is None:
            return write(node)
        return f"if (!{write(condition)}) {braced(write(second))} else {braced(write(first))}"


@dataclass(frozen=True)
class InvertIf:
    """`if (c) A` to `if (!(c)) { } else A`."""

    name: str = "invert_if"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield ifs without an else."""
        for node in places.of("if_statement"):
            first = node.child("consequence")
            if node.child("alternative") is None and first is not None and _may_move(places, first):
                yield node

    def span(self, node: Node) -> Span:
        """Replace the whole statement."""
        return node.start, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Leave the first branch empty."""
        condition, first = node.child("condition"), node.child("consequence")
        if condition is None or first is None:
            return write(node)
        return f"if (!{write(condition)}) {{ }} else {braced(write(first))}"


def _bodies(places: Places) -> Iterator[Node]:
    """Yield what a branch or a loop governs."""
    for node in places.of("if_statement", "else_clause", *sorted(LOOPS)):
        if node.kind == "else_clause":
            yield from node.inner[:1]
        else:
            body = node.child("consequence" if node.kind == "if_statement" else "body")
            if body is not None:
                yield body


@dataclass(frozen=True)
class AddBraces:
    """`if (c) x;` to `if (c) { x; }`. Not around what may be a macro of several statements: it would change."""

    name: str = "add_braces"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield governed statements without braces."""
        for body in _bodies(places):
            if body.kind in BRACEABLE and _may_move(places, body):
                yield body

    def span(self, node: Node) -> Span:
        """Replace the statement."""
        return node.start, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Put it in a block."""
        return "{ " + write(node) + " }"


@dataclass(frozen=True)
class RemoveBraces:
    """`if (c) { x; }` to `if (c) x;`, for one simple statement, which brings no dangling else."""

    name: str = "remove_braces"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield governed blocks of one simple statement."""
        for body in _bodies(places):
            single = body.kind == "compound_statement" and len(body.inner) == 1 and places.is_clean(body)
            if single and body.inner[0].kind in SIMPLE and not places.hides_flow(body):
                yield body

    def span(self, node: Node) -> Span:
        """Replace the block."""
        return node.start, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Keep the statement only; `else{x;}` needs a blank."""
        before = places.source.text[node.start - 1 : node.start]
        return ("" if before.isspace() or before == ")" else " ") + write(node.inner[0])
