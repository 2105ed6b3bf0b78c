"""Rewrites of statements and declarations (spec/attacks.md, 2.3 and 2.4: dead code, RoPGen 8, parentheses)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attacks.deadnames import DEAD_NAMES
from attacks.places import LOOPS, Places
from attacks.program import Span, Write
from bench.csource import Node

STATEMENTS = LOOPS | {
    "expression_statement",
    "if_statement",
    "switch_statement",
    "return_statement",
    "break_statement",
    "continue_statement",
    "goto_statement",
    "compound_statement",
}


def _dead_place(block: Node) -> Node | None:
    """Return what new code may follow: the opening brace or the last of the leading declarations, as in C89."""
    last: Node | None = None
    for child in block.children:
        if child.kind in {"{", "declaration", "type_definition"}:
            last = child
        elif child.kind != "comment":
            return last if child.kind in STATEMENTS else None
    return None


@dataclass(frozen=True)
class DeadCode:
    """Code that never runs, at the head of a block, after its declarations.

    Never between `switch` and `case`, and never with a condition that needs a name (NatGen's `_i_k` was undeclared).
    """

    name: str
    text: str
    """With {x} for a name that occurs nowhere in the file."""

    def find(self, places: Places) -> Iterator[Node]:
        """Yield the nodes after which there is room."""
        if self._fresh(places) is None:
            return
        for block in places.reachable:
            if block.kind == "compound_statement" and block.parent and block.parent.kind != "switch_statement":
                place = _dead_place(block)
                if place is not None and places.is_clean(place):
                    yield place

    def span(self, node: Node) -> Span:
        """Insert after the node."""
        return node.end, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Name the variable."""
        return " " + self.text.replace("{x}", self._fresh(places) or DEAD_NAMES[0])

    def _fresh(self, places: Places) -> str | None:
        return next((name for name in DEAD_NAMES if name not in places.words), None)


@dataclass(frozen=True)
class SplitDeclaration:
    """`int a = 1, *b;` to `int a = 1; int *b;`, in order; never where the type is defined on the spot."""

    name: str = "split_declaration"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield declarations of several names in a block."""
        for node in places.of("declaration"):
            if node.parent is not None and node.parent.kind == "compound_statement" and self._fits(places, node):
                yield node

    def span(self, node: Node) -> Span:
        """Replace the whole declaration."""
        return node.start, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Repeat what stands before the first name."""
        names = [child for child in node.children if child.role == "declarator"]
        kind = places.source.text[node.start : names[0].start].rstrip()
        return " ".join(f"{kind} {write(name)};" for name in names)

    def _fits(self, places: Places, node: Node) -> bool:
        kind = node.child("type")
        if kind is None or sum(child.role == "declarator" for child in node.children) < 2:
            return False
        if places.source.words(kind) in places.known:
            return False
        return not places.has(kind, "field_declaration_list", "enumerator_list", "macro_type_specifier")


UNWRAPPED = frozenset(
    """parenthesized_expression string_literal concatenated_string initializer_list comma_expression
    compound_literal_expression compound_statement""".split()  # noqa: SIM905
)
"""What gets no parentheses: it has them, or an initialiser may not have them."""


@dataclass(frozen=True)
class Parenthesise:
    """`return x;` to `return (x);`, and so with the right side of `=`, an initial value, a condition."""

    name: str = "parenthesise"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield expressions that stand alone."""
        for kind in ("return_statement", "init_declarator", "assignment_expression", "parenthesized_expression"):
            for node in places.of(kind):
                value = self._value(node)
                if value is not None and value.kind not in UNWRAPPED and self._fits(places, value):
                    yield value

    def _fits(self, places: Places, value: Node) -> bool:
        """Whether it is no macro that may stand for an initialiser in braces."""
        if value.kind == "identifier" and not places.is_atomic(places.source.words(value)):
            return False
        return places.is_clean(value) and not places.is_unknown_call(value)

    def _value(self, node: Node) -> Node | None:
        if node.kind == "init_declarator":
            return node.child("value")
        if node.kind == "assignment_expression":
            return node.child("right")
        if node.kind == "parenthesized_expression" and node.role != "condition":
            return None
        return node.inner[0] if len(node.inner) == 1 else None

    def span(self, node: Node) -> Span:
        """Replace the expression."""
        return node.start, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Put it in parentheses."""
        return f"({write(node)})"


@dataclass(frozen=True)
class Unparenthesise:
    """`return (x);` to `return x;`."""

    name: str = "unparenthesise"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield returned expressions in parentheses."""
        for node in places.of("return_statement"):
            value = node.inner[0] if len(node.inner) == 1 else None
            if value is None or value.kind != "parenthesized_expression" or not places.is_clean(value):
                continue
            if len(value.inner) == 1 and value.inner[0].kind != "compound_statement":
                yield value

    def span(self, node: Node) -> Span:
        """Replace the expression with its parentheses."""
        return node.start, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Keep what is inside; `return(x)` needs a blank."""
        before = places.source.text[node.start - 1 : node.start]
        return ("" if before.isspace() else " ") + write(node.inner[0])
