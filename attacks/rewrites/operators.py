"""Rewrites of expressions (spec/attacks.md, 2.3 and 2.4: CODA R3, NatGen's operand swap, MindAC 8 to 10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attacks.places import Places
from attacks.program import Span, Write
from bench.csource import Node

MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
COMMUTATIVE = {op: op for op in ("+", "*", "&", "|", "^")}
PRECEDENCE = {
    op: level
    for level, ops in enumerate(("||", "&&", "|", "^", "&", "== !=", "< > <= >=", "<< >>", "+ -", "* / %"))
    for op in ops.split()
}
ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"})
POSTFIXABLE = frozenset({"identifier", "field_expression", "subscript_expression", "parenthesized_expression"})
ATOMIC = POSTFIXABLE | {"number_literal", "char_literal", "call_expression"}


def _operator(places: Places, node: Node) -> str:
    operator = node.child("operator")
    return places.source.words(operator) if operator is not None else ""


def _sides(node: Node) -> tuple[Node, Node] | None:
    left, right = node.child("left"), node.child("right")
    return (left, right) if left is not None and right is not None else None


def _is_statement(node: Node) -> bool:
    """Whether nobody uses the value: a statement of its own, or the update of a `for`."""
    parent = node.parent
    if parent is None or parent.kind != "expression_statement":
        return parent is not None and parent.kind == "for_statement" and node.role == "update"
    block = parent.parent
    return block is None or block.parent is None or block.parent.kind != "parenthesized_expression"


class _Expression:
    """What these rewrites share: they replace the whole node."""

    def span(self, node: Node) -> Span:
        """Replace the whole expression."""
        return node.start, node.end


@dataclass(frozen=True)
class SwapOperands(_Expression):
    """`a < b` to `b > a`, or `a + b` to `b + a`, where neither operand has an effect or may be a macro's text."""

    name: str
    operators: tuple[tuple[str, str], ...]

    def find(self, places: Places) -> Iterator[Node]:
        """Yield binary expressions of two pure operands."""
        known = dict(self.operators)
        for node in places.of("binary_expression"):
            if _operator(places, node) in known and _sides(node) is not None and places.is_pure(node):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Exchange the operands and keep the blanks; operands that bind no tighter get parentheses."""
        sides, operator = _sides(node), node.child("operator")
        if sides is None or operator is None:
            return write(node)
        text = places.source.text
        sign = dict(self.operators)[places.source.words(operator)]
        gap = text[operator.end : sides[1].start]
        first, second = (self._operand(places, side, sign, write) for side in reversed(sides))
        if not gap and second[0] in "+-&*":
            gap = " "
        return first + text[sides[0].end : operator.start] + sign + gap + second

    def _operand(self, places: Places, side: Node, sign: str, write: Write) -> str:
        loose = side.kind == "binary_expression" and PRECEDENCE.get(_operator(places, side), -1) <= PRECEDENCE[sign]
        return f"({write(side)})" if loose or side.kind == "conditional_expression" else write(side)


@dataclass(frozen=True)
class Increment(_Expression):
    """`i++` as a statement to `++i`, `i += 1` or `i = i + 1`; the place has no effect of its own."""

    name: str
    form: str
    """With {x} for the place and {op} for + or -."""

    def find(self, places: Places) -> Iterator[Node]:
        """Yield increments and decrements whose value nobody uses."""
        for node in places.of("update_expression"):
            argument = node.child("argument")
            if argument is not None and _is_statement(node) and places.is_pure(argument) and self._fits(node, argument):
                yield node

    def _fits(self, node: Node, argument: Node) -> bool:
        if self.form == "{x}{op}{op}" and argument.kind not in POSTFIXABLE:
            return False
        return self.form != ("{op}{op}{x}" if node.children[0].role == "operator" else "{x}{op}{op}")

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Fill the form in."""
        argument = node.child("argument")
        place = write(argument) if argument is not None else ""
        return self.form.format(x=place, op=_operator(places, node)[:1])


@dataclass(frozen=True)
class ExpandAssignment(_Expression):
    """`a -= b` as a statement to `a = a - (b)`; neither side has an effect."""

    name: str = "expand_assignment"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield compound assignments."""
        for node in places.of("assignment_expression"):
            if _operator(places, node)[:-1] in ARITHMETIC and _is_statement(node) and places.is_pure_pair(node):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Write the left side twice."""
        sides = _sides(node)
        if sides is None:
            return write(node)
        left, right = write(sides[0]), write(sides[1])
        value = right if sides[1].kind in ATOMIC else f"({right})"
        return f"{left} = {left} {_operator(places, node)[:-1]} {value}"


@dataclass(frozen=True)
class ContractAssignment(_Expression):
    """`a = a + b` as a statement to `a += b`."""

    name: str = "contract_assignment"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield assignments of an operation on the place itself."""
        for node in places.of("assignment_expression"):
            sides = _sides(node)
            if sides is None or _operator(places, node) != "=" or not _is_statement(node):
                continue
            inner = _sides(sides[1]) if sides[1].kind == "binary_expression" else None
            if inner is None or _operator(places, sides[1]) not in ARITHMETIC or not places.is_clean(sides[1]):
                continue
            if places.source.words(inner[0]) == places.source.words(sides[0]) and places.is_pure_pair(node):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Write the left side once."""
        sides = _sides(node)
        inner = _sides(sides[1]) if sides is not None else None
        if sides is None or inner is None:
            return write(node)
        return f"{write(sides[0])} {_operator(places, sides[1])}= {write(inner[1])}"
