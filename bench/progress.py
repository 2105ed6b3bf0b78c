"""Who is told that long work moves on: one protocol, one current listener.

Training loops and attacks report here; `bench.cli` listens with bars, tests and libraries with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Progress(Protocol):
    """A listener."""

    def stage(self, title: str, total: int) -> None:
        """A piece of work of `total` steps begins."""
        ...

    def advance(self, steps: int = 1) -> None:
        """So many steps of the current piece are done."""
        ...

    def finished(self, title: str) -> None:
        """A planned cell is stored."""
        ...

    def note(self, text: str) -> None:
        """Something worth one line happened, such as a repaired file."""
        ...


class Silent:
    """The listener that ignores everything."""

    def stage(self, title: str, total: int) -> None:
        """Ignore."""

    def advance(self, steps: int = 1) -> None:
        """Ignore."""

    def finished(self, title: str) -> None:
        """Ignore."""

    def note(self, text: str) -> None:
        """Ignore."""


_SILENT = Silent()
_LISTENER: ContextVar[Progress] = ContextVar("progress", default=_SILENT)


def current() -> Progress:
    """Return the listener of this context."""
    return _LISTENER.get()


@contextmanager
def listening(listener: Progress) -> Iterator[None]:
    """Make `listener` the current one inside the block."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
