"""AVATAR: prune the configurations, learn what makes a good one from a few, search for a compromise, distil.

Follows Shi et al., "Greening Large Language Models of Code", ICSE-SEIS 2024, in its order. We had the paper's abstract
and the released code, so constants are the code's and steps are named, not numbered. The rooms: `avatar_space` (genes
and pruning), `avatar_search` (the genetic algorithm), `avatar_smt` (pruning by z3), `avatar_nsga2` (NSGA-II instead).

Decisions, where we mend by default (`as_released` restores each):
- Size is the true one, and every configuration that is trained or searched is within the budget (2% of tolerance).
  Released: the formula, which counts a pooler; only a bounding box, so that most configurations are far too big.
- Adaptive sampling measures distances with every gene scaled to [0, 1]. Released: unscaled, so that only vocabulary and
  feed-forward width count.
- GFLOPs are counted honestly. Released: the formula, which charges the embedding lookup as a matrix product.
- Dominance is Pareto's and crossover crosses: see `avatar_search`.
- The configuration is the archive's best by predicted accuracy, then the one with fewer GFLOPs. Released: chosen by
  hand, "such as the one with the 3 MB size"; `as_released` takes the one closest to the target, as MORPH's re-run.
- All parameters train. Released: biases and LayerNorm weights stay frozen.
Both ways, the surrogate is the published one, and weak (leave-one-out R2 about 0): `surrogate_r2` reports it.
Left out: inputs without `<s>` and `</s>` (the benchmark encodes all students alike), and the 50 epochs of the final
training (every method has the budget's).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.avatar_search import Archive, GeneticSearch, Scored
from baselines.avatar_space import configuration_space, pruned_box, recipe, student_spec
from bench import cost
from bench.distill import distill, soft_targets
from bench.rng import derive, stream
from bench.space import Candidate, Space
from bench.types import Budget, Splits, Student, Teacher, UsageError

RIVALS = 20
"""Draws of which adaptive random sampling keeps the one farthest from all kept before."""


class Surrogate(NamedTuple):
    """What predicts a student's validation accuracy from its 13 coded genes."""

    predict: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    """From codes of shape (n, genes) to accuracies of shape (n,)."""
    r2: float
    """Leave-one-out R2 on the trained configurations; nan with fewer than three, or where all are equally good."""


@dataclass(frozen=True)
class Avatar:
    """AVATAR as a `bench.types.Method`."""

    algorithm: Literal["genetic", "nsga2"] = "genetic"
    """"nsga2" replaces the published search by pymoo's NSGA-II (extra `moo`) with the same operators."""
    pruning: Literal["arithmetic", "smt"] = "arithmetic"
    """"smt" asks z3 (extra `smt`) for the same box."""
    settings: GeneticSearch = field(default_factory=GeneticSearch)

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Search a configuration within the budget, then distil the teacher into it."""
        # The teacher's soft labels of the unlabelled programs train every student below.
        targets = soft_targets(teacher.logits(data.unlabelled), budget.recipe.temperature)
        train = partial(distill, valid=data.valid, device=budget.device)
        few = budget.surrogate_programs
        # Prune the configuration space to what the size budget allows.
        space = self.space(budget)
        # Train a few configurations, as different from one another as possible ...
        sample = adaptive_sample(
            space, budget.surrogate_trainings, stream(seed, "avatar", "sample"), budget.as_released
        )
        accuracies = [
            train(
                student_spec(one),
                recipe(one, budget, budget.surrogate_epochs),
                programs=data.unlabelled[:few],
                targets=targets[:few],
                seed=derive(seed, "avatar", "surrogate", place),
                label=f"avatar surrogate {place}/{len(sample)}",
            ).valid_accuracy
            for place, one in enumerate(sample, start=1)
        ]
        # ... and learn to predict the accuracy of all others from them.
        surrogate = fit_surrogate(np.array([space.codes(one) for one in sample]), np.array(accuracies))
        # Search for configurations that no other beats in size, predicted accuracy and GFLOPs at once.
        archive = self.search(space, sample, surrogate, budget, seed)
        # Choose one, and distil the teacher into it.
        chosen = choose(archive, budget.as_released)
        spec, settings = student_spec(chosen.candidate), recipe(chosen.candidate, budget, budget.recipe.epochs)
        network = train(
            spec,
            settings,
            programs=data.unlabelled,
            targets=targets,
            seed=derive(seed, "avatar", "student"),
            label="avatar",
        )
        facts = _facts(chosen, archive, surrogate, accuracies)
        return Student(network, spec, {**facts, "learning_rate": settings.learning_rate})

    def space(self, budget: Budget) -> Space:
        """Return the configurations that pruning leaves."""
        if self.pruning == "smt":
            from baselines.avatar_smt import pruned_box_by_smt

            return configuration_space(pruned_box_by_smt(budget.size_mb, budget.max_tokens), budget)
        return configuration_space(pruned_box(budget.size_mb, budget.max_tokens), budget)

    def search(
        self, space: Space, sample: Sequence[Candidate], surrogate: Surrogate, budget: Budget, seed: int
    ) -> Archive:
        """Return the non-dominated configurations that the search met."""
        settings = replace(self.settings, as_released=budget.as_released)
        rng = stream(seed, "avatar", "search")
        if self.algorithm == "nsga2":
            from baselines.avatar_nsga2 import run_nsga2

            return run_nsga2(settings, space, sample, partial(_scored, space, surrogate, budget), rng)
        return settings.run(space, sample, partial(_scored, space, surrogate, budget), rng)


def adaptive_sample(
    space: Space, count: int, rng: np.random.Generator, as_released: bool = False
) -> tuple[Candidate, ...]:
    """Return `count` configurations: the first at random, each further one the farthest of `RIVALS` random draws.

    The distance to what is kept is that to the nearest; Euclidean, with scaled genes, or with raw codes as released.
    """
    if count < 1:
        raise UsageError(f"expected at least one surrogate training, got {count}: raise surrogate_trainings")
    distance = partial(_code_distance, space) if as_released else space.distance
    kept = [space.sample(rng)]
    while len(kept) < count:
        rivals = [space.sample(rng) for _ in range(RIVALS)]
        kept.append(max(rivals, key=lambda rival: min(distance(rival, one) for one in kept)))
    return tuple(kept)


def _code_distance(space: Space, one: Candidate, two: Candidate) -> float:
    return float(np.linalg.norm(space.codes(one) - space.codes(two)))


def fit_surrogate(codes: NDArray[np.float64], accuracies: NDArray[np.float64]) -> Surrogate:
    """Fit scikit-learn's BayesianRidge with its defaults on raw codes, shape (n, genes), as released."""
    model = _ridge(codes, accuracies)
    return Surrogate(model.predict, _leave_one_out_r2(codes, accuracies))


