"""Where a program may be rewritten, and what may be moved there: the preconditions that all rewrites share.

Follows spec/attacks.md, 2.4. The grammar sees no macro, so whatever could be one and is not understood makes a place
untouchable: too few places cost strength, one wrong place costs the benchmark its claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

from attacks.program import Span, Write
from bench.cnames import HARMLESS_MACROS, MEMBER_MACROS, SAFE_CONSTANTS, looks_like_macro, words
from bench.cscope import CONDITIONAL, defined_macros, identifiers
from bench.csource import Node, Source

PURE = words(
    """identifier field_identifier number_literal char_literal string_literal string_content escape_sequence character
    true false null parenthesized_expression field_expression subscript_expression unary_expression pointer_expression
    binary_expression cast_expression sizeof_expression type_descriptor primitive_type sized_type_specifier
    type_identifier abstract_pointer_declarator struct_specifier type_qualifier"""
)
"""Kinds of nodes that an expression without side effects is made of."""
LOOPS = frozenset({"for_statement", "while_statement", "do_statement"})
SPOILED = words("ERROR gnu_asm_expression attribute_specifier macro_type_specifier")
_OLD_STYLE = ("parameter_list", "")
_LITERAL = re.compile(r"\(?\s*-?\s*(0[xX][0-9a-fA-F]+|\d+)[uUlL]*\s*\)?", re.ASCII)
_STANDARD_TYPE = re.compile(r"\w+_t|u?int(8|16|32|64|ptr)|[us](8|16|32|64)|uchar|ushort|uint|ulong", re.ASCII)


class Rewrite(Protocol):
    """One meaning-preserving change: where it applies and what it writes there."""

    @property
    def name(self) -> str:
        """Shown in outcomes, such as "for_to_while"."""
        ...

    def find(self, places: Places) -> Iterator[Node]:
        """Yield the nodes that may be rewritten: all preconditions hold."""
        ...

    def span(self, node: Node) -> Span:
        """Return what is replaced; empty for an insertion."""
        ...

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Write the new text; parts of the program go through `write`, so that changes in them are kept."""
        ...


