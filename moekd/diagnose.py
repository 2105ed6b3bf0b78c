"""Whether MoEKD works as it should, told on validation: do experts specialise, does the router route, is it worth it.

Nothing here decides anything; the numbers become facts of the student and rows of the table of diagnostics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bench.measuring.metrics import ece
from bench.types import Expert, Sample, Teacher
from moekd.aggregate import Aggregation, aggregate
from moekd.experts import opinions
from moekd.partition import Partition, Parts
from moekd.router import Gate

Labels = NDArray[np.int64]
TINY = 1e-12


def diagnose(
    teacher: Teacher,
    experts: Sequence[Expert],
    gate: Gate,
    parts: Partition,
    valid: Sequence[Sample],
    aggregation: Aggregation,
) -> dict[str, float]:
    """Return all that is told about one mixture; what is not defined (no program in a part) is left out."""
    programs = [sample.code for sample in valid]
    labels = np.array([sample.label for sample in valid])
    weights, logits = gate.weights(teacher.embed(programs), parts.assign(programs)), opinions(experts, programs)
    # Inside and outside its part, an expert meets programs in the form in which they belong to a part.
    placed, part = parts.place(valid)
    right = (opinions(experts, [sample.code for sample in placed]) > 0) == labels[:, None]
    mixture = aggregate(weights, logits, 1.0, aggregation)
    uniform = aggregate(np.full_like(weights, 1 / weights.shape[1]), logits, 1.0, aggregation)
    alone = aggregate(np.ones((len(labels), 1)), teacher.logits(programs)[:, None])
    facts = {
        **routing(weights),
        **({} if gate.router is None else {"router_step": float(gate.router.step)}),
        **specialisation(right, part),
        "expert_agreement": agreement(logits),
        "mixture_teacher_agreement": agreement(np.stack([mixture - 0.5, alone - 0.5], axis=1)),
        **_named("mixture", quality(labels, mixture)),
        **_named("uniform", quality(labels, uniform)),
        **_named("teacher", quality(labels, alone)),
    }
    return {name: value for name, value in facts.items() if math.isfinite(value)}


def routing(weights: NDArray[np.float64]) -> dict[str, float]:
    """Return the router's mean entropy (0: one expert a program, 1: all alike) and each expert's load.

    `weights` has shape (n, experts).
    """
    experts = weights.shape[1]
    entropy = -(weights * np.log(np.maximum(weights, TINY))).sum(axis=1) / np.log(max(2, experts))
    load = {f"router_load_{k}": float(share) for k, share in enumerate(weights.mean(axis=0))}
    return {"router_entropy": float(entropy.mean()), "router_largest_load": max(load.values()), **load}


def specialisation(right: NDArray[np.bool_], part: Parts) -> dict[str, float]:
    """Return the accuracy inside and outside their parts, of each expert and of all together.

    `right` has shape (n, experts), `part` shape (n,).
    """
    inside = part[:, None] == np.arange(right.shape[1])
    facts = {"expert_accuracy_inside": _share(right[inside]), "expert_accuracy_outside": _share(right[~inside])}
    for k, own in enumerate(inside.T):
        facts[f"expert_{k}_accuracy_inside"] = _share(right[own, k])
        facts[f"expert_{k}_accuracy_outside"] = _share(right[~own, k])
    return facts


def agreement(logits: NDArray[np.float64]) -> float:
    """Return how often two experts give the same answer, over all pairs; NaN for one expert. Shape (n, experts)."""
    answers = logits > 0
    return _share(np.array([answers[:, a] == answers[:, b] for a, b in combinations(range(answers.shape[1]), 2)]))


def quality(labels: Labels, vulnerable: NDArray[np.float64]) -> dict[str, float]:
    """Return accuracy, calibration error and mean negative log-likelihood of P(vulnerable), shape (n,)."""
    likely = np.where(labels == 1, vulnerable, 1 - vulnerable)
    return {
        "accuracy": _share((vulnerable > 0.5) == labels),
        "ece": ece(labels, vulnerable),
        "nll": float(-np.log(np.maximum(likely, TINY)).mean()),
    }


def _named(who: str, facts: dict[str, float]) -> dict[str, float]:
    return {f"{who}_{name}": value for name, value in facts.items()}


def _share(yes: NDArray[np.bool_]) -> float:
    return float(yes.mean()) if yes.size else math.nan
