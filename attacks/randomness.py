"""Global generators lent to a library that draws from them, and given back whenever it waits.

TextAttack draws from `random`, numpy's global state and torch's. A search must depend on its own seed alone, also where
several searches take turns (lockstep.py). Imports torch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


class Randomness:
    """The global generators, which TextAttack draws from: ours while it searches, the world's while it waits."""

    def __init__(self, rng: np.random.Generator) -> None:
        seed = int(rng.integers(2**32))
        self._mine = random.Random(seed).getstate(), np.random.RandomState(seed).get_state(), _torch_state(seed)  # noqa: S311
        self._world = self._now()

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Let TextAttack draw; searches that take turns in one process do not disturb each other."""
        self._world = self._now()
        self._set(self._mine)
        try:
            yield
        finally:
            self._mine = self._now()
            self._set(self._world)

    @contextmanager
    def world(self) -> Iterator[None]:
        """Put the generators back as they were, inside `mine`."""
        self._mine = self._now()
        self._set(self._world)
        try:
            yield
        finally:
            self._world = self._now()
            self._set(self._mine)

    def _now(self) -> tuple[Any, Any, Any]:
        return random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002

    def _set(self, states: tuple[Any, Any, Any]) -> None:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])


def _torch_state(seed: int) -> Any:
    return torch.Generator().manual_seed(seed).get_state()
