"""MoEKD: mixture-of-experts knowledge distillation (arXiv 2603.13213), in the paper's order.

Only the abstract is known; each choice that it leaves open is a decision in bench/DESIGN.md (D4 to D8). Experts and
router exist while training only: the student is a student like any other of its size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.distill import distill
from bench.rng import derive
from bench.standard import standard_student
from bench.types import Budget, Sample, Splits, Student, Teacher
from moekd.aggregate import aggregate
from moekd.experts import opinions, partition, train_experts
from moekd.router import train_router


@dataclass(frozen=True)
class MoEKD:
    """The method; its fields are the ablation."""

    experts: int = 4
    outside_weight: float = 0.25
    """Weight of a program in the training of an expert of another part."""
    balance: float = 0.01
    """Factor of the router's load-balancing term."""

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Make the student; its facts are the diagnostics of experts and router on validation."""
        seed = derive(seed, "moekd")
        programs = [sample.code for sample in data.labelled]
        labels = np.array([sample.label for sample in data.labelled])

        # 1. Expert and router training: experts on a partition of the input space ...
        embedding = teacher.embed(programs)
        parts = partition(embedding, min(self.experts, len(programs)), seed)
        part = parts.assign(embedding)
        experts = train_experts(
            teacher,
            data.labelled,
            data.valid,
            part,
            outside_weight=self.outside_weight,
            recipe=budget.teacher_recipe,
            seed=seed,
        )
        # ... and a learned routing mechanism over the frozen experts.
        router = train_router(embedding, opinions(experts, programs), labels, balance=self.balance, seed=seed)

        # 2. Aggregation of the experts' knowledge, weighted by the router.
        weights = router.weights(teacher.embed(data.unlabelled))
        targets = aggregate(weights, opinions(experts, data.unlabelled), budget.recipe.temperature)

        # 3. Distillation of the aggregated knowledge into a compact student by KL divergence.
        spec = standard_student(budget.size_mb, budget.max_tokens)
        network = distill(
            spec,
            budget.recipe,
            programs=data.unlabelled,
            targets=targets,
            valid=data.valid,
            seed=derive(seed, "student"),
            device=budget.device,
            label="moekd",
        )
        examined = [sample.code for sample in data.valid]
        seen = teacher.embed(examined)
        facts = diagnose(data.valid, router.weights(seen), opinions(experts, examined), parts.assign(seen))
        return Student(network, spec, facts)


def diagnose(
    valid: tuple[Sample, ...],
    weights: NDArray[np.float64],
    logits: NDArray[np.float64],
    part: NDArray[np.int64],
) -> dict[str, float]:
    """Tell whether experts specialise and the router routes, on validation; shares are fractions.

    Args:
        valid: n labelled programs.
        weights: shape (n, experts).
        logits: shape (n, experts).
        part: shape (n,).
    """
    labels = np.array([sample.label for sample in valid])
    right = (logits > 0) == labels[:, None]
    inside = part[:, None] == np.arange(logits.shape[1])
    mixture = (aggregate(weights, logits) > 0.5) == labels
    uniform = (aggregate(np.full_like(weights, 1 / weights.shape[1]), logits) > 0.5) == labels
    entropy = -(weights * np.log(np.maximum(weights, 1e-12))).sum(axis=1) / np.log(max(2, weights.shape[1]))
    load = weights.mean(axis=0)
    return {
        "router_entropy": float(entropy.mean()),
        "router_largest_load": float(load.max()),
        "expert_accuracy_inside": float(right[inside].mean()),
        "expert_accuracy_outside": float(right[~inside].mean()) if (~inside).any() else float("nan"),
        "mixture_accuracy": float(mixture.mean()),
        "uniform_accuracy": float(uniform.mean()),
    }
