"""What a piece of a program may be moved or repeated: the expressions that are understood.

Follows spec/attacks.md, 2.4. The grammar sees no macro, so whatever could be one and is not understood is neither moved
nor repeated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

from attacks.declared import STANDARD_TYPE, Declarations
from bench.syntax.cmacros import STRINGS, defined_macros
from bench.syntax.cnames import HARMLESS_MACROS, SAFE_CONSTANTS, WORD, looks_like_macro, takes_members, words
from bench.syntax.cscope import identifiers
from bench.syntax.csource import Node, Source

PURE = words(
    """identifier field_identifier number_literal char_literal string_literal string_content escape_sequence character
    true false null parenthesized_expression field_expression subscript_expression unary_expression pointer_expression
    binary_expression cast_expression sizeof_expression type_descriptor primitive_type sized_type_specifier
    type_identifier abstract_pointer_declarator struct_specifier type_qualifier"""
)
"""Kinds of nodes that an expression without side effects is made of."""
PLAIN = PURE | words("call_expression argument_list update_expression assignment_expression conditional_expression")
"""Kinds of nodes that an expression is made of, effects included."""
SPOILED = words("ERROR gnu_asm_expression attribute_specifier macro_type_specifier")
_OLD_STYLE = ("parameter_list", "")
_LITERAL = re.compile(r"\(?\s*-?\s*(0[xX][0-9a-fA-F]+|\d+)[uUlL]*\s*\)?", re.ASCII)
_WATCHED = re.compile(
    r"(__)?volatile(__)?|_Atomic|(sig)?setjmp"
    r"|atomic_(flag|bool|[su]?char(\d+_t)?|wchar_t|u?short|u?int((_fast|_least)\d+_t|ptr_t|max_t)?|u?l?long|size_t|ptrdiff_t)"
    r"|atomic_(load|store|exchange|compare_exchange_(weak|strong)|fetch_\w+|flag_\w+)(_explicit)?",
    re.ASCII,
)
"""Words of programs in which somebody else may see each access to memory, those of stdatomic.h among them."""
_NO_ADDRESS = re.compile(r"register|vector\w*|__vector|__m\d+[di]?|v\d+[a-z]+|(u?int|float)\d+x\d+_t", re.ASCII)


class Movable:
    """A program whose expressions are judged."""

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
        return not any(map(_WATCHED.fullmatch, self.words))

    @cached_property
    def plain_subscripts(self) -> bool:
        """Whether `a[i]` is an address plus an index for sure: no register, no vector in sight."""
        return not any(map(_NO_ADDRESS.fullmatch, self.words))

    @cached_property
    def declared(self) -> Declarations:
        """What the declarations in the file say about names."""
        return Declarations(self.source)

    @cached_property
    def exposed(self) -> frozenset[str]:
        """Words whose value may change behind the program's back: under `&`, in asm, faults, directives, macros."""
        found: set[str] = set()
        for node in self.source.nodes:
            address = node.kind == "pointer_expression" and self.source.words(node.children[0]) == "&"
            closed = node.missing or node.kind in SPOILED or node.kind.startswith("preproc_")
            if address or closed or (node.kind == "call_expression" and self.is_unknown_call(node)):
                found.update(WORD.findall(self.source.words(node)))
        return frozenset(found)

    @cached_property
    def _impure(self) -> list[bool]:
        return self.without(self._is_pure_node)

    @cached_property
    def _unclear(self) -> list[bool]:
        return self.without(self._is_plain_node)

    def without(self, holds: Callable[[Node], bool]) -> list[bool]:
        """Return for each node whether something does not hold for it or a part of it."""
        broken = [not holds(node) for node in self.source.nodes]
        for node in reversed(self.source.nodes):
            if broken[node.order] and node.parent is not None:
                broken[node.parent.order] = True
        return broken

    def is_macro(self, name: str) -> bool:
        """Whether a name may be a macro."""
        return name in self.macros or (looks_like_macro(name) and name not in self.known)

    def is_unknown_call(self, node: Node) -> bool:
        """Whether a call may be a macro that does more than evaluate its arguments."""
        callee = node.child("function")
        if callee is None or callee.kind != "identifier":
            return callee is not None and callee.kind in STRINGS
        name = self.source.words(callee)
        if name in HARMLESS_MACROS:
            return False
        return takes_members(name) or "assert" in name or self.is_macro(name)

    def is_pure(self, node: Node) -> bool:
        """Whether evaluating it has no effect, and moving it cannot change what it means."""
        return self.plain_memory and not self._impure[node.order]

    def is_plain(self, node: Node) -> bool:
        """Whether it is an expression, effects allowed, in which nothing may be the text of a macro."""
        return not self._unclear[node.order]

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
        return not self.may_be_no_cast(node)

    def _is_plain_node(self, node: Node) -> bool:
        if node.kind == "identifier" and node.role == "function" and node.parent is not None:
            return not self.is_unknown_call(node.parent)
        if node.named and node.kind not in PURE:
            return node.kind in PLAIN
        return self._is_pure_node(node)

    def is_atomic(self, name: str) -> bool:
        """Whether a name stands for one value and not for the text of an expression."""
        if name in self.macros:
            return _LITERAL.fullmatch(self.macros[name]) is not None
        return not self.is_macro(name) or name in SAFE_CONSTANTS

    def may_be_no_cast(self, node: Node) -> bool:
        """`(a) - b` parses as a cast of `-b` where `a` may be a variable, `(T) * (x)` as a product: T may be a type."""
        if node.kind == "sizeof_expression":
            return any(child.kind == "cast_expression" for child in node.children)
        if node.kind == "binary_expression":
            return self._may_be_cast(node)
        if node.kind != "cast_expression":
            return False
        kind, value = node.child("type"), node.child("value")
        named = [part for part in kind.inner if part.kind == "type_identifier"] if kind is not None else []
        if value is None or not named or self._is_standard_type(self.source.words(named[0])):
            return False
        return value.kind in {"unary_expression", "pointer_expression", "parenthesized_expression", "cast_expression"}

    def _is_standard_type(self, name: str) -> bool:
        return STANDARD_TYPE.fullmatch(name) is not None and name not in self.known and name not in self.macros

    def _may_be_cast(self, node: Node) -> bool:
        left = node.child("left")
        if left is None or left.kind != "parenthesized_expression" or len(left.inner) != 1:
            return False
        inner = left.inner[0]
        return inner.kind == "identifier" and self.source.words(inner) not in self.known
