"""Which variable an expression or a declaration is about."""

from __future__ import annotations

from dataclasses import dataclass

from bench.syntax.csource import Node


@dataclass(frozen=True)
class Target:
    """What an assignment, an update or an `&` is about."""

    leaf: Node | None
    """The variable in front; None where there is none, such as behind a call."""
    whole: bool
    """Whether all of the variable is set, not a part of it or what it points to."""
    others: list[Node]
    """Expressions in it that are read, such as subscripts."""


INSIDE = {
    "subscript_expression": "argument",
    "field_expression": "argument",
    "pointer_expression": "argument",
    "cast_expression": "value",
    "binary_expression": "left",
}
"""Where the variable in front is to be found, by kind of expression."""


def target_of(node: Node | None) -> Target:
    """Return what an expression on the left of an assignment, or behind `&` or `++`, is about."""
    whole = True
    others: list[Node] = []
    while node is not None and node.kind != "identifier":
        if node.kind == "parenthesized_expression":
            node = next(iter(node.inner), None)
        elif node.kind in INSIDE:
            whole, front = False, node.child(INSIDE[node.kind])
            others.extend(child for child in node.inner if child is not front)
            node = front
        else:
            others.append(node)
            node = None
    return Target(node, whole, others)


def is_address(node: Node) -> bool:
    """Whether this is `&x`, and not `*x`."""
    return node.kind == "pointer_expression" and node.children[0].kind == "&"


def declared(node: Node) -> tuple[Node | None, list[Node]]:
    """Return the declared identifier, None for a function's, and the sizes of arrays in front of it."""
    function = False
    sizes: list[Node] = []
    while node.kind != "identifier":
        size = node.child("size")
        sizes.extend([size] if size is not None else [])
        function = node.kind == "function_declarator" or (function and node.kind == "parenthesized_declarator")
        below = node.child("declarator") or next(
            (n for n in node.inner if n.kind.endswith(("declarator", "identifier"))), None
        )
        if below is None:
            return None, sizes
        node = below
    return (None if function else node), sizes


def parameters(function: Node) -> Node | None:
    """Return the parameters of the function that is defined: those nearest to its name."""
    node, found = function.child("declarator"), None
    while node is not None:
        found = node.child("parameters") or found
        node = node.child("declarator") or next((n for n in node.inner if n.kind.endswith("declarator")), None)
    return found
