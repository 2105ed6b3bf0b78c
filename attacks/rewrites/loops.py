"""Rewrites of loops (spec/attacks.md, 2.3 and 2.4: CODA R1, MindAC 2 to 4, RoPGen 20)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attacks.places import Places, braced
from attacks.program import Write
from attacks.rewrites.shared import DECLARES, Matched, Whole, alone, is_repeatable, may_move
from bench.syntax.csource import Node


def _loops(places: Places, kind: str) -> Iterator[Node]:
    """Yield the loops of a kind that belong to no macro and no directive before them."""
    return filter(places.starts, places.of(kind))


def _may_end_with(places: Places, body: Node, part: Node | None) -> bool:
    """Whether a part of the loop's head may run at the end of its body instead.

    A published rewrite loses the update at `continue` (60 to 100% of its results were right): such loops stay. So do
    those whose body declares a name that the part reads, holds a label or a stray `case`, or may jump through a macro.
    """
    if places.jumps(body, "continue_statement") or places.hides_flow(body) or places.has_stray_case(body):
        return False
    return not places.has(body, "labeled_statement") and (part is None or not _shadows(places, body, part))


def _shadows(places: Places, body: Node, part: Node) -> bool:
    read = {places.source.words(leaf) for leaf in places.source.below(part)}
    inner = [child for child in body.children if child.kind in DECLARES]
    named = {places.source.words(leaf) for child in inner for leaf in places.source.below(child)}
    return bool(read & named & places.words)


def _ended(block: str, last: str) -> str:
    """Return a block with one more statement at its end."""
    return block[:-1] + ("" if block[-2].isspace() else " ") + last + " }"


def _unrolled(node: Node, write: Write) -> tuple[str, str, str]:
    """Return a `for` as what comes first, its condition, and its body with the update at the end."""
    start, condition, update, body = (node.child(r) for r in ("initializer", "condition", "update", "body"))
    first = "" if start is None else write(start) + ("" if start.kind == "declaration" else ";") + " "
    block = braced(write(body)) if body is not None else "{ }"
    return (
        first,
        "1" if condition is None else write(condition),
        block if update is None else _ended(block, f"{write(update)};"),
    )


@dataclass(frozen=True)
class ForToWhile(Whole):
    """`for (i = 0; i < n; i++) {...}` to `{ i = 0; while (i < n) {... i++; } }`."""

    name: str = "for_to_while"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield loops without `continue` of their own."""
        for node in _loops(places, "for_statement"):
            body = node.child("body")
            if body is not None and _may_end_with(places, body, node.child("update")):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Put the update at the end of the body, and a block around all, for the scope of the loop's variables."""
        first, test, block = _unrolled(node, write)
        return f"{{ {first}while ({test}) {block} }}"


@dataclass(frozen=True)
class ForToDo(Whole):
    """`for (i = 0; i < n; i++) {...}` to `{ i = 0; if (i < n) do {... i++; } while (i < n); }`."""

    name: str = "for_to_do"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield loops without `continue` of their own, whose condition may be written twice."""
        for node in _loops(places, "for_statement"):
            body, condition = node.child("body"), node.child("condition")
            fits = body is not None and _may_end_with(places, body, node.child("update"))
            if fits and (condition is None or is_repeatable(places, condition)):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Test before the loop as well, unless there is nothing to test."""
        first, test, block = _unrolled(node, write)
        guard = "" if node.child("condition") is None else f"if ({test}) "
        return f"{{ {first}{guard}do {block} while ({test}); }}"


@dataclass(frozen=True)
class WhileToFor(Whole):
    """`while (c) {...}` to `for (; c; ) {...}`: the same loop, `continue` included."""

    name: str = "while_to_for"

    def find(self, places: Places) -> Iterator[Node]:
        """Yield while loops."""
        for node in _loops(places, "while_statement"):
            condition = node.child("condition")
            if condition is not None and len(condition.inner) == 1 and places.is_clean(condition):
                yield node

    def render(self, places: Places, node: Node, write: Write) -> str:
        """Take the condition out of its parentheses."""
        condition, body = node.child("condition"), node.child("body")
        test = write(condition.inner[0]) if condition is not None else ""
        return f"for (; {test}; ) " + (write(body) if body is not None else ";")


@dataclass(frozen=True)
class WhileToDo(Whole, Matched[tuple[Node, Node]]):
    """`while (c) {...}` to `if (c) do {...} while (c);`: both jump to the condition at `continue`."""

    name: str = "while_to_do"
    kinds = ("while_statement",)

    def match(self, places: Places, node: Node) -> tuple[Node, Node] | None:
        """Return a condition that may be written twice, and the body."""
        condition, body = node.child("condition"), node.child("body")
        if condition is None or body is None or not is_repeatable(places, condition):
            return None
        return (condition, body) if may_move(places, body) and places.starts(node) else None

    def put(self, node: Node, found: tuple[Node, Node], write: Write) -> str:
        """Test before the loop as well; the new `if` takes no `else` of others."""
        test, body = map(write, found)
        return alone(node, f"if {test} do {braced(body)} while {test};")


@dataclass(frozen=True)
class DoToWhile(Whole, Matched[tuple[Node, Node]]):
    """`do {...} while (c);` to `while (1) {... if (!(c)) break; }`; a `continue` would miss the test."""

    name: str = "do_to_while"
    kinds = ("do_statement",)

    def match(self, places: Places, node: Node) -> tuple[Node, Node] | None:
        """Return the condition and a body that may end with it."""
        condition, body = node.child("condition"), node.child("body")
        fits = body is not None and places.starts(node) and _may_end_with(places, body, condition)
        return (condition, body) if condition is not None and body is not None and fits else None

    def put(self, node: Node, found: tuple[Node, Node], write: Write) -> str:
        """Test at the end of the body."""
        test, body = map(write, found)
        return "while (1) " + _ended(braced(body), f"if (!{test}) break;")
