"""Early returns and what follows them (spec/attacks.md, 2.3: RoPGen 21; other jumps as well)."""

from __future__ import annotations

from dataclasses import dataclass

from attacks.places import Places, braced
from attacks.program import Span, Write
from attacks.rewrites.shared import DECLARES, Matched, Whole, alternative, ends_in_jump, is_value, may_move, stretch
from bench.syntax.csource import Node


def _in_block(places: Places, node: Node) -> bool:
    """Whether a statement stands among others in a block that has no value and is no switch."""
    block = node.parent
    if block is None or block.kind != "compound_statement" or is_value(block) or not places.starts(node):
        return False
    return block.parent is None or block.parent.kind != "switch_statement"


def _rest(node: Node) -> list[Node]:
    """Return what stands behind a statement in its block; comments count, but not at the end."""
    rest = [other for other in (node.parent or node).children if other.order > node.order and other.named]
    while rest and rest[-1].kind == "comment":
        rest.pop()
    return rest


@dataclass(frozen=True)
class JumpToElse(Matched[tuple[Node, Node, Node]]):
    """`if (c) return x; REST` to `if (c) { return x; } else { REST }`, where REST ends the block.

    REST holds no label, so that nobody jumps into it, and no macro that may open or close a block.
    """

    name: str = "jump_to_else"
    kinds = ("if_statement",)

    def match(self, places: Places, node: Node) -> tuple[Node, Node, Node] | None:
        """Return the condition, the branch that ends in a jump, and REST."""
        condition, branch, rest = node.child("condition"), node.child("consequence"), _rest(node)
        if condition is None or branch is None or node.child("alternative") or not (_in_block(places, node) and rest):
            return None
        if not ends_in_jump(places, branch) or not may_move(places, branch) or not places.may_be_enclosed(rest):
            return None
        whole = stretch(rest[0], rest[-1])
        return None if places.has(whole, "labeled_statement") else (condition, branch, whole)

    def span(self, node: Node) -> Span:
        """Replace all from here to the end of the block."""
        return node.start, (_rest(node) or [node])[-1].end

    def put(self, node: Node, found: tuple[Node, Node, Node], write: Write) -> str:
        """Put both in blocks."""
        condition, branch, rest = map(write, found)
        return f"if {condition} {braced(branch)} else {{ {rest} }}"


@dataclass(frozen=True)
class ElseToJump(Whole, Matched[tuple[Node, Node, Node]]):
    """`if (c) return x; else S` to `if (c) return x; S`; a block that declares nothing loses its braces."""

    name: str = "else_to_jump"
    kinds = ("if_statement",)

    def match(self, places: Places, node: Node) -> tuple[Node, Node, Node] | None:
        """Return the condition, the branch that ends in a jump, and what `else` governs."""
        condition, branch, other = node.child("condition"), node.child("consequence"), alternative(node)
        if condition is None or branch is None or other is None or not _in_block(places, node):
            return None
        if not ends_in_jump(places, branch) or not (may_move(places, branch) and may_move(places, other)):
            return None
        return condition, branch, self._opened(places, other)

    def put(self, node: Node, found: tuple[Node, Node, Node], write: Write) -> str:
        """Leave the keyword out."""
        condition, branch, other = map(write, found)
        return f"if {condition} {branch} {other}"

    def _opened(self, places: Places, other: Node) -> Node:
        """Return what is in a block, where it needs none; a comment at its end would swallow what follows."""
        inside = [child for child in other.children if child.named]
        if other.kind != "compound_statement" or not inside or inside[-1].kind == "comment":
            return other
        declares = any(child.kind in DECLARES | {"labeled_statement"} for child in inside)
        return other if declares or not places.may_be_enclosed(inside) else stretch(inside[0], inside[-1])
