"""Rewrites of expressions (spec/attacks.md, 2.3 and 2.4: CODA R3, NatGen's operand swap, MindAC 8 to 10)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from attacks.places import Places
from attacks.program import Write
from attacks.rewrites.shared import ATOMIC, POSTFIXABLE, Whole, is_statement, operand, operator_of, sides
from bench.syntax.csource import Node

MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
COMMUTATIVE = {op: op for op in ("+", "*", "&", "|", "^")}
_HEX_E = re.compile(r"\b0[xX][\da-fA-F]*[eE]$")
"""C11, 6.4.8: in `0xe+i` it takes the sign along."""
ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"})


@dataclass(frozen=True)
class SwapOperands(Whole):
    """`a < b` to `b > a`, or `a + b` to `b + a`, where neither operand has an effect or may be a macro's text."""

    name: str
    operators: tuple[tuple[str, str], ...]

    def find(self, places: Places) -> Iterator[Node]:
        """Yield binary expressions of two pure operands."""
        known = dict(self.operators)
        for node in places.of("binary_expression"):
            if operator_of(places, node) in known and places.is_pure(node) and sides(node) is not None:
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Exchange the operands and keep the blanks; operands that bind no tighter get parentheses."""
        pair, operator = sides(node), node.child("operator")
        if pair is None or operator is None:
            return write(node)
        text = places.source.text
        sign = dict(self.operators)[places.source.words(operator)]
        gap = text[operator.end : pair[1].start]
        first, second = (operand(places, side, sign, write) for side in reversed(pair))
        if not gap and second[0] in "+-&*":
            gap = " "
        if first[0] in "+-&" and text[node.start - 1 : node.start] == first[0]:
            first = " " + first
        before = text[pair[0].end : operator.start]
        if not before and sign[0] in "+-" and _HEX_E.search(first):
            before = " "
        return first + before + sign + gap + second


@dataclass(frozen=True)
class Increment(Whole):
    """`i++` as a statement to `++i`, `i += 1` or `i = i + 1`; the place has no effect of its own."""

    name: str
    form: str
    """With {x} for the place and {op} for + or -."""

    def find(self, places: Places) -> Iterator[Node]:
        """Yield increments and decrements whose value nobody uses."""
        for node in places.of("update_expression"):
            argument = node.child("argument")
            if argument is not None and is_statement(node) and places.is_pure(argument) and self._fits(node, argument):
                yield node

    def _fits(self, node: Node, argument: Node) -> bool:
        if self.form == "{x}{op}{op}" and argument.kind not in POSTFIXABLE:
            return False
        return self.form != ("{op}{op}{x}" if node.children[0].role == "operator" else "{x}{op}{op}")

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Fill the form in."""
        argument = node.child("argument")
        place = write(argument) if argument is not None else ""
        return self.form.format(x=place, op=operator_of(places, node)[:1])


@dataclass(frozen=True)
class ExpandAssignment(Whole):
    """`a -= b` as a statement to `a = a - (b)`; neither side has an effect."""

    name: str = "expand_assignment"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield compound assignments."""
        for node in places.of("assignment_expression"):
            if operator_of(places, node)[:-1] in ARITHMETIC and is_statement(node) and places.is_pure_pair(node):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Write the left side twice."""
        pair = sides(node)
        if pair is None:
            return write(node)
        left, right = write(pair[0]), write(pair[1])
        value = right if pair[1].kind in ATOMIC else f"({right})"
        return f"{left} = {left} {operator_of(places, node)[:-1]} {value}"


@dataclass(frozen=True)
class ContractAssignment(Whole):
    """`a = a + b` as a statement to `a += b`."""

    name: str = "contract_assignment"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield assignments of an operation on the place itself."""
        for node in places.of("assignment_expression"):
            pair = sides(node)
            if pair is None or operator_of(places, node) != "=" or not is_statement(node):
                continue
            inner = sides(pair[1]) if pair[1].kind == "binary_expression" else None
            if inner is None or operator_of(places, pair[1]) not in ARITHMETIC or not places.is_clean(pair[1]):
                continue
            if places.source.words(inner[0]) == places.source.words(pair[0]) and places.is_pure_pair(node):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Write the left side once."""
        pair = sides(node)
        inner = sides(pair[1]) if pair is not None else None
        if pair is None or inner is None:
            return write(node)
        return f"{write(pair[0])} {operator_of(places, pair[1])}= {write(inner[1])}"
