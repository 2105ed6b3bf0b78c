"""Trainings that need nothing of one another: in turn, or each as a job of a run (`bench.running.pieces`).

A method that has such trainings names them (`Divided`) and does them by `each`; the rest of it reads as if they were a
loop. Experts are kept by the teacher that they are specialised from; numbers about a trained network, by whoever keeps
the trainings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar, runtime_checkable

from bench.types import Budget

Result = TypeVar("Result")


@runtime_checkable
class Divided(Protocol):
    """A method with trainings that may be jobs of their own."""

    def trainings(self, budget: Budget, seed: int) -> tuple[str, ...]:
        """Name the trainings that `compress` passes to `each` first; the same name is the same training of a run."""
        ...


class Keeper(Protocol):
    """Who does the trainings."""

    def __call__(self, names: Sequence[str], train: Callable[[int], Result]) -> list[Result]:
        """Return what `train` gives for each place among the names, done now or before."""
        ...


def in_turn(names: Sequence[str], train: Callable[[int], Result]) -> list[Result]:
    """Do one after the other."""
    return [train(place) for place in range(len(names))]


_KEEPER: ContextVar[Keeper] = ContextVar("keeper", default=in_turn)


def each(names: Sequence[str], train: Callable[[int], Result]) -> list[Result]:
    """Return what `train` gives for the place of each name: an expert, or numbers by name (dict of floats)."""
    return _KEEPER.get()(names, train)


@contextmanager
def kept_by(keeper: Keeper) -> Iterator[None]:
    """Let `each` ask this keeper inside the block."""
    token = _KEEPER.set(keeper)
    try:
        yield
    finally:
        _KEEPER.reset(token)
