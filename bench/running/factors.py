"""Variants that belong together: those of one size more, and the ablation, in which one setting varies at a time.

The ablation follows spec/moekd.md, in which every choice that the abstract leaves open is a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias, get_args

from bench.config import Experiment
from bench.registry import method
from bench.types import Budget, UsageError
from bench.variants import Setting, parse, write
from moekd.aggregate import Aggregation
from moekd.partition import PartitionKind
from moekd.router import RouterKind

Values: TypeAlias = Callable[[Budget], Sequence[Setting]]
"""The values of a factor, given what the run allows."""

FACTORS: dict[str, dict[str, Values]] = {
    "moekd": {
        "experts": lambda budget: (1, 2, 4, 8),
        "router": lambda budget: get_args(RouterKind),
        "partition": lambda budget: get_args(PartitionKind),
        "temperature": lambda budget: (1, 2, 4, 10),
        "epochs": lambda budget: (budget.recipe.epochs, 2 * budget.recipe.epochs),
        "size_mb": lambda budget: (budget.size_mb, budget.size_mb / 2, budget.size_mb / 4),
        "aggregation": lambda budget: get_args(Aggregation),
        "outside_weight": lambda budget: (0.25, 0.0, 1.0),
        "balance": lambda budget: (0.01, 0.0),
        "held_out": lambda budget: (0.0, 0.2),
        "perturbed": lambda budget: (False, True),
    }
}


def around(name: str, budget: Budget, only: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the method and its variants; those that change nothing are the method itself (bench.registry.check).

    Args:
        name: a method in FACTORS.
        budget: of the run.
        only: factors to vary; all of them where none is named.

    Raises:
        UsageError: no ablation of this method, or no such factor.
    """
    if name not in FACTORS:
        raise UsageError(
            f"expected {' or '.join(FACTORS)}, which has an ablation, got {name!r}: for other methods name variants "
            "yourself, such as run --methods 'kd,kd[temperature=4]'"
        )
    factors = FACTORS[name]
    if unknown := [factor for factor in only if factor not in factors]:
        raise UsageError(f"expected --only {','.join(factors)}, got {unknown[0]!r}: choose among them")
    chosen = only or tuple(factors)
    return (name, *(write(name, {factor: value}) for factor in chosen for value in factors[factor](budget)))


def at_sizes(experiment: Experiment, sizes: Sequence[float]) -> Experiment:
    """Add for each size, once more, all methods and controls that have a size and do not name their own."""
    parsed = [parse(spec) for spec in experiment.all_methods]
    sized = [
        write(name, {**settings, "size_mb": size})
        for size in sizes
        for name, settings in parsed
        if "size_mb" not in (*method(name).ignores, *settings)
    ]
    return replace(experiment, methods=(*experiment.methods, *sized))
