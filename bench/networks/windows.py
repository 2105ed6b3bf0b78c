"""Classifiers that read only the beginning of a long program."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Windowed(Protocol):
    """A classifier that reads only the beginning of a long program."""

    def visible(self, program: str) -> int:
        """Number of leading characters that reach the model; the length of the program if all of it does."""
        ...
