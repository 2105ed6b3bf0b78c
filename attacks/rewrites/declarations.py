"""Rewrites of declarations (spec/attacks.md, 2.3: RoPGen 7 and 8, MindAC 12, split initialisations; C11, 6.7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attacks.declared import declaree, marks
from attacks.places import Places
from attacks.program import Write
from attacks.rewrites.shared import Matched, Pair, Whole, following, is_statement, operator_of, sides
from bench.syntax.csource import Node

DEFINES = ("field_declaration_list", "enumerator_list", "macro_type_specifier")
NUMBERS = frozenset({"primitive_type", "sized_type_specifier"})
TYPEDEFS = frozenset({"FILE", "DIR"})
"""Types of the library that are written as macros are."""
LENGTHS = frozenset({"unsigned", "signed", "short", "long", "int"})


def _names(node: Node) -> list[Node]:
    return [child for child in node.children if child.role == "declarator"]


def _head(places: Places, node: Node) -> str:
    """Return what stands before the first name."""
    return places.source.text[node.start : _names(node)[0].start].rstrip()


def _may_repeat(places: Places, node: Node) -> bool:
    """Whether the type may be written again, or once for both.

    It is not defined on the spot, no macro such as `#define LINE char *`, and hidden by no name of the file.
    """
    kind = node.child("type")
    if kind is None or not _names(node) or not (_in_block(node) and places.starts(node)):
        return False
    text = places.source.words(kind)
    macro = kind.kind == "type_identifier" and places.is_macro(text) and text not in TYPEDEFS
    return not macro and text not in places.known | {"__auto_type"} and not places.has(kind, *DEFINES)


def _in_block(node: Node) -> bool:
    """Whether a declaration stands in a block that is no switch's."""
    block = node.parent
    if block is None or block.kind != "compound_statement":
        return False
    return block.parent is None or block.parent.kind != "switch_statement"


@dataclass(frozen=True)
class SplitDeclaration(Whole):
    """`int a = 1, *b;` to `int a = 1; int *b;`, in order; never where the type is defined on the spot."""

    name: str = "split_declaration"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield declarations of several names in a block."""
        return (node for node in places.of("declaration") if len(_names(node)) > 1 and _may_repeat(places, node))

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Repeat what stands before the first name."""
        return " ".join(f"{_head(places, node)} {write(name)};" for name in _names(node))


@dataclass(frozen=True)
class MergeDeclarations(Pair):
    """`int a = 1; int *b;` to `int a = 1, *b;`: the same words before the names."""

    name: str = "merge_declarations"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield declarations that another one of the same type follows."""
        for node in places.of("declaration"):
            other = following(node)
            if other is None or other.kind != "declaration" or not places.is_clean(other):
                continue
            if all(self._fits(places, part) for part in (node, other)) and self._agree(places, node, other):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """List all names behind the first head."""
        other = following(node)
        names = [*_names(node), *(_names(other) if other is not None else [])]
        return f"{_head(places, node)} {', '.join(map(write, names))};"

    def _fits(self, places: Places, node: Node) -> bool:
        return _may_repeat(places, node) and not any(places.has(n, "function_declarator") for n in _names(node))

    def _agree(self, places: Places, node: Node, other: Node) -> bool:
        return _head(places, node).split() == _head(places, other).split()


@dataclass(frozen=True, eq=False)
class _Initial:
    """A name, declared and given a value."""

    head: str
    declarator: Node
    leaf: Node
    value: Node


def _single(places: Places, node: Node) -> tuple[Node, Node] | None:
    """Return the declarator and the name of a declaration of one value or pointer that may be assigned to."""
    names = _names(node)
    if len(names) != 1 or not _may_repeat(places, node) or marks(places.source, node) - {"const", "register"}:
        return None
    leaf, shape = declaree(names[0])
    inner = names[0].child("declarator") if names[0].kind == "init_declarator" else names[0]
    if leaf is None or inner is None or set(shape) - {"pointer_declarator"}:
        return None
    constant = inner if shape else node
    return None if "const" in marks(places.source, constant) else (inner, leaf)


def _is_number(places: Places, kind: Node) -> bool:
    """Whether a type is a number for sure: built in, or one that everybody uses, and not of this file's own making."""
    text = places.source.words(kind)
    return (kind.kind in NUMBERS and not places.declared.redefines(text)) or places.declared.is_integer_type(text)


@dataclass(frozen=True)
class SplitInitialisation(Whole, Matched[_Initial]):
    """`int x = 3;` to `int x; x = 3;`, for numbers and pointers, the last declarations of their block (as in C89)."""

    name: str = "split_initialisation"
    kinds = ("declaration",)

    def match(self, places: Places, node: Node) -> _Initial | None:
        """Return the parts of a declaration whose value is an expression."""
        single, later = _single(places, node), following(node)
        value = single and _names(node)[0].child("value")
        if single is None or value is None or not places.is_clean(_names(node)[0]) or not places.is_plain(value):
            return None
        if later is not None and later.kind == "declaration":
            return None
        kind = node.child("type")
        number = kind is not None and _is_number(places, kind)
        return _Initial(_head(places, node), *single, value) if number or single[0].kind != "identifier" else None

    def put(self, node: Node, found: _Initial, write: Write) -> str:
        """Declare, then assign."""
        return f"{found.head} {write(found.declarator)}; {write(found.leaf)} = {write(found.value)};"


@dataclass(frozen=True)
class JoinInitialisation(Pair, Matched[_Initial]):
    """`int x; x = 3;` to `int x = 3;`."""

    name: str = "join_initialisation"
    kinds = ("declaration",)

    def match(self, places: Places, node: Node) -> _Initial | None:
        """Return the parts of a declaration without a value and of the assignment behind it."""
        single, later = _single(places, node), following(node)
        if single is None or later is None or _names(node)[0].kind == "init_declarator":
            return None
        assigned = later.inner[0] if later.kind == "expression_statement" and len(later.inner) == 1 else None
        pair = sides(assigned) if assigned is not None and places.is_clean(assigned) else None
        if assigned is None or pair is None or operator_of(places, assigned) != "=" or not is_statement(assigned):
            return None
        same = places.source.words(pair[0]) == places.source.words(single[1]) and places.is_plain(pair[1])
        return _Initial(_head(places, node), *single, pair[1]) if same and places.is_clean(later) else None

    def put(self, node: Node, found: _Initial, write: Write) -> str:
        """Declare with the value."""
        return f"{found.head} {write(found.declarator)} = {write(found.value)};"


@dataclass(frozen=True)
class SpellType(Whole):
    """`unsigned` to `unsigned int`, `long int` to `long`: the same type (C11, 6.7.2)."""

    name: str = "spell_type"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield integer types of more lengths than `int` alone."""
        for node in places.of("sized_type_specifier"):
            words = places.source.words(node).split()
            together = node.parent is not None and places.is_understood(node.parent)  # not `long static int x`
            if together and set(words) <= LENGTHS and words != ["signed", "int"]:
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Add `int`, or leave it out."""
        words = places.source.words(node).split()
        return " ".join(word for word in words if word != "int") if "int" in words else " ".join([*words, "int"])
