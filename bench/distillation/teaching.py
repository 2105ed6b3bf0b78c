"""How MoEKD and all its controls end: one student, one recipe, so that they differ in what it is taught alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.distillation.distill import distill
from bench.distillation.standard import student_of
from bench.types import Budget, Sample, Student


def teach(
    budget: Budget,
    programs: Sequence[str],
    targets: NDArray[np.float64],
    valid: Sequence[Sample],
    *,
    seed: int,
    label: str,
    facts: Mapping[str, float] | None = None,
) -> Student:
    """Distil into the student that nobody searched for.

    Args:
        budget: size and shape of the student, recipe and device.
        programs: n programs.
        targets: shape (n,), P(vulnerable) at the recipe's temperature.
        valid: labelled programs that pick the epoch.
        seed: of the initial weights, the order and the dropout.
        label: what the progress bar says.
        facts: what the method says about its making.
    """
    spec = student_of(budget)
    network = distill(
        spec,
        budget.recipe,
        programs=programs,
        targets=targets,
        valid=valid,
        seed=seed,
        device=budget.device,
        label=label,
    )
    return Student(network, spec, facts or {})
