"""What the field forgets to compare with (protocol, "Controls")."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bench.distill import distill, soft_targets
from bench.models import Constant
from bench.rng import derive
from bench.standard import standard_student
from bench.types import Budget, Splits, Student, Teacher


@dataclass(frozen=True)
class Majority:
    """Predicts the training majority: the floor for accuracy, and never fooled."""

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Answer with the share of vulnerable programs in the labelled half."""
        return Student(Constant(float(np.mean([sample.label for sample in data.labelled]))))


@dataclass(frozen=True)
class Uncompressed:
    """The teacher itself."""

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Hand the teacher back."""
        return Student(teacher.network)


@dataclass(frozen=True)
class Supervised:
    """The standard student trained on hard labels of the labelled half: what any distillation must beat."""

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Train on the labels, at temperature 1."""
        spec = standard_student(budget.size_mb, budget.max_tokens)
        network = distill(
            spec,
            replace(budget.recipe, temperature=1.0),
            programs=[sample.code for sample in data.labelled],
            targets=np.array([float(sample.label) for sample in data.labelled]),
            valid=data.valid,
            seed=derive(seed, "supervised"),
            device=budget.device,
            label="supervised",
        )
        return Student(network, spec)


@dataclass(frozen=True)
class SingleTeacher:
    """The standard student distilled from one teacher: what routing must beat."""

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Train on the teacher's soft labels of the unlabelled half."""
        spec = standard_student(budget.size_mb, budget.max_tokens)
        targets = soft_targets(teacher.logits(data.unlabelled), budget.recipe.temperature)
        network = distill(
            spec,
            budget.recipe,
            programs=data.unlabelled,
            targets=targets,
            valid=data.valid,
            seed=derive(seed, "kd"),
            device=budget.device,
            label="kd",
        )
        return Student(network, spec)
