"""A method: the standard student learns what the teacher decides, and nothing of how sure it was.

What `kd` gains over it is what soft labels are worth. A method is any object with `compress` (bench.types.Method); the
student that it hands back must be one that bench.networks.models can store: a run can be continued and replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bench.distillation.distill import distill
from bench.distillation.standard import standard_student
from bench.registry import Entry
from bench.rng import derive
from bench.types import Budget, Splits, Student, Teacher


@dataclass(frozen=True)
class HardLabels:
    """The standard student distilled from one teacher's decisions."""

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Train on the teacher's decisions about the unlabelled half, at temperature 1."""
        spec = standard_student(budget.size_mb, budget.max_tokens)
        network = distill(
            spec,
            replace(budget.recipe, temperature=1.0),
            programs=data.unlabelled,
            targets=(teacher.logits(data.unlabelled) > 0).astype(np.float64),
            valid=data.valid,
            seed=derive(seed, "hard-kd"),
            device=budget.device,
            label="hard-kd",
        )
        return Student(network, spec)


ENTRY = Entry("the standard student on the teacher's decisions", "example", HardLabels)
