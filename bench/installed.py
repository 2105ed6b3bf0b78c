"""What other installed packages add: methods, attacks, tasks and teachers, by entry points.

A package names what it adds in its pyproject.toml, one group per kind ("moekd_bench.methods" and so on):

    [project.entry-points."moekd_bench.methods"]
    label-kd = "label_kd:ENTRY"

Reading the names imports nothing of such a package; its code runs when one of its names is asked for, or for `list`.
Installing a package is trusting it: nothing here keeps it in. docs/examples/ has a package of each kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from bench.types import UsageError

GROUP = "moekd_bench"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
"""Lists of names are split at commas, and "package.module:factory" at its colon."""

T = TypeVar("T")


@dataclass(frozen=True)
class Addition:
    """One name that an installed package adds."""

    kind: str
    """Its group: "methods", "attacks", "tasks" or "teachers"."""
    name: str
    origin: str
    """Name and version of the distribution that adds it."""
    point: EntryPoint

    def load(self, expected: type[T]) -> T:
        """Import the package and return what it offers under this name.

        Raises:
            UsageError: its name is none, its import fails, or it offers something else; the distribution is named.
        """
        if not NAME.fullmatch(self.name):
            raise self._fault(f"expected a name of a-z, 0-9, - and _, got {self.name!r}")
        try:
            found = self.point.load()
        except (Exception, SystemExit) as error:
            raise self._fault(f"{type(error).__name__}: {' '.join(str(error).split())[:120]}") from error
        if not isinstance(found, expected):
            raise self._fault(f"expected {self.point.value} to be {expected.__name__}, got {type(found).__name__}")
        return found

    def _fault(self, reason: str) -> UsageError:
        what = f"{self.kind.removesuffix('s')} {self.name!r} of the installed package {self.origin}"
        return UsageError(f"cannot use the {what} ({reason}): mend or uninstall that package")


@cache
def additions(kind: str) -> tuple[Addition, ...]:
    """Return what all installed packages add of one kind, ordered by name."""
    points = entry_points(group=f"{GROUP}.{kind}")
    found = [Addition(kind, point.name, _origin(point), point) for point in points]
    return tuple(sorted(found, key=lambda one: (one.name, one.origin)))


def find(kind: str, name: str) -> Addition | None:
    """Return what is added under this name, if anything is.

    Raises:
        UsageError: two packages add it.
    """
    found = [one for one in additions(kind) if one.name == name]
    if len(found) > 1:
        raise clash(found[0], f"the installed package {found[1].origin}")
    return found[0] if found else None


def clash(one: Addition, other: str) -> UsageError:
    """Return what to say where a name means two things."""
    what = one.kind.removesuffix("s")
    return UsageError(
        f"expected one {what} {one.name!r}, got that of the installed package {one.origin} and that of {other}: "
        "uninstall one, or rename the package's"
    )


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "unknown"
