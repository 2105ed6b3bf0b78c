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


@dataclass
class State:
    """Where a walk is: what holds there, and the edges so far."""

    comes_from: dict[Occurrence, dict[Occurrence, None]] = field(default_factory=lambda: defaultdict(dict))
    computed_from: dict[Occurrence, dict[Occurrence, None]] = field(default_factory=lambda: defaultdict(dict))
    here: Environment | None = field(default_factory=dict)
    exits: list[list[Environment | None]] = field(default_factory=list)
    """What holds at each `break`, for every loop or switch around this place."""
    continues: list[list[Environment | None]] = field(default_factory=list)
    jumps: dict[str, list[Environment | None]] = field(default_factory=lambda: defaultdict(list))
    """What holds at each `goto`, by its label; a label before it has been passed and does not see it."""
    _scopes: list[dict[str, Sources | None]] = field(default_factory=list)

    @property
    def reached(self) -> Environment:
        """What holds here; behind a jump nothing does."""
        if self.here is None:
            self.here = {}
        return self.here

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
        hidden = self.reached.pop(name, None)
        if self._scopes:
            self._scopes[-1].setdefault(name, hidden)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Open a scope; where it ends, hidden names mean again what they did."""
        self._scopes.append({})
        yield
        for name, hidden in self._scopes.pop().items():
            if self.here is not None:
                self.here.pop(name, None)
                if hidden is not None:
                    self.here[name] = hidden
