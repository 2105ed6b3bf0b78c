"""Rewrites of branches and blocks (spec/attacks.md, 2.3 and 2.4: NatGen's block swap, MindAC 6, braces, RoPGen 22)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attacks.places import LOOPS, Places, braced
from attacks.program import Write
from attacks.rewrites.shared import (
    JUMPS,
    Matched,
    Whole,
    alternative,
    in_parentheses,
    may_move,
    only,
    operator_of,
    sides,
)
from bench.syntax.csource import Node

SIMPLE = JUMPS | {"expression_statement"}
"""Statements that end in a semicolon and bring no dangling else."""
BRACEABLE = SIMPLE | LOOPS | {"if_statement", "switch_statement"}


@dataclass(frozen=True)
class SwapIfElse(Whole):
    """`if (c) A else B` to `if (!(c)) B else A`; both branches become blocks, so no `else` can dangle."""

    name: str = "swap_if_else"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield ifs with an else."""
        for node in places.of("if_statement"):
            other = alternative(node)
            first = node.child("consequence")
            if other is not None and first is not None and may_move(places, first) and may_move(places, other):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Negate the condition and exchange the branches."""
        condition, first, second = node.child("condition"), node.child("consequence"), alternative(node)
        if condition is None or first is None or second is None:
            return write(node)
        return f"if (!{write(condition)}) {braced(write(second))} else {braced(write(first))}"


@dataclass(frozen=True)
class InvertIf(Whole):
    """`if (c) A` to `if (!(c)) { } else A`."""

    name: str = "invert_if"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield ifs without an else."""
        for node in places.of("if_statement"):
            first = node.child("consequence")
            if node.child("alternative") is None and first is not None and may_move(places, first):
                yield node

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
class AddBraces(Whole):
    """`if (c) x;` to `if (c) { x; }`. Not around what may be a macro of several statements: it would change."""

    name: str = "add_braces"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield governed statements without braces."""
        for body in _bodies(places):
            if body.kind in BRACEABLE and may_move(places, body):
                yield body

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Put it in a block."""
        return "{ " + write(node) + " }"


@dataclass(frozen=True)
class RemoveBraces(Whole):
    """`if (c) { x; }` to `if (c) x;`, for one simple statement, which brings no dangling else."""

    name: str = "remove_braces"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield governed blocks of one simple statement."""
        for body in _bodies(places):
            single = body.kind == "compound_statement" and len(body.inner) == 1 and places.is_clean(body)
            if single and body.inner[0].kind in SIMPLE and not places.hides_flow(body):
                yield body

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Keep the statement only; `else{x;}` needs a blank."""
        before = places.source.text[node.start - 1 : node.start]
        return ("" if before.isspace() or before == ")" else " ") + write(node.inner[0])


@dataclass(frozen=True)
class MergeIfs(Whole, Matched[tuple[Node, Node, Node]]):
    """`if (a) if (b) S` to `if ((a) && (b)) S`, braces or not, where neither has an else."""

    name: str = "merge_ifs"
    kinds = ("if_statement",)

    def match(self, places: Places, node: Node) -> tuple[Node, Node, Node] | None:
        """Return both conditions and the inner branch of an if that holds nothing but another if."""
        first = node.child("consequence")
        inner = only(places, first) if first is not None and node.child("alternative") is None else None
        if inner is None or inner.kind != "if_statement" or inner.child("alternative") or not places.is_clean(inner):
            return None
        outer, second, branch = node.child("condition"), inner.child("condition"), inner.child("consequence")
        return None if outer is None or second is None or branch is None else (outer, second, branch)

    def put(self, node: Node, found: tuple[Node, Node, Node], write: Write) -> str:
        """Keep both conditions in their parentheses, whatever they are."""
        outer, inner, branch = map(write, found)
        return f"if ({outer} && {inner}) {branch}"


@dataclass(frozen=True)
class SplitIf(Whole, Matched[tuple[Node, Node, Node]]):
    """`if (a && b) S` to `if (a) { if (b) S }`, where there is no else."""

    name: str = "split_if"
    kinds = ("if_statement",)

    def match(self, places: Places, node: Node) -> tuple[Node, Node, Node] | None:
        """Return the operands of a conjunction in which no macro can bind otherwise than it looks, and the branch."""
        condition, branch = node.child("condition"), node.child("consequence")
        if condition is None or branch is None or node.child("alternative") or not may_move(places, branch):
            return None
        both = condition.inner[0] if len(condition.inner) == 1 else condition
        pair = sides(both) if operator_of(places, both) == "&&" and places.is_plain(both) else None
        clean = places.is_clean(condition) and places.is_clean(both)
        return (*pair, branch) if pair is not None and clean else None

    def put(self, node: Node, found: tuple[Node, Node, Node], write: Write) -> str:
        """Nest the conditions in their order, in a block, so that no `else` can dangle."""
        outer, inner, branch = found
        return f"if {in_parentheses(outer, write)} {{ if {in_parentheses(inner, write)} {write(branch)} }}"