class Places:
    """A program seen by a rewrite."""

    def __init__(self, source: Source) -> None:
        self.source = source

    @cached_property
    def macros(self) -> dict[str, str]:
        """Macros that the file defines."""
        return defined_macros(self.source)

    @cached_property
    def known(self) -> frozenset[str]:
        """Names that are declared in the file, so that they are no macros whatever their case."""
        names = {
            self.source.words(node)
            for node in self.source.nodes
            if node.kind == "identifier"
            and node.parent is not None
            and (node.role == "declarator" or (node.parent.kind, node.role) in {("enumerator", "name"), _OLD_STYLE})
        }
        return frozenset(names - set(self.macros))

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of the file."""
        return identifiers(self.source)

    @cached_property
    def plain_memory(self) -> bool:
        """Whether reading a variable twice, or in another order, cannot be seen from outside."""
        return not {"volatile", "__volatile__", "_Atomic", "setjmp", "sigsetjmp"} & self.words

    @cached_property
    def _spoiled(self) -> list[bool]:
        """For each node, whether it holds a fault, a directive, or asm."""
        spoiled = [
            node.missing or node.kind in SPOILED or node.kind.startswith("preproc_") for node in self.source.nodes
        ]
        for node in reversed(self.source.nodes):
            if spoiled[node.order] and node.parent is not None:
                spoiled[node.parent.order] = True
        return spoiled

    @cached_property
    def reachable(self) -> tuple[Node, ...]:
        """Nodes inside function bodies, outside of faults, directives, asm, and arguments of unknown macros."""
        found: list[Node] = []
        skip = depth = 0
        for node in self.source.nodes:
            if node.order < skip:
                continue
            if node.kind == "compound_statement" and node.parent and node.parent.kind == "function_definition":
                depth = max(depth, node.stop)
            if self._closed(node, inside=node.order < depth):
                skip = node.stop
            elif node.order < depth:
                found.append(node)
        return tuple(found)

    def _closed(self, node: Node, *, inside: bool) -> bool:
        if node.missing or node.kind in SPOILED:
            return True
        if node.kind.startswith("preproc_"):
            return inside or node.kind not in CONDITIONAL
        return node.kind == "argument_list" and node.parent is not None and self.is_unknown_call(node.parent)

    def of(self, *kinds: str) -> Iterator[Node]:
        """Yield the reachable nodes of these kinds that hold no fault, no directive and no comment of their own."""
        for node in self.reachable:
            if node.kind in kinds and self.is_clean(node):
                yield node

    def is_clean(self, node: Node) -> bool:
        """Whether all of a node is understood, and no comment is lost when its parts are put together anew."""
        return not self._spoiled[node.order] and not any(child.kind == "comment" for child in node.children)

    def is_macro(self, name: str) -> bool:
        """Whether a name may be a macro."""
        return name in self.macros or (looks_like_macro(name) and name not in self.known)

    def is_unknown_call(self, node: Node) -> bool:
        """Whether a call may be a macro that does more than evaluate its arguments."""
        callee = node.child("function")
        if callee is None or callee.kind != "identifier":
            return False
        name = self.source.words(callee)
        if name in HARMLESS_MACROS:
            return False
        return name in MEMBER_MACROS or "assert" in name or self.is_macro(name)

    def is_pure(self, node: Node) -> bool:
        """Whether evaluating it has no effect, and moving it cannot change what it means."""
        return self.plain_memory and all(self._is_pure_node(part) for part in self.source.below(node))

    def is_pure_pair(self, node: Node) -> bool:
        """Whether both sides of an assignment are pure."""
        left, right = node.child("left"), node.child("right")
        return left is not None and right is not None and self.is_pure(left) and self.is_pure(right)

    def _is_pure_node(self, node: Node) -> bool:
        if not node.named or node.kind == "comment":
            return True
        if node.kind not in PURE or node.missing:
            return False
        if node.kind == "identifier":
            return self.is_atomic(self.source.words(node))
        return not self._may_be_no_cast(node)

    def is_atomic(self, name: str) -> bool:
        """Whether a name stands for one value and not for the text of an expression."""
        if name in self.macros:
            return _LITERAL.fullmatch(self.macros[name]) is not None
        return not self.is_macro(name) or name in SAFE_CONSTANTS

    def _may_be_no_cast(self, node: Node) -> bool:
        """`(a) - b` parses as a cast of `-b` where `a` may be a variable, `(f)(x)` where `f` may be a function."""
        if node.kind == "sizeof_expression":
            return any(child.kind == "cast_expression" for child in node.children)
        if node.kind != "cast_expression":
            return False
        kind, value = node.child("type"), node.child("value")
        named = [part for part in kind.inner if part.kind == "type_identifier"] if kind is not None else []
        if value is None or not named or _STANDARD_TYPE.fullmatch(self.source.words(named[0])):
            return False
        return value.kind in {"unary_expression", "pointer_expression", "parenthesized_expression", "cast_expression"}

    def hides_flow(self, node: Node) -> bool:
        """Whether a statement in it may be a macro that jumps: `CHECK(x);`, `ABORT;`."""
        for part in self.source.below(node):
            if part.kind == "expression_statement" and part.inner:
                inner = part.inner[0]
                if inner.kind == "call_expression" and self.is_unknown_call(inner):
                    return True
                if inner.kind == "identifier":
                    return True
        return False

    def is_whole(self, statement: Node) -> bool:
        """Whether it is one statement for sure: a block, or nothing that may be a macro of several statements."""
        return statement.kind == "compound_statement" or not self.hides_flow(statement)

    def jumps(self, body: Node, *kinds: str) -> bool:
        """Whether a statement of these kinds in a loop's body concerns this loop and none within it."""
        skip = body.order
        for part in self.source.below(body):
            if part.order < skip:
                continue
            if part.kind in kinds:
                return True
            if part.kind in LOOPS:
                skip = part.stop
        return False

    def has_stray_case(self, body: Node) -> bool:
        """Whether a `case` in it belongs to a switch around it."""
        for part in self.source.below(body):
            if part.kind == "case_statement":
                switch = next((a for a in part.ancestors() if a.kind == "switch_statement"), None)
                if switch is None or switch.order < body.order:
                    return True
        return False

    def has(self, node: Node, *kinds: str) -> bool:
        """Whether a node of these kinds is in it."""
        return any(part.kind in kinds for part in self.source.below(node))


def braced(text: str) -> str:
    """Return a statement as a block."""
    return text if text.startswith("{") else "{ " + text + " }"
