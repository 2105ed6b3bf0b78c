"""MoEKD: mixture-of-experts knowledge distillation (arXiv 2603.13213), in the paper's order.

Only the abstract is known; each choice that it leaves open is a decision in bench/DESIGN.md (D4 to D8, D32, D37) and a
field below, which `moekd[field=value]` sets. Experts and router exist while training only: the student is a student
like any other of its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.distillation.teaching import teach
from bench.rng import derive
from bench.types import Budget, Expert, Sample, Splits, Student, Teacher, UsageError
from moekd.aggregate import Aggregation, aggregate
from moekd.diagnose import diagnose
from moekd.experts import lessons, opinions, train_experts
from moekd.partition import VIEWS, PartitionKind, divide
from moekd.router import Lessons, RouterKind, train_gate


@dataclass(frozen=True)
class MoEKD:
    """The method; its fields are the ablation."""

    experts: int = 4
    partition: PartitionKind = "clusters"
    outside_weight: float = 0.25
    """Weight of a program in the training of an expert of another part; 0 gives hard parts."""
    router: RouterKind = "learned"
    balance: float = 0.01
    """Factor of the router's load-balancing term."""
    held_out: float = 0.0
    """Share of the labelled programs that no expert sees and the router alone learns from; 0: both learn from all."""
    aggregation: Aggregation = "probabilities"
    perturbed: bool = False
    """Whether the student also learns every program renamed and rewritten, with the soft target of the original."""

    def __post_init__(self) -> None:
        """Reject what is no mixture."""
        if self.experts < 1 or min(self.outside_weight, self.balance) < 0:
            raise UsageError(f"expected at least one expert and no negative weight or balance, got {self}")
        if not 0 <= self.held_out < 1:
            raise UsageError(f"expected held_out from 0 to below 1, got {self.held_out}: give another share")
        if self.partition == "views" and self.experts != len(VIEWS):
            raise UsageError(f"expected {len(VIEWS)} experts with partition=views, one a view, got {self.experts}")

    def trainings(self, budget: Budget, seed: int) -> tuple[str, ...]:
        """Name the experts by all that they depend on: variants that name them alike share them."""
        kind = f"{self.partition}, outside {self.outside_weight}, held out {self.held_out}, seed {seed}"
        return tuple(f"expert {k} of {self.experts} ({kind})" for k in range(1, self.experts + 1))

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Make the student; its facts are the diagnostics of experts and router on validation."""
        names, seed = self.trainings(budget, seed), derive(seed, "moekd")

        # 1. Expert and router training: experts on a partition of the input space ...
        parts = divide(self.partition, self.experts, teacher, data.labelled, budget, seed)
        labelled, part = parts.place(data.labelled)
        for_experts, for_router = lessons(len(labelled), self.held_out, seed)
        experts = train_experts(
            teacher,
            [labelled[i] for i in for_experts],
            part[for_experts],
            data.valid,
            names=names[: parts.count],
            outside_weight=self.outside_weight,
            recipe=budget.teacher_recipe,
            seed=seed,
        )
        # ... and a learned routing mechanism over the frozen experts.
        gate = train_gate(
            self.router,
            seen(teacher, experts, [labelled[i] for i in for_router]),
            seen(teacher, experts, data.valid),
            balance=self.balance,
            aggregation=self.aggregation,
            seed=seed,
        )

        # 2. Aggregation of the experts' knowledge, weighted by the router.
        weights = gate.weights(teacher.embed(data.unlabelled), parts.assign(data.unlabelled))
        logits = opinions(experts, data.unlabelled)
        targets = aggregate(weights, logits, budget.recipe.temperature, self.aggregation)

        # 3. Distillation of the aggregated knowledge into a compact student by KL divergence.
        copies = budget.perturb(data.unlabelled, "both", seed) if self.perturbed else ()
        return teach(
            budget,
            (*data.unlabelled, *copies),
            np.tile(targets, 2 if copies else 1),
            data.valid,
            seed=derive(seed, "student"),
            label="moekd",
            facts=diagnose(teacher, experts, gate, parts, data.valid, self.aggregation),
        )


def seen(teacher: Teacher, experts: Sequence[Expert], samples: Sequence[Sample]) -> Lessons:
    """Return labelled programs as the router sees them: the encoder's embedding, and what each expert says."""
    programs = [sample.code for sample in samples]
    labels = np.array([sample.label for sample in samples])
    return Lessons(teacher.embed(programs), opinions(experts, programs), labels)