def _ridge(codes: NDArray[np.float64], accuracies: NDArray[np.float64]) -> Any:
    from sklearn.linear_model import BayesianRidge

    return BayesianRidge().fit(codes, accuracies)


def _leave_one_out_r2(codes: NDArray[np.float64], accuracies: NDArray[np.float64]) -> float:
    """Return 1 - squared error / variance, each accuracy predicted from all others; nan where undefined."""
    spread = float(((accuracies - accuracies.mean()) ** 2).sum())
    if len(accuracies) < 3 or spread == 0.0:
        return float("nan")
    others = [np.arange(len(accuracies)) != place for place in range(len(accuracies))]
    predicted = [
        float(_ridge(codes[kept], accuracies[kept]).predict(codes[[place]])[0]) for place, kept in enumerate(others)
    ]
    return 1.0 - float(((accuracies - np.array(predicted)) ** 2).sum()) / spread


def _scored(space: Space, surrogate: Surrogate, budget: Budget, candidates: Sequence[Candidate]) -> list[Scored]:
    """Compute the three objectives of n configurations: size, predicted accuracy, GFLOPs."""
    predicted = surrogate.predict(np.array([space.codes(one) for one in candidates])).tolist()
    specs = [student_spec(one) for one in candidates]
    if budget.as_released:
        sizes = [cost.paper_megabytes(spec, spec.max_tokens) for spec in specs]
        gflops = [cost.paper_gflops(spec, spec.max_tokens) for spec in specs]
    else:
        sizes, gflops = [cost.megabytes(spec) for spec in specs], [cost.gflops(spec) for spec in specs]
    errors = [abs(size - budget.size_mb) for size in sizes]
    return [Scored(*row) for row in zip(candidates, errors, predicted, gflops, strict=True)]


def choose(archive: Archive, as_released: bool = False) -> Scored:
    """Return the member with the best predicted accuracy, then the fewest GFLOPs; as released, the closest in size."""
    if as_released:
        return min(archive, key=lambda one: one.size_error)
    return min(archive, key=lambda one: (-one.accuracy, one.gflops))


def _facts(chosen: Scored, archive: Archive, surrogate: Surrogate, accuracies: Sequence[float]) -> dict[str, float]:
    """Say how the search went; `surrogate_r2` is left out where it is undefined."""
    spec = student_spec(chosen.candidate)
    facts = {
        "archive_size": float(len(archive)),
        "surrogate_trainings": float(len(accuracies)),
        "surrogate_best": max(accuracies),
        "search_predicted_accuracy": chosen.accuracy,
        "search_size_error": chosen.size_error,
        "search_gflops": chosen.gflops,
        "true_megabytes": cost.megabytes(spec),
        "true_gflops": cost.gflops(spec),
    }
    return facts if np.isnan(surrogate.r2) else {**facts, "surrogate_r2": surrogate.r2}
