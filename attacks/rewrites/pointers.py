"""`a[i]` and `*(a + i)`: the same by definition (C11, 6.5.2.1; spec/attacks.md, 2.3: RoPGen 5).

Arrays that are declared in sight stay: sanitizers know their bounds, check `a[i]` against them, and report `*(a + i)`
otherwise; the labels of generated programs rest on those reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from attacks.places import Places
from attacks.program import Write
from attacks.rewrites.shared import Matched, Whole, operator_of, sides
from bench.syntax.csource import Node

PRIMARY = frozenset({"identifier", "field_expression", "parenthesized_expression", "call_expression"})
"""What takes `[i]` as it is; an element does not, because it may become `*(a + i)`."""
TERMS = PRIMARY | {"number_literal", "char_literal", "subscript_expression"}
POSTFIX = frozenset({"subscript_expression", "field_expression", "call_expression", "update_expression"})
"""Parents that bind tighter than `*` does."""
BASES = PRIMARY | {"subscript_expression", "string_literal"}
"""What a subscript belongs to as it is: to C, `sizeof (q)[0]` is the size of an element."""
AMBIGUOUS = frozenset({"cast_expression", "sizeof_expression"})
"""Parents that may be a product or a type."""
NAMES = frozenset({"identifier", "field_identifier"})


def _may_change(places: Places, node: Node, *parts: Node) -> bool:
    """Whether a subscript is an address here, the parts are understood, and none is an array that is declared."""
    around = node.parent
    while around is not None and around.kind == "parenthesized_expression":
        around = around.parent
    if around is None or around.kind in AMBIGUOUS or not places.plain_subscripts:
        return False
    leaves = (leaf for part in parts for leaf in places.source.below(part) if leaf.kind in NAMES)
    return all(map(places.is_plain, parts)) and not any(
        places.source.words(n) in places.declared.arrays for n in leaves
    )


def _is_enclosed_operand(node: Node) -> bool:
    return [around.kind for around in islice(node.ancestors(), 2)] == ["parenthesized_expression", "binary_expression"]


@dataclass(frozen=True)
class ArrayToPointer(Whole):
    """`a[i]` to `*(a + i)`, in parentheses where something binds tighter."""

    name: str = "array_to_pointer"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield subscripts of what no macro can be."""
        for node in places.of("subscript_expression"):
            base, index = node.child("argument"), node.child("index")
            if base is None or base.kind not in BASES or index is None or not places.is_plain(index):
                continue
            if _may_change(places, node, base):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Add the index to the address; `x/*p` would begin a comment."""
        base, index = node.child("argument"), node.child("index")
        if base is None or index is None:
            return write(node)
        inner = write(index) if index.kind in TERMS else f"({write(index)})"
        tight = node.parent is not None and node.parent.kind in POSTFIX and node.role != "index"
        tight = tight or places.source.text[node.start - 1 : node.start] == "/"
        text = f"*({write(base)} + {inner})"
        return f"({text})" if tight else text


@dataclass(frozen=True)
class PointerToArray(Whole, Matched[tuple[Node, Node]]):
    """`*(a + i)` to `a[i]`; a literal is never the base.

    Not as an operand in parentheses of its own: to the parser, `(a[1]) + n` is a cast to an array.
    """

    name: str = "pointer_to_array"
    kinds = ("pointer_expression",)

    def match(self, places: Places, node: Node) -> tuple[Node, Node] | None:
        """Return the base and the index."""
        whole = node.child("argument")
        if operator_of(places, node) != "*" or whole is None or whole.kind != "parenthesized_expression":
            return None
        total = whole.inner[0] if len(whole.inner) == 1 and places.is_clean(whole) else whole
        pair = sides(total) if operator_of(places, total) == "+" and places.is_clean(total) else None
        if pair is None or not _may_change(places, node, total) or _is_enclosed_operand(node):
            return None
        return (pair[1], pair[0]) if pair[0].kind == "number_literal" else pair

    def put(self, node: Node, found: tuple[Node, Node], write: Write) -> str:
        """Subscript the base."""
        base, index = found
        inner = write(base) if base.kind in PRIMARY else f"({write(base)})"
        return f"{inner}[{write(index)}]"
