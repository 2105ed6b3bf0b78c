"""Where a program may be rewritten: the preconditions that all rewrites share; what may be moved is in movable.py.

Follows spec/attacks.md, 2.4. The grammar sees no macro, so whatever could be one and is not understood makes a place
untouchable: too few places cost strength, one wrong place costs the benchmark its claim.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

from attacks.movable import SPOILED, Movable
from attacks.program import Span, Write
from attacks.torn import governed_by_pragmas, previous, torn_from_else
from bench.syntax.cmacros import CONDITIONAL
from bench.syntax.cnames import words
from bench.syntax.csource import Node

LOOPS = frozenset({"for_statement", "while_statement", "do_statement"})
UNBALANCED = words("pthread_cleanup_push pthread_cleanup_pop do_each_thread while_each_thread __try __except")
"""Macros that open or close a block in the middle of a list of statements."""


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


class Places(Movable):
    """A program seen by a rewrite."""

    @cached_property
    def _spoiled(self) -> list[bool]:
        """For each node, whether a fault, a directive, asm, or a statement whose `else` is out of sight is in it."""
        torn = torn_from_else(self.source)
        return self.without(
            lambda n: not (n.missing or n.kind in SPOILED or n.kind.startswith("preproc_") or n.order in torn)
        )

    @cached_property
    def _governed(self) -> frozenset[int]:
        """Orders of the statements that a pragma is about: neither they nor what is in them may take another form."""
        return governed_by_pragmas(self.source)

    @cached_property
    def _faulty(self) -> list[bool]:
        """For each node, whether the parser gave up in it or filled something in."""
        return self.without(lambda n: not (n.missing or n.kind == "ERROR"))

    def starts(self, node: Node) -> bool:
        """Whether a statement begins here: what stands before it is whole and does not go on with it.

        `LIST_FOREACH(x, l) if (a) b;`, `OMP_FOR for (;;) b;`, and `if (c) d; else` that ends at an `#endif` go on with
        what follows; the parser then misses a semicolon or gives up.
        """
        before = previous(node)
        return before is None or not (self._faulty[before.order] or before.kind == "preproc_include")

    @cached_property
    def reachable(self) -> tuple[Node, ...]:
        """Nodes inside function bodies, outside of faults and expressions that hold one, directives, asm, and arguments
        of unknown macros."""
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
        if node.missing or node.kind in SPOILED or (inside and node.order in self._governed):
            return True
        if node.kind.endswith("_expression") and self._spoiled[node.order]:
            return True  # what stands beside a fault may be read together with it: `#if X` before `(y)` as `X(y)`
        if node.kind.startswith("preproc_"):
            return inside or node.kind not in CONDITIONAL
        return node.kind == "argument_list" and node.parent is not None and self.is_unknown_call(node.parent)

    def of(self, *kinds: str) -> Iterator[Node]:
        """Yield the reachable nodes of these kinds that hold no fault, no directive and no comment of their own."""
        for kind in kinds:
            yield from self._clean.get(kind, ())

    @cached_property
    def _clean(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = defaultdict(list)
        for node in self.reachable:
            if self.is_clean(node):
                found[node.kind].append(node)
        return found

    def is_clean(self, node: Node) -> bool:
        """Whether all of a node is understood, and no comment is lost when its parts are put together anew."""
        return self.is_understood(node) and not any(child.kind == "comment" for child in node.children)

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

    def may_be_enclosed(self, statements: list[Node]) -> bool:
        """Whether these neighbours may go into a block of their own, or come out of one, as far as macros matter."""
        if UNBALANCED & self.words or not all(map(self.is_understood, statements)):
            return False
        return not any(part.kind == "expression_statement" and self.hides_flow(part) for part in statements)

    def is_understood(self, node: Node) -> bool:
        """Whether no fault, directive or asm is in it; comments may be."""
        return not self._spoiled[node.order]

    def is_whole(self, statement: Node) -> bool:
        """Whether it is one statement for sure: a block, or nothing that may be a macro of several statements."""
        return statement.kind == "compound_statement" or not self.hides_flow(statement)

    def jumps(self, body: Node, *kinds: str) -> bool:
        """Whether a statement of these kinds in a body concerns what is around it, and no loop or switch within."""
        within = LOOPS | {"switch_statement"} if kinds == ("break_statement",) else LOOPS
        skip = body.order
        for part in self.source.below(body):
            if part.order < skip:
                continue
            if part.kind in kinds:
                return True
            if part.kind in within:
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
