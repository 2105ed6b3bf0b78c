"""What several rewrites need: neighbours, operands, statements in places where one statement must stay one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator
from typing import ClassVar, Generic, TypeVar

from attacks.places import Places
from attacks.program import Span, Write
from bench.syntax.csource import Node

PRECEDENCE = {
    op: level
    for level, ops in enumerate(("||", "&&", "|", "^", "&", "== !=", "< > <= >=", "<< >>", "+ -", "* / %"))
    for op in ops.split()
}
POSTFIXABLE = frozenset({"identifier", "field_expression", "subscript_expression", "parenthesized_expression"})
ATOMIC = POSTFIXABLE | {"number_literal", "char_literal", "call_expression"}
LOOSE = frozenset({"conditional_expression", "assignment_expression", "comma_expression"})
JUMPS = frozenset({"return_statement", "break_statement", "continue_statement", "goto_statement"})
DECLARES = frozenset(
    {"declaration", "type_definition", "function_definition", "enum_specifier", "struct_specifier", "union_specifier"}
)
"""Parts of a block that give a name a meaning; a bare `enum { N };` is no declaration in the tree."""

Match = TypeVar("Match")


class Matched(ABC, Generic[Match]):
    """A rewrite that takes a place apart once to see whether it fits, and once more to write it."""

    kinds: ClassVar[tuple[str, ...]]

    @abstractmethod
    def match(self, places: Places, node: Node) -> Match | None:
        """Return the parts of a place; None where a precondition fails."""

    @abstractmethod
    def put(self, node: Node, found: Match, write: Write) -> str:
        """Put the parts together anew."""

    def find(self, places: Places) -> Iterator[Node]:
        """Yield the places that match."""
        return (node for node in places.of(*self.kinds) if self.match(places, node) is not None)

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Write a place anew."""
        found = self.match(places, node)
        return write(node) if found is None else self.put(node, found, write)


class Whole:
    """A rewrite of one node."""

    def span(self, node: Node) -> Span:
        """Replace the whole node."""
        return node.start, node.end


class Pair:
    """A rewrite of a statement and the one that follows it; it only finds statements that one follows."""

    def span(self, node: Node) -> Span:
        """Replace both statements."""
        second = following(node)
        return node.start, node.end if second is None else second.end


def following(node: Node) -> Node | None:
    """Return the next statement of the same block; None at its end, and where a comment or something else stands."""
    if node.parent is None or node.parent.kind not in {"compound_statement", "case_statement"}:
        return None
    brothers = node.parent.children
    at = bisect_right(brothers, node.order, key=lambda child: child.order)
    return brothers[at] if at < len(brothers) and brothers[at].named and brothers[at].kind != "comment" else None


def stretch(first: Node, last: Node) -> Node:
    """Return neighbours as one node that is in no tree: written and searched with all that stands between them."""
    return Node(
        "", first.start, last.end, "", named=True, missing=False, parent=first.parent, order=first.order, stop=last.stop
    )


def operator_of(places: Places, node: Node) -> str:
    """Return the operator of an expression; "" where it has none."""
    operator = node.child("operator")
    return places.source.words(operator) if operator is not None else ""


def sides(node: Node) -> tuple[Node, Node] | None:
    """Return the left and the right operand."""
    left, right = node.child("left"), node.child("right")
    return (left, right) if left is not None and right is not None else None


def operand(places: Places, node: Node, sign: str, write: Write) -> str:
    """Write an operand of a binary operator; what binds no tighter gets parentheses."""
    loose = node.kind == "binary_expression" and PRECEDENCE.get(operator_of(places, node), -1) <= PRECEDENCE[sign]
    loose = loose or node.kind in LOOSE or places.may_be_no_cast(node)
    return f"({write(node)})" if loose else write(node)


def in_parentheses(node: Node, write: Write) -> str:
    """Write an expression in exactly one pair of parentheses."""
    return write(node) if node.kind == "parenthesized_expression" else f"({write(node)})"


def is_statement(node: Node) -> bool:
    """Whether nobody uses the value: a statement of its own, or the update of a `for`."""
    parent = node.parent
    if parent is None or parent.kind != "expression_statement":
        return parent is not None and parent.kind == "for_statement" and node.role == "update"
    return parent.parent is None or not is_value(parent.parent)


def is_value(block: Node) -> bool:
    """Whether a block is a statement expression, whose last statement is its value."""
    return block.parent is not None and block.parent.kind == "parenthesized_expression"


def only(places: Places, branch: Node) -> Node | None:
    """Return the one statement that a branch is made of, braces or not; None where there are more, or a comment."""
    if branch.kind != "compound_statement":
        return branch
    return branch.inner[0] if len(branch.inner) == 1 and places.is_clean(branch) else None


def alone(node: Node, text: str) -> str:
    """Return what replaces a statement; not in a block, it gets one, so that no `else` of others can join it."""
    block = node.parent.parent if node.parent is not None and node.parent.kind == "case_statement" else node.parent
    in_block = block is not None and block.kind == "compound_statement"
    return text if in_block else "{ " + text + " }"


def ends_in_jump(places: Places, branch: Node) -> bool:
    """Whether no control leaves a branch at its end."""
    if branch.kind == "compound_statement" and branch.inner:
        return branch.inner[-1].kind in JUMPS
    return branch.kind in JUMPS


def alternative(node: Node) -> Node | None:
    """Return the statement after `else`; None where there is none, or a comment would be lost with the keyword."""
    clause = node.child("alternative")
    if clause is None or len(clause.inner) != 1 or any(child.kind == "comment" for child in clause.children):
        return None
    return clause.inner[0]


def may_move(places: Places, branch: Node) -> bool:
    """Whether a branch is one statement, and no `case` of a switch around it lies inside."""
    return places.is_whole(branch) and not places.has_stray_case(branch)


def is_repeatable(places: Places, node: Node) -> bool:
    """Whether an expression may be written twice: verify counts calls, strings and comments."""
    return places.is_plain(node) and not places.has(node, "call_expression", "string_literal", "comment")
