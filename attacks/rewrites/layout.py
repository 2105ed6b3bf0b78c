"""Comments and white space, a family of their own (spec/attacks.md, 2.3): no token of the program changes.

Never in directives, macros, strings, or beside a line that a backslash continues, and never in a program that asks for
its line numbers. A victim that collapses white space sees nothing of this but the comments.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from attacks.deadnames import READ_BY_TOOLS
from attacks.places import LOOPS, Places
from attacks.program import Span, Write
from attacks.rewrites.statements import STATEMENTS
from bench.syntax.csource import Node

LINES = STATEMENTS | {"declaration"}
_CONTINUED = re.compile(r"\\\s*\n")
OPENED = LOOPS | {"if_statement", "else_clause", "switch_statement"}
"""What a brace may follow on the same line or on the next."""


def _may_change(places: Places) -> bool:
    return not {"__LINE__", "__COUNTER__"} & places.words and _CONTINUED.search(places.source.text) is None


def _before(node: Node) -> Node | None:
    """Return what stands right before a node in the same parent."""
    brothers = node.parent.children if node.parent is not None else []
    at = bisect_left(brothers, node.order, key=lambda child: child.order)
    return brothers[at - 1] if at > 0 else None


@dataclass(frozen=True)
class InsertComment:
    """`x = 1;` to `x = 1; /* next step */`: in a block, behind a statement, where no `//` could be needed."""

    name: str
    text: str

    def find(self, places: Places) -> Iterator[Node]:
        """Yield statements of blocks."""
        text = places.source.text
        unclosed = text.rfind("/*") > text.rfind("*/")  # a comment that never ends would end here
        if _may_change(places) and not unclosed:
            for node in places.of(*sorted(LINES)):
                if node.parent is not None and node.parent.kind == "compound_statement":
                    yield node

    def span(self, node: Node) -> Span:
        """Insert behind the statement."""
        return node.end, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Write the comment."""
        return f" {self.text}"


@dataclass(frozen=True)
class RemoveComment:
    """A comment to nothing, or to a blank where it parts two tokens; never one that a tool reads."""

    name: str = "remove_comment"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield comments in function bodies."""
        if _may_change(places):
            for node in places.reachable:
                if node.kind == "comment" and not READ_BY_TOOLS.search(places.source.words(node)):
                    yield node

    def span(self, node: Node) -> Span:
        """Replace the comment; the line break behind `//` is none of it."""
        return node.start, node.end

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Write nothing, where a blank stands beside it."""
        text = places.source.text
        beside = text[node.start - 1 : node.start] + text[node.end : node.end + 1]
        return "" if any(map(str.isspace, beside)) else " "


@dataclass(frozen=True)
class Space:
    """The white space before a statement: its lines joined, parted by an empty one, or indented otherwise."""

    name: Literal["join_lines", "part_lines", "indent_otherwise"]

    def find(self, places: Places) -> Iterator[Node]:
        """Yield statements of blocks that begin a line, where no comment and no directive stands before."""
        if not _may_change(places):
            return
        for node in places.of(*sorted(LINES)):
            before = _before(node)
            if node.parent is None or node.parent.kind != "compound_statement" or before is None:
                continue
            if before.kind in LINES | {"{"} and places.is_understood(before) and self._fits(places, before, node):
                yield node

    def span(self, node: Node) -> Span:
        """Replace the white space."""
        before = _before(node)
        return (node.start if before is None else before.end), node.start

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Write other white space."""
        start, end = self.span(node)
        gap = places.source.text[start:end]
        if self.name == "join_lines":
            return " "
        return f"\n{gap}" if self.name == "part_lines" else self._indented(gap)

    def _fits(self, places: Places, before: Node, node: Node) -> bool:
        gap = places.source.text[before.end : node.start]
        return gap.isspace() and "\n" in gap and (self.name != "indent_otherwise" or self._indented(gap) != gap)

    def _indented(self, gap: str) -> str:
        lines, _, indent = gap.rpartition("\n")
        other = indent.replace("\t", "    ") if "\t" in indent else indent.replace("    ", "\t")
        return f"{lines}\n{other}"


@dataclass(frozen=True)
class MoveBrace:
    """`if (c) {` to a brace on a line of its own, or back."""

    name: Literal["brace_on_own_line", "brace_on_same_line"]

    def find(self, places: Places) -> Iterator[Node]:
        """Yield blocks of branches and loops."""
        if not _may_change(places):
            return
        for node in places.of("compound_statement"):
            before = _before(node)
            if node.parent is None or node.parent.kind not in OPENED or before is None or before.kind == "comment":
                continue
            gap = places.source.text[before.end : node.start]
            if (not gap or gap.isspace()) and ("\n" in gap) == (self.name == "brace_on_same_line"):
                yield node

    def span(self, node: Node) -> Span:
        """Replace the white space before the brace."""
        before = _before(node)
        return (node.start if before is None else before.end), node.start

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Indent the brace as its line is."""
        if self.name == "brace_on_same_line":
            return " "
        text = places.source.text
        line = text[text.rfind("\n", 0, node.start) + 1 : node.start]
        return "\n" + line[: len(line) - len(line.lstrip())]
