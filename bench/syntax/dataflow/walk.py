"""Visiting a tree without recursion: programs may be nested deeper than Python's stack."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

Walk: TypeAlias = Generator["Walk", None, None]
"""Visits a node; yields the walks that are to be done before it goes on."""


def done(walk: Walk) -> None:
    """Do a walk and all it asks for."""
    stack = [walk]
    while stack:
        further = next(stack[-1], None)
        if further is None:
            stack.pop()
        else:
            stack.append(further)
