"""Facts about the text of a C program, from the tree-sitter tree: nodes, faults, tokens.

Follows ARCHITECTURE, "An attack is a walk over genotypes": a program is parsed once, into a tree of our own that
nobody edits. Positions are character offsets into the text. What names mean is in bench/syntax/cscope.py. Left out:
preprocessing and types; tree-sitter knows neither, so whoever reads this tree must treat what looks like a macro as
unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import cache

import tree_sitter_c
from tree_sitter import Language, Parser, TreeCursor

ATOMS = frozenset({"string_literal", "char_literal", "system_lib_string", "preproc_arg", "comment"})
"""Nodes that count as one token although the grammar splits them further."""


@dataclass(eq=False, slots=True)
class Node:
    """One node of the tree. Made by `parse`, never edited afterwards; compared by identity."""

    kind: str
    """The grammar's name: "for_statement", "identifier", ";"."""
    start: int
    end: int
    role: str
    """Its role in its parent, such as "condition"; empty where it has none."""
    named: bool
    missing: bool
    parent: Node | None
    order: int
    """Its index in `Source.nodes`."""
    stop: int = 0
    """One past the index of its last descendant."""
    children: list[Node] = field(default_factory=list)

    def child(self, name: str) -> Node | None:
        """Return the first child in this role."""
        return next((child for child in self.children if child.role == name), None)

    @property
    def inner(self) -> list[Node]:
        """Named children without comments."""
        return [child for child in self.children if child.named and child.kind != "comment"]

    def ancestors(self) -> Iterator[Node]:
        """Yield the parent, its parent, and so on."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent


@dataclass(frozen=True, eq=False)
class Source:
    """A parsed program."""

    text: str
    nodes: tuple[Node, ...]
    """All nodes, parents before children, in the order of the text."""
    depth: int
    """Levels of nesting of the deepest node."""

    @property
    def root(self) -> Node:
        """The whole file."""
        return self.nodes[0]

    def words(self, node: Node) -> str:
        """Return the text of a node."""
        return self.text[node.start : node.end]

    def below(self, node: Node) -> tuple[Node, ...]:
        """Return the node and all that is in it, in the order of the text."""
        return self.nodes[node.order : node.stop]

    @property
    def faults(self) -> int:
        """Number of places where the parser gave up or filled something in."""
        return sum(node.kind == "ERROR" or node.missing for node in self.nodes)


@cache
def _parser() -> Parser:
    return Parser(Language(tree_sitter_c.language()))


def parse(text: str) -> Source:
    """Parse any text; what is no C becomes ERROR nodes."""
    data = text.encode("utf-8", "surrogatepass")
    nodes, depth = _copy(_parser().parse(data).walk())
    if len(data) > len(text):
        _count_characters(text, nodes)
    return Source(text, tuple(nodes), depth)


def _count_characters(text: str, nodes: list[Node]) -> None:
    """Turn byte offsets into character offsets, where the two differ."""
    offset: list[int] = []
    for index, char in enumerate(text):
        offset.extend([index] * len(char.encode("utf-8", "surrogatepass")))
    offset.append(len(text))
    for node in nodes:
        node.start, node.end = offset[node.start], offset[node.end]


def _copy(cursor: TreeCursor) -> tuple[list[Node], int]:
    """Copy the tree without recursion: a program may be nested deeper than Python's stack."""
    nodes: list[Node] = []
    parent: Node | None = None
    depth = level = 0
    while True:
        node = _node(cursor, parent, len(nodes))
        nodes.append(node)
        if parent is not None:
            parent.children.append(node)
        if cursor.goto_first_child():
            parent, level = node, level + 1
            depth = max(depth, level)
            continue
        node.stop = len(nodes)
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent() or parent is None:
                return nodes, depth
            parent.stop = len(nodes)
            parent, level = parent.parent, level - 1


def _node(cursor: TreeCursor, parent: Node | None, order: int) -> Node:
    raw = cursor.node
    if raw is None:
        raise RuntimeError("expected a node under the cursor, got none: the tree ended early")
    name = cursor.field_name or ""
    return Node(raw.type, raw.start_byte, raw.end_byte, name, raw.is_named, raw.is_missing, parent, order)


def leaves(source: Source) -> list[Node]:
    """Return the tokens as nodes, comments included, in the order of the text."""
    found: list[Node] = []
    skip = 0
    for node in source.nodes:
        if node.order < skip:
            continue
        if node.kind in ATOMS or not node.children:
            found.append(node)
            skip = node.stop
    return [node for node in found if node.end > node.start]


def tokens(source: Source) -> list[str]:
    """Return the texts of all C tokens; comments are none."""
    return [source.words(node) for node in leaves(source) if node.kind != "comment"]


MOST_ALIGNED = 2000
"""Tokens between the common head and tail of two programs that are aligned; aligning is quadratic and worse."""


def tokens_changed(before: Source, after: Source) -> float:
    """Return the share of tokens that differ, 0 to 1.

    Position by position where nothing was inserted or removed; otherwise 1 - 2M/T, with M tokens matched in order and T
    tokens in both programs together (Ratcliff and Obershelp, as in difflib). In very large programs M counts tokens
    matched in any order.
    """
    old, new = tokens(before), tokens(after)
    if not old and not new:
        return 0.0
    if len(old) == len(new):
        return sum(a != b for a, b in zip(old, new, strict=True)) / len(old)
    blocks = aligned(old, new)
    same = (Counter(old) & Counter(new)).total() if blocks is None else sum(size for _, _, size in blocks)
    return 1.0 - 2 * same / (len(old) + len(new))


def aligned(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int]] | None:
    """Return blocks of equal tokens, (place in old, place in new, length); None where it takes too long."""
    head = common(old, new)
    tail = common(old[head:][::-1], new[head:][::-1])
    middle = old[head : len(old) - tail], new[head : len(new) - tail]
    if max(map(len, middle)) > MOST_ALIGNED:
        return None
    found = SequenceMatcher(None, *middle, autojunk=False).get_matching_blocks()[:-1]
    inner = [(head + block.a, head + block.b, block.size) for block in found]
    return [(0, 0, head), *inner, (len(old) - tail, len(new) - tail, tail)]


def common(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many tokens two sequences share at their beginning."""
    return next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
