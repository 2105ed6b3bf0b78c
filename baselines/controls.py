"""What the field forgets to compare with (protocol, "Controls"). `ensemble-kd` is MoEKD with uniform weights: moekd/.

`pioneer-style` is no control that always runs, but the strong robustness-aware rival: a student that is taught on
clean and perturbed programs together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bench.distillation.distill import soft_targets
from bench.distillation.divided import each
from bench.distillation.teaching import teach
from bench.networks.models import Constant
from bench.rng import derive
from bench.types import Budget, Expert, Perturb, Sample, Splits, Student, Teacher

ONCE = derive(0, "augmented teacher")
"""The augmented teacher is made once a run, like the single teacher (D3)."""


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
        return Student(teacher.network, facts=teacher.facts)


@dataclass(frozen=True)
class Supervised:
    """The standard student trained on hard labels of the labelled half: what any distillation must beat."""

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Train on the labels, at temperature 1."""
        return teach(
            replace(budget, recipe=replace(budget.recipe, temperature=1.0)),
            [sample.code for sample in data.labelled],
            np.array([float(sample.label) for sample in data.labelled]),
            data.valid,
            seed=derive(seed, "supervised"),
            label="supervised",
        )


@dataclass(frozen=True)
class SingleTeacher:
    """The standard student distilled from one teacher: what routing must beat."""

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Train on the teacher's soft labels of the unlabelled half."""
        return _from_one(teacher, data, budget, derive(seed, "kd"), "kd")


@dataclass(frozen=True)
class AugmentedTeacher:
    """`kd` from a teacher fine-tuned on labelled code and its renamed and rewritten copies: what robustness must beat.

    As many epochs as the single teacher, so three times its steps.
    """

    def trainings(self, budget: Budget, seed: int) -> tuple[str, ...]:
        """Name the one teacher of all seeds."""
        return ("augmented teacher",)

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Fine-tune the teacher, once for all seeds, then train on its soft labels of the unlabelled half."""

        def train(_: int) -> Expert:
            samples = (*data.labelled, *_copies(data.labelled, budget.perturb))
            return teacher.specialise(samples, np.ones(len(samples)), data.valid, budget.teacher_recipe, ONCE)

        (augmented,) = each(self.trainings(budget, seed), train)
        return _from_one(augmented, data, budget, derive(seed, "augmented-kd"), "augmented-kd")


@dataclass(frozen=True)
class Pioneer:
    """Adversarial distillation in the style of PIONEER: soft labels for clean and perturbed programs together.

    The target of a perturbed program is the teacher's opinion of its original (Goldblum et al., AAAI 2020): the student
    shall answer alike, whatever the teacher makes of the change (D34).
    """

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Train on the unlabelled half twice: as it is, and renamed and rewritten."""
        targets = soft_targets(teacher.logits(data.unlabelled), budget.recipe.temperature)
        return teach(
            budget,
            (*data.unlabelled, *budget.perturb(data.unlabelled, "both", ONCE)),
            np.tile(targets, 2),
            data.valid,
            seed=derive(seed, "pioneer-style"),
            label="pioneer-style",
        )


def _from_one(expert: Expert, data: Splits, budget: Budget, seed: int, label: str) -> Student:
    targets = soft_targets(expert.logits(data.unlabelled), budget.recipe.temperature)
    return teach(budget, data.unlabelled, targets, data.valid, seed=seed, label=label)


def _copies(samples: tuple[Sample, ...], perturb: Perturb) -> list[Sample]:
    """Return every sample renamed, then every sample rewritten."""
    programs = [sample.code for sample in samples]
    copies = (*perturb(programs, "renamed", ONCE), *perturb(programs, "rewritten", ONCE))
    return [replace(sample, code=code) for sample, code in zip(samples * 2, copies, strict=True)]
