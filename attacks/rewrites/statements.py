"""Rewrites of statements (spec/attacks.md, 2.3 and 2.4: dead code, parentheses, MindAC 14: statement order)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attacks.deadnames import DEAD_NAMES
from attacks.places import LOOPS, Places
from attacks.program import Span, Write
from attacks.rewrites.shared import JUMPS, Matched, Pair, Whole, following, is_statement, sides
from bench.syntax.csource import Node

STATEMENTS = LOOPS | JUMPS | {"expression_statement", "if_statement", "switch_statement", "compound_statement"}


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


UNWRAPPED = frozenset(
    """parenthesized_expression string_literal concatenated_string initializer_list comma_expression
    compound_literal_expression compound_statement""".split()  # noqa: SIM905
)
"""What gets no parentheses: it has them, or an initialiser may not have them."""


@dataclass(frozen=True)
class Parenthesise(Whole):
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

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Put it in parentheses."""
        return f"({write(node)})"


@dataclass(frozen=True)
class Unparenthesise(Whole):
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

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Keep what is inside; `return(x)` needs a blank."""
        before = places.source.text[node.start - 1 : node.start]
        return ("" if before.isspace() else " ") + write(node.inner[0])


@dataclass(frozen=True)
class SwapStatements(Pair, Matched[tuple[Node, str, Node]]):
    """`a = 1; b = n;` to `b = n; a = 1;`, where neither reads what the other writes.

    Both write nothing but a variable of the function whose address nobody takes, so no pointer can read or change it,
    and have no other effect.
    """

    name: str = "swap_statements"
    kinds = ("expression_statement",)

    def match(self, places: Places, node: Node) -> tuple[Node, str, Node] | None:
        """Return both statements and what stands between them."""
        other = following(node)
        if (
            other is None
            or other.kind != "expression_statement"
            or not (places.is_clean(other) and places.starts(node))
        ):
            return None
        targets = self._target(places, node), self._target(places, other)
        if targets[0] is None or targets[1] is None:
            return None
        words = [{places.source.words(leaf) for leaf in places.source.below(part)} for part in (node, other)]
        if targets[0] in words[1] or targets[1] in words[0]:
            return None
        return node, places.source.text[node.end : other.start], other

    def put(self, node: Node, found: tuple[Node, str, Node], write: Write) -> str:
        """Write the second one first."""
        first, gap, second = found
        return write(second) + gap + write(first)

    def _target(self, places: Places, statement: Node) -> str | None:
        """Return the variable that a statement changes; None where it may do more."""
        effect = statement.inner[0] if len(statement.inner) == 1 else None
        if effect is None or not is_statement(effect) or not places.is_clean(effect):
            return None
        pair = sides(effect) if effect.kind == "assignment_expression" else None
        leaf = pair[0] if pair is not None else effect.child("argument") if effect.kind == "update_expression" else None
        if leaf is None or leaf.kind != "identifier" or (pair is not None and not places.is_pure(pair[1])):
            return None
        declared = places.declared.of(leaf)
        own = bool(declared) and not any(
            d.marks - {"const", "register"} or not places.declared.is_scalar(d) for d in declared
        )
        name = places.source.words(leaf)
        return name if own and places.plain_memory and name not in places.exposed else None
