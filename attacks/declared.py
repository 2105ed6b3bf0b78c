"""What the declarations in sight say about names: types, shapes, scopes.

Follows C11, 6.2.1 and 6.7.6. One function at a time, and by spelling: a name says something only where all of its
declarations in the function agree. Left out: what headers declare; such a name says nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from bench.syntax.cmacros import defined_macros
from bench.syntax.csource import Node, Source

STANDARD_TYPE = re.compile(r"\w+_t|u?int(8|16|32|64|ptr)|[us](8|16|32|64)|uchar|ushort|uint|ulong", re.ASCII)
"""Typedefs that everybody uses for numbers."""
_INTEGER = re.compile(
    r"u?int(_fast|_least)?(8|16|32|64)(_t)?|u?int(max|ptr)_t|s?size_t|ptrdiff_t|off_t|[us](8|16|32|64)|uchar|ushort|uint|ulong",
    re.ASCII,
)
_BASIC = frozenset({"int", "char", "short", "long", "signed", "unsigned"})
_FLOATING = frozenset({"float", "double", "long double", "bool", "_Bool"})
_AROUND = frozenset({"init_declarator", "parenthesized_declarator"})


@dataclass(frozen=True, eq=False)
class Declared:
    """One declaration of one name."""

    type: str
    """Without storage class and qualifiers."""
    shape: tuple[str, ...]
    """The declarators around the name, outside in, such as ("pointer_declarator",); () for a plain value."""
    marks: frozenset[str]
    """Storage classes and qualifiers, those of its declarators included."""
    scope: Node
    """The block, loop or function in which it is known."""
    leaf: Node


def declaree(declarator: Node) -> tuple[Node | None, tuple[str, ...]]:
    """Return the name in a declarator, and the declarators around it, outside in."""
    shape: list[str] = []
    node: Node | None = declarator
    while node is not None and node.kind not in {"identifier", "field_identifier"}:
        if node.kind not in _AROUND:
            shape.append(node.kind)
        node = node.child("declarator") or (node.inner[0] if node.kind in _AROUND and node.inner else None)
    return node, tuple(shape)


def marks(source: Source, declaration: Node) -> frozenset[str]:
    """Return the storage classes and qualifiers of a declaration, those within its declarators included."""
    kinds = {"storage_class_specifier", "type_qualifier"}
    return frozenset(source.words(part) for part in source.below(declaration) if part.kind in kinds)


class Declarations:
    """The declarations of a file."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @cached_property
    def _found(self) -> dict[tuple[int, str], list[Declared]]:
        found: dict[tuple[int, str], list[Declared]] = defaultdict(list)
        for node in self._source.nodes:
            function = _function(node) if node.kind in {"declaration", "parameter_declaration"} else None
            if function is not None:
                for declared in self._declared(node, function):
                    found[function.order, self._source.words(declared.leaf)].append(declared)
        return found

    def _declared(self, node: Node, function: Node) -> Iterator[Declared]:
        kind, scope = node.child("type"), _scope(node, function)
        for child in node.children:
            leaf, shape = declaree(child) if child.role == "declarator" else (None, ())
            if leaf is not None and kind is not None:
                yield Declared(self._source.words(kind), shape, marks(self._source, node), scope, leaf)

    @cached_property
    def arrays(self) -> frozenset[str]:
        """Names of variables and members that are declared as arrays anywhere in the file; parameters are pointers."""
        arrays = [node for node in self._source.nodes if node.kind == "array_declarator"]
        leaves = [declaree(node)[0] for node in arrays if not _is_pointer(node)]
        return frozenset(self._source.words(leaf) for leaf in leaves if leaf is not None)

    def of(self, leaf: Node) -> list[Declared]:
        """Return all declarations of this spelling in the function, [] unless one of them is known at this place."""
        function = _function(leaf)
        found = self._found.get((function.order, self._source.words(leaf)), []) if function is not None else []
        known = any(d.leaf.order < leaf.order and d.scope.order <= leaf.order < d.scope.stop for d in found)
        return found if known else []

    def is_integer(self, leaf: Node) -> bool:
        """Whether a name is an integer variable, so that it may control a switch."""
        found = self.of(leaf)
        return bool(found) and all(not d.shape and self.is_integer_type(d.type) for d in found)

    def are_alike(self, first: Node, second: Node) -> bool:
        """Whether two names are variables or pointers of one type, whose conditional is of that type too."""
        found = [*self.of(first), *self.of(second)]
        pointers = {"pointer_declarator"}
        agree = len({(d.type, d.shape, d.marks) for d in found}) == 1 and set(found[0].shape) <= pointers
        return agree and bool(self.of(first)) and bool(self.of(second))

    @cached_property
    def _redefined(self) -> frozenset[str]:
        """Words that are types or macros of the file's own making, whatever they are elsewhere."""
        definitions = [node for node in self._source.nodes if node.kind == "type_definition"]
        declarators = [child for node in definitions for child in node.children if child.role == "declarator"]
        leaves = (leaf for declarator in declarators for leaf in self._source.below(declarator))
        return frozenset(map(self._source.words, leaves)) | set(defined_macros(self._source))

    def redefines(self, text: str) -> bool:
        """Whether the file itself says what a type is, in part at least."""
        return not self._redefined.isdisjoint(text.split())

    def is_integer_type(self, text: str) -> bool:
        """Whether a type is an integer for sure; `bool` is none, because a switch over it is odd."""
        known = set(text.split()) <= _BASIC or _INTEGER.fullmatch(text) is not None
        return known and not self.redefines(text)

    def is_scalar(self, declared: Declared) -> bool:
        """Whether a variable is a number or a pointer for sure, and so has no members and no elements of its own."""
        floating = declared.type in _FLOATING and not self.redefines(declared.type)
        number = floating or self.is_integer_type(declared.type)
        return set(declared.shape) <= {"pointer_declarator"} and (number or bool(declared.shape))


def _is_pointer(array: Node) -> bool:
    """Whether this array is a parameter of one dimension, `int a[]`."""
    inner = array.child("declarator")
    plain = inner is not None and inner.kind == "identifier"
    return plain and array.parent is not None and array.parent.kind == "parameter_declaration"


def _function(node: Node) -> Node | None:
    return next((a for a in node.ancestors() if a.kind == "function_definition"), None)


def _scope(node: Node, function: Node) -> Node:
    if node.kind == "parameter_declaration":
        own = function.child("declarator")
        lists = [around for around in node.ancestors() if around.kind == "parameter_list"]
        inside = own is not None and own.order < node.order < own.stop
        return function if inside and len(lists) == 1 else (lists or [node])[0]
    return next((a for a in node.ancestors() if a.kind in {"compound_statement", "for_statement"}), function)
