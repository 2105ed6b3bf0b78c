"""The walk over expressions, branches of `if` and `?:`, and declarations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeAlias

from bench.syntax.cnames import words
from bench.syntax.csource import ATOMS, Node, Source
from bench.syntax.dataflow.state import Occurrence, State, merged
from bench.syntax.dataflow.targets import declared, is_address, parameters, target_of
from bench.syntax.dataflow.walk import Walk

Visits: TypeAlias = dict[str, Callable[[Any, Node], Walk]]


NO_VARIABLES = ATOMS | words(
    """enumerator field_declaration function_declarator attribute_specifier type_definition preproc_def
    preproc_function_def preproc_call preproc_include"""
)
"""Identifiers in here are no variables."""


class Expressions:
    """Visits expressions and declarations in the order in which they run."""

    visits: ClassVar[Visits] = {}
    """How kinds of nodes are visited; any other kind's children are, one after the other."""

    def __init__(self, source: Source) -> None:
        self.source, self.state = source, State()
        self.seen: dict[Occurrence, None] = {}
        self._read: list[Occurrence] = []
        """What the expressions so far have read; an expression's own part is what it has added."""

    def visit(self, node: Node) -> Walk:
        """Return the walk over a node."""
        return self.visits.get(node.kind, Expressions._children)(self, node)

    def _children(self, node: Node) -> Walk:
        return self._each(node.children)

    def _each(self, nodes: Iterable[Node | None]) -> Walk:
        for node in nodes:
            if node is not None and (node.children or node.kind in self.visits):
                yield self.visit(node)

    def _nothing(self, node: Node) -> Walk:
        return self._each(())

    def _identifier(self, leaf: Node) -> Walk:
        self._use(leaf)
        return self._each(())

    def _use(self, leaf: Node) -> None:
        if leaf.missing:
            return
        self.seen[leaf.order] = None
        self.state.read(self.source.words(leaf), leaf.order)
        self._read.append(leaf.order)

    def _set(self, leaf: Node, sources: list[Occurrence]) -> None:
        if leaf.missing:
            return
        self.seen[leaf.order] = None
        self.state.write(self.source.words(leaf), leaf.order, sources)

    def _reads(self, since: int) -> list[Occurrence]:
        """Take what was read since then out of what the expression around reads."""
        found = self._read[since:]
        del self._read[since:]
        return found

    def _call(self, node: Node) -> Walk:
        callee = node.child("function")
        if callee is not None and callee.kind == "identifier":
            if self.source.words(callee) in self.state.reached:  # a pointer to a function, not its name
                self._use(callee)
        elif callee is not None:
            yield self.visit(callee)
        arguments = node.child("arguments")
        if arguments is None:
            return
        for argument in arguments.inner:
            yield self.visit(argument)
            target = target_of(argument.child("argument")) if is_address(argument) else None
            if target is not None and target.leaf is not None:
                self._set(target.leaf, [])

    def _assignment(self, node: Node) -> Walk:
        left, begin = node.child("left"), len(self._read)
        yield self._each([node.child("right")])
        sources = self._reads(begin)
        if left is None:
            return
        target = target_of(left)
        yield self._each(target.others)
        if target.leaf is None:
            return
        if not target.whole or not any(child.kind == "=" for child in node.children):
            self._use(target.leaf)
        del self._read[begin:]
        self._set(target.leaf, sources)
        self._read.append(target.leaf.order)  # the value of an assignment is what was assigned

    def _update(self, node: Node) -> Walk:
        argument = node.child("argument")
        if argument is None:
            return
        target = target_of(argument)
        yield self._each(target.others)
        if target.leaf is not None:
            self._use(target.leaf)
            self._set(target.leaf, [])

    def _choice(self, node: Node) -> Walk:
        """An `if`, `?:` or `#if`: either of two ways."""
        alternative = node.child("alternative")
        first = [
            child for child in node.children if child is not alternative and child.role not in {"name", "condition"}
        ]
        if not node.kind.startswith("preproc"):
            yield self._each([node.child("condition")])
        before = merged(self.state.here)
        yield self._each(first)
        after, self.state.here = self.state.here, before
        yield self._each([alternative])
        self.state.here = merged(after, self.state.here)

    def _declaration(self, node: Node) -> Walk:
        for part in node.children:
            if part.role == "declarator":
                yield self._declarator(part)
            elif part.role != "type":
                yield self._each([part])

    def _declarator(self, node: Node) -> Walk:
        value, begin = node.child("value") if node.kind == "init_declarator" else None, len(self._read)
        leaf, sizes = declared(node)
        yield self._each([*sizes, value])
        sources = self._reads(begin)
        if leaf is not None:
            self.state.declare(self.source.words(leaf))
            self._set(leaf, sources)

    def _function(self, node: Node) -> Walk:
        outside = merged(self.state.here)
        with self.state.scope():
            yield self._each([parameters(node)])
            declarator = node.child("declarator")
            yield self._each(child for child in node.children if child is not declarator and child.role != "type")
        self.state.here = outside
        self.state.jumps.clear()


Expressions.visits = {
    "identifier": Expressions._identifier,
    "call_expression": Expressions._call,
    "assignment_expression": Expressions._assignment,
    "update_expression": Expressions._update,
    "conditional_expression": Expressions._choice,
    "if_statement": Expressions._choice,
    "preproc_if": Expressions._choice,
    "preproc_ifdef": Expressions._choice,
    "preproc_elif": Expressions._choice,
    "preproc_elifdef": Expressions._choice,
    "declaration": Expressions._declaration,
    "parameter_declaration": Expressions._declaration,
    "function_definition": Expressions._function,
    **dict.fromkeys(NO_VARIABLES, Expressions._nothing),
}
