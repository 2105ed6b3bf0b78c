"""Rewrites between `?:` and `if` (spec/attacks.md, 2.3: NatGen's ternary removal, RoPGen 21).

A conditional has one type, two branches have two: `x = c ? -1 : u` and `if (c) x = -1; else x = u;` differ where `u` is
unsigned and `x` wider. So both directions ask that the type of the conditional can change neither value
(C11, 6.5.15 and 6.3.1.8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from attacks.places import Places
from attacks.program import Write
from attacks.rewrites.shared import (
    Matched,
    Pair,
    Whole,
    alternative,
    following,
    in_parentheses,
    is_repeatable,
    is_statement,
    is_value,
    may_move,
    only,
    operator_of,
    sides,
)
from bench.syntax.csource import Node

EXACT = 1 << 24
"""Integers up to here are exact in every floating type."""
YES_OR_NO = frozenset({"<", ">", "<=", ">=", "==", "!=", "&&", "||", "!"})
_DECIMAL = re.compile(r"(?:0|[1-9]\d*)", re.ASCII)
_CHARACTER = re.compile(r"'[ -~]'", re.ASCII)


def keeps_values(places: Places, first: Node, second: Node) -> bool:
    """Whether `c ? a : b` has the value of its branch, whatever is done with it: neither value is converted."""
    if _is_small(places, first) or _is_small(places, second):
        return True
    kinds = {first.kind, second.kind}
    if "null" in kinds or kinds == {"string_literal"} or (_is_int(places, first) and _is_int(places, second)):
        return True
    return kinds == {"identifier"} and places.declared.are_alike(first, second)


def _is_small(places: Places, node: Node) -> bool:
    """Whether it is of type int and neither negative nor large, so that the other one's type can hold it."""
    text = places.source.words(node)
    if node.kind == "number_literal":
        return _DECIMAL.fullmatch(text) is not None and int(text) <= EXACT
    if node.kind in {"binary_expression", "unary_expression"}:
        return operator_of(places, node) in YES_OR_NO
    return node.kind in {"true", "false"} or _CHARACTER.fullmatch(text) is not None


def _is_int(places: Places, node: Node) -> bool:
    text = places.source.words(node)
    negative = node.kind == "number_literal" and _DECIMAL.fullmatch(text.removeprefix("-")) is not None
    return _is_small(places, node) or (negative and int(text) >= -EXACT)


@dataclass(frozen=True, eq=False)
class _Choice:
    """A statement that does the same with one of two values."""

    condition: Node
    yes: Node
    no: Node
    target: Node | None
    """What is assigned to; None for a return."""

    def fits(self, places: Places) -> bool:
        """Whether both spellings mean the same."""
        parts = (self.condition, self.yes, self.no)
        if not all(map(places.is_plain, parts)) or not keeps_values(places, self.yes, self.no):
            return False
        if self.target is None:
            return True
        if self.target.kind == "identifier":
            return places.is_atomic(places.source.words(self.target))
        return all(map(places.is_pure, (self.target, self.condition))) and is_repeatable(places, self.target)

    def written(self, value: str, write: Write) -> str:
        """Return the statement with one value."""
        return f"return {value};" if self.target is None else f"{write(self.target)} = {value};"

    def as_if(self, write: Write) -> str:
        """Write the statement for each branch."""
        yes, no = (self.written(write(value), write) for value in (self.yes, self.no))
        return f"if {in_parentheses(self.condition, write)} {{ {yes} }} else {{ {no} }}"

    def as_ternary(self, write: Write) -> str:
        """Write the statement once."""
        yes, no = (f"({write(v)})" if v.kind == "assignment_expression" else write(v) for v in (self.yes, self.no))
        return self.written(f"{write(self.condition)} ? {yes} : {no}", write)


def _done(places: Places, node: Node) -> tuple[Node, Node | None] | None:
    """Return what a statement returns or assigns, and where to; None where it does neither."""
    inner = node.inner[0] if len(node.inner) == 1 and places.is_clean(node) else None
    if inner is None or node.kind == "return_statement":
        return (inner, None) if inner is not None else None
    pair = sides(inner) if inner.kind == "assignment_expression" and places.is_clean(inner) else None
    usual = pair is not None and is_statement(inner) and operator_of(places, inner) == "="
    return (pair[1], pair[0]) if pair is not None and usual else None


def _joined(places: Places, test: Node | None, first: Node | None, second: Node | None) -> _Choice | None:
    """Return two statements as one choice, where they do the same with two values."""
    if test is None or first is None or second is None or first.kind != second.kind:
        return None
    yes, no = _done(places, first), _done(places, second)
    if yes is None or no is None or _words(places, yes[1]) != _words(places, no[1]):
        return None
    choice = _Choice(test, yes[0], no[0], yes[1])
    return choice if choice.fits(places) else None


def _words(places: Places, node: Node | None) -> str:
    return "" if node is None else places.source.words(node)


@dataclass(frozen=True)
class TernaryToIf(Whole, Matched[_Choice]):
    """`x = c ? a : b;` to `if (c) { x = a; } else { x = b; }`, and so with `return`."""

    name: str = "ternary_to_if"
    kinds = ("expression_statement", "return_statement")

    def match(self, places: Places, node: Node) -> _Choice | None:
        """Take the conditional apart that is the whole value."""
        done = _done(places, node)
        value = done[0] if done is not None else None
        while value is not None and value.kind == "parenthesized_expression" and len(value.inner) == 1:
            value = value.inner[0] if places.is_clean(value) else None
        if done is None or value is None or value.kind != "conditional_expression" or not places.is_clean(value):
            return None
        parts = [part for role in ("condition", "consequence", "alternative") if (part := value.child(role))]
        if len(parts) < 3:  # GNU's `c ?: b`
            return None
        choice = _Choice(parts[0], parts[1], parts[2], done[1])
        return choice if choice.fits(places) else None

    def put(self, node: Node, found: _Choice, write: Write) -> str:
        """Write an if with blocks."""
        return found.as_if(write)


@dataclass(frozen=True)
class IfToTernary(Whole, Matched[_Choice]):
    """`if (c) x = a; else x = b;` to `x = (c) ? a : b;`, and so with `return`."""

    name: str = "if_to_ternary"
    kinds = ("if_statement",)

    def match(self, places: Places, node: Node) -> _Choice | None:
        """Take both branches apart."""
        first, second = node.child("consequence"), alternative(node)
        if first is None or second is None or not (may_move(places, first) and may_move(places, second)):
            return None
        if node.parent is not None and is_value(node.parent):
            return None
        return _joined(places, node.child("condition"), only(places, first), only(places, second))

    def put(self, node: Node, found: _Choice, write: Write) -> str:
        """Write one statement."""
        return found.as_ternary(write)


@dataclass(frozen=True)
class ReturnsToTernary(Pair, Matched[_Choice]):
    """`if (c) return a; return b;` to `return (c) ? a : b;`."""

    name: str = "returns_to_ternary"
    kinds = ("if_statement",)

    def match(self, places: Places, node: Node) -> _Choice | None:
        """Take the if and the return behind it apart."""
        first, last = node.child("consequence"), following(node)
        if first is None or last is None or node.child("alternative") is not None:
            return None
        if last.kind != "return_statement" or not (places.starts(node) and may_move(places, first)):
            return None
        return _joined(places, node.child("condition"), only(places, first), last)

    def put(self, node: Node, found: _Choice, write: Write) -> str:
        """Write one return."""
        return found.as_ternary(write)
