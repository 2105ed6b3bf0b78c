"""Data flow of a C program: its variables as nodes, and which of them each value comes from or is computed from.

Follows GraphCodeBERT (Guo et al., ICLR 2021, section 3): a node is one occurrence of a variable; a read comes from the
occurrences that may have set the name last, and what is assigned is computed from what is read on the right. Isolated
nodes are left out. Mended against the released walkers for C (spec 1.7): declarations with initialisers and assignments
count, a loop is walked twice so that what it carries is seen, branches meet, jumps leave, inner names hide outer ones.

What is written through a pointer, a subscript or a field is a change of the variable in front, whose old value lives
on; so is an argument `&x`. Left out: aliases, types, values of fields, `goto` backwards, and the preprocessor.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.syntax.csource import Node, Source
from bench.syntax.dataflow.state import Occurrence
from bench.syntax.dataflow.statements import Walker
from bench.syntax.dataflow.walk import done


@dataclass(frozen=True)
class Variable:
    """A node of the graph; sources are indices of nodes."""

    name: str
    leaf: Node
    comes_from: tuple[int, ...]
    computed_from: tuple[int, ...]

    @property
    def sources(self) -> tuple[int, ...]:
        """Both kinds, each node once: GraphCodeBERT's mask does not tell them apart."""
        return tuple(dict.fromkeys((*self.comes_from, *self.computed_from)))


def data_flow(source: Source) -> tuple[Variable, ...]:
    """Return the variables that take part in data flow, in the order of the text; any text gives some answer."""
    walker = Walker(source)
    done(walker.visit(source.root))
    state = walker.state
    edges = {at: (list(state.comes_from[at]), list(state.computed_from[at])) for at in walker.seen}
    linked = {at for at, kinds in edges.items() if any(kinds)}
    linked |= {origin for kinds in edges.values() for kind in kinds for origin in kind}
    places = {at: index for index, at in enumerate(sorted(linked))}

    def indices(origins: list[Occurrence]) -> tuple[int, ...]:
        return tuple(sorted(places[origin] for origin in origins))

    return tuple(
        Variable(source.words(source.nodes[at]), source.nodes[at], indices(edges[at][0]), indices(edges[at][1]))
        for at in places
    )
