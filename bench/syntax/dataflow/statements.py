"""The walk over statements: blocks, loops, switches and jumps."""

from __future__ import annotations

from bench.syntax.csource import Node, Source
from bench.syntax.dataflow.expressions import Expressions
from bench.syntax.dataflow.state import Jump, merged
from bench.syntax.dataflow.walk import Walk

DEEPEST = 8
"""Loops in loops that are walked twice; the time grows with their number."""


class Walker(Expressions):
    """Visits a program in the order in which it runs."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._starts: list[Jump] = []
        """Where each switch around this place begins."""
        self._loops, self._again = 0, False

    def _block(self, node: Node) -> Walk:
        with self.state.scope():
            yield self._each(node.children)

    def _loop(self, node: Node) -> Walk:
        """A `while`, `do` or `for`: walked twice, unless the loop around is walked for the second time anyway."""
        state, asks_first = self.state, node.kind != "do_statement"
        condition, update = node.child("condition"), node.child("update")
        twice = not self._again and self._loops < DEEPEST
        with state.scope():
            yield self._each([node.child("initializer")])
            state.exits.append([])
            self._loops += 1
            for again in (False, True) if twice else (self._again,):
                outer, self._again = self._again, again
                state.continues.append([])
                if asks_first and condition is not None:
                    yield self._each([condition])
                    state.exits[-1].append(state.leave())
                yield self._each([node.child("body")])
                state.here = merged(state.here, state.arrived(*state.continues.pop()))
                yield self._each([update if asks_first else condition])
                self._again = outer
            self._loops -= 1
            # Walked twice, the condition has already been left with what the body's end holds.
            ends = [] if asks_first and twice else [state.here]
            state.here = merged(*ends, state.arrived(*state.exits.pop()))

    def _switch(self, node: Node) -> Walk:
        state, body = self.state, node.child("body")
        yield self._each([node.child("condition")])
        self._starts.append(state.leave())
        state.exits.append([])
        state.here = {}  # no statement before the first case is reached, but declarations are in force
        yield self._each([body])
        left = [*state.exits.pop(), self._starts.pop()]
        cases = [] if body is None else [child for child in body.inner if child.kind == "case_statement"]
        complete = any(child.children[0].kind == "default" for child in cases)
        state.here = merged(state.here, state.arrived(*(left[:-1] if complete else left)))

    def _case(self, node: Node) -> Walk:
        if self._starts:
            self.state.here = merged(self.state.arrived(self._starts[-1]), self.state.here)
        yield self._each(node.children)

    def _jump(self, node: Node) -> Walk:
        """A `break`, `continue`, `goto` or `return`: nothing holds behind it; what scopes declared stays in them."""
        yield self._each(node.children)
        state, jump = self.state, self.state.leave()
        if node.kind == "break_statement" and state.exits:
            state.exits[-1].append(jump)
        elif node.kind == "continue_statement" and state.continues:
            state.continues[-1].append(jump)
        elif node.kind == "goto_statement" and (label := node.child("label")) is not None:
            state.jumps[self.source.words(label)].append(jump)
        state.stop()

    def _labeled(self, node: Node) -> Walk:
        label = node.child("label")
        arrived = self.state.jumps.get(self.source.words(label), []) if label is not None else []
        self.state.here = merged(self.state.here, self.state.arrived(*arrived))
        yield self._each(node.children)


Walker.visits = {
    **Expressions.visits,
    "compound_statement": Walker._block,
    "while_statement": Walker._loop,
    "do_statement": Walker._loop,
    "for_statement": Walker._loop,
    "switch_statement": Walker._switch,
    "case_statement": Walker._case,
    "break_statement": Walker._jump,
    "continue_statement": Walker._jump,
    "goto_statement": Walker._jump,
    "return_statement": Walker._jump,
    "labeled_statement": Walker._labeled,
}
