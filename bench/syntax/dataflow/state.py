"""Which occurrences of a name may have given it its value: environments, and the edges that are drawn from them.

An environment maps a name to the occurrences that may have set it last; branches copy it, and where they meet, it is
merged. A place that cannot be reached has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MOST = 128
"""Occurrences that a value may come from where branches meet; GraphCodeBERT reads no more nodes."""

Occurrence = int
"""`order` of an identifier leaf in its `bench.syntax.csource.Source`."""
Sources = tuple[Occurrence, ...]
Environment = dict[str, Sources]


def merged(*environments: Environment | None) -> Environment | None:
    """Return what may hold where these meet; None are places that cannot be reached."""
    live = [one for one in environments if one is not None]
    if len(live) < 2:
        return dict(live[0]) if live else None
    found = dict(live[0])
    for other in live[1:]:
        for name, sources in other.items():
            known = found.get(name, ())
            found[name] = known if known == sources else tuple(dict.fromkeys((*known, *sources)))[:MOST]
    return found


@dataclass(frozen=True, eq=False)
class Meaning:
    """A declaration in force, and through `outer` all those around and before it."""

    name: str
    hidden: Sources | None
    """What the name came from where it was declared; None where it meant nothing."""
    outer: Meaning | None
    depth: int

    def undo(self, held: Environment) -> None:
        """Let the name mean again what it did before."""
        held.pop(self.name, None)
        if self.hidden is not None:
            held[self.name] = self.hidden


@dataclass(frozen=True)
class Jump:
    """Where a walk has been left, to go on elsewhere."""

    held: Environment | None
    meaning: Meaning | None
    """The innermost declaration there."""


@dataclass
class State:
    """Where a walk is: what holds there, and the edges so far."""

    comes_from: dict[Occurrence, dict[Occurrence, None]] = field(default_factory=lambda: defaultdict(dict))
    computed_from: dict[Occurrence, dict[Occurrence, None]] = field(default_factory=lambda: defaultdict(dict))
    here: Environment | None = field(default_factory=dict)
    """What holds; None behind a jump."""
    exits: list[list[Jump]] = field(default_factory=list)
    """Each `break`, for every loop or switch around this place."""
    continues: list[list[Jump]] = field(default_factory=list)
    jumps: dict[str, list[Jump]] = field(default_factory=lambda: defaultdict(list))
    """Each `goto`, by its label; a label before it has been passed and does not see it."""
    _meaning: Meaning | None = None
    """The innermost declaration in force."""
    _dead: Environment = field(default_factory=dict)
    """What would hold behind the last jump if anything came there; a macro may hide what (`EACH(x) { break; }`)."""

    @property
    def reached(self) -> Environment:
        """What holds here; nothing of it is left where a walk that was reached goes on."""
        return self._dead if self.here is None else self.here

    def stop(self) -> None:
        """Let nothing from here hold behind a jump."""
        self.here, self._dead = None, {}

    def read(self, name: str, at: Occurrence) -> None:
        """Use a name; the first mention of one that nothing set stands for its value from elsewhere."""
        sources = self.reached.setdefault(name, (at,))
        self.comes_from[at].update(dict.fromkeys(source for source in sources if source != at))

    def write(self, name: str, at: Occurrence, sources: list[Occurrence]) -> None:
        """Set a name to what was computed from `sources`."""
        self.computed_from[at].update(dict.fromkeys(source for source in sources if source != at))
        self.reached[name] = (at,)

    def declare(self, name: str) -> None:
        """Let a name mean a new variable until the innermost scope ends."""
        outer = self._meaning
        self._meaning = Meaning(name, self.reached.pop(name, None), outer, outer.depth + 1 if outer else 1)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Open a scope; where it ends, hidden names mean again what they did."""
        outer = self._meaning
        yield
        left, self._meaning = self.leave(), outer
        self.here = self.arrived(left)

    def leave(self) -> Jump:
        """Return what a jump from here takes along."""
        return Jump(merged(self.here), self._meaning)

    def arrived(self, *jumps: Jump) -> Environment | None:
        """Return what these jumps bring here: names of scopes left mean what they did, those of scopes entered are new.

        A declaration that is passed over in the same scope is entered, too: its variable is there, and holds nothing.
        """
        return merged(*(self._arrived(jump) for jump in jumps))

    def _arrived(self, jump: Jump) -> Environment | None:
        held, there, here = merged(jump.held), jump.meaning, self._meaning
        if held is None:
            return None
        entered = []
        while there is not here:
            if there is not None and (here is None or there.depth >= here.depth):
                there.undo(held)
                there = there.outer
            elif here is not None:
                entered.append(here.name)
                here = here.outer
        for name in entered:
            held.pop(name, None)
        return held
