"""Constants folded and unfolded (spec/attacks.md, 2.3: MindAC 11; C11, 6.4.4.1: decimals up to INT_MAX are ints).

Only such decimals, so that type and value stay; zero stays too, because it may be a null pointer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from attacks.places import Places
from attacks.program import Write
from attacks.rewrites.shared import Whole, operator_of, sides
from bench.syntax.cnames import looks_like_macro
from bench.syntax.csource import Node

LARGEST = (1 << 31) - 1
"""INT_MAX where int has 32 bits."""
FOLDED = frozenset({"+", "-", "*", "<<"})
_DECIMAL = re.compile(r"[1-9]\d*", re.ASCII)


def decimal(places: Places, node: Node) -> int | None:
    """Return the value of a positive decimal literal of type int; None for anything else."""
    text = places.source.words(node) if node.kind == "number_literal" else ""
    value = int(text) if len(text) <= 10 and _DECIMAL.fullmatch(text) else 0
    return value if 0 < value <= LARGEST else None


def fold(operator: str, left: int, right: int) -> int | None:
    """Return what two ints give; None where the result is no int, or the operator is not folded."""
    if operator == "<<":
        found = left << right if left >= 0 and 0 <= right < 31 else None
    else:
        found = {"+": left + right, "-": left - right, "*": left * right}.get(operator)
    return found if found is not None and abs(found) <= LARGEST else None


def _is_free(places: Places, node: Node) -> bool:
    """Whether no cast, which may be no cast, and no macro, which may paste, takes the literal as it is written."""
    if node.parent is None or node.parent.kind in {"cast_expression", "sizeof_expression"}:
        return False
    calls = (a for a in node.ancestors() if a.kind == "call_expression")
    callees = (callee for call in calls if (callee := call.child("function")) is not None)
    return not any(looks_like_macro(places.source.words(callee)) for callee in callees)


@dataclass(frozen=True)
class Unfold(Whole):
    """`8` to `(7 + 1)` or `(4 * 2)`: integer constant expressions, allowed wherever the literal is."""

    name: str
    product: bool

    def find(self, places: Places) -> Iterator[Node]:
        """Yield decimals above 1; even ones above 2 for a product."""
        for node in places.of("number_literal"):
            value = decimal(places, node) or 0
            fits = value > 2 and value % 2 == 0 if self.product else value > 1
            if fits and _is_free(places, node):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Write two literals."""
        value = decimal(places, node) or 0
        return f"({value // 2} * 2)" if self.product else f"({value - 1} + 1)"


@dataclass(frozen=True)
class Fold(Whole):
    """`4 * 2` to `8`; parentheses around it stay."""

    name: str = "fold_constant"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield operations on two decimals whose result is a positive int."""
        for node in places.of("binary_expression"):
            if (self._value(places, node) or 0) > 0 and _is_free(places, node):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Write the result."""
        return str(self._value(places, node))

    def _value(self, places: Places, node: Node) -> int | None:
        pair = sides(node)
        values = (decimal(places, pair[0]), decimal(places, pair[1])) if pair is not None else (None, None)
        if values[0] is None or values[1] is None:
            return None
        return fold(operator_of(places, node), values[0], values[1])
