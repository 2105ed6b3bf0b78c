"""Step 1b of MoEKD: one specialised teacher per part of the input space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.distillation.divided import each
from bench.rng import derive, stream
from bench.types import Expert, Recipe, Sample, Teacher
from moekd.partition import Parts


def lessons(count: int, held_out: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which of `count` labelled programs the experts learn from, and which the router.

    Nothing held out: both learn from all of them. Otherwise the router learns from a random share that no expert saw,
    where it finds out who understands a program and not who remembers it; each gets at least one.
    """
    everything = np.arange(count)
    if not held_out or count < 2:
        return everything, everything
    aside = stream(seed, "held out").permutation(count)[: min(count - 1, max(1, round(held_out * count)))]
    return np.setdiff1d(everything, aside), np.sort(aside)


def train_experts(
    teacher: Teacher,
    labelled: Sequence[Sample],
    part: Parts,
    valid: Sequence[Sample],
    *,
    names: Sequence[str],
    outside_weight: float,
    recipe: Recipe,
    seed: int,
) -> list[Expert]:
    """Fine-tune one expert per part from the encoder, on all programs, those outside its part at a small weight.

    Args:
        teacher: whose encoder the experts start from.
        labelled: n programs, in the form in which they belong to their part.
        part: shape (n,), the part of each labelled program.
        valid: pick each expert's epoch.
        names: of the experts, one for each part; a part that holds no program gets an expert of all.
        outside_weight: weight of a program of another part; 0 gives hard parts.
        recipe: that of the single teacher.
        seed: of each expert's head and order.
    """

    def train(k: int) -> Expert:
        inside = part == k
        weights = np.where(inside | ~inside.any(), 1.0, outside_weight)
        return teacher.specialise(labelled, weights, valid, recipe, derive(seed, "expert", k))

    return each(names, train)


def opinions(experts: Sequence[Expert], programs: Sequence[str]) -> NDArray[np.float64]:
    """Each expert's log-odds of "vulnerable", shape (n, experts)."""
    return np.stack([expert.logits(programs) for expert in experts], axis=1)
