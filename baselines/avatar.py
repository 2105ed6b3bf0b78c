"""AVATAR: prune the configurations, learn what makes a good one from a few, search for a compromise, distil.

Follows Shi et al., "Greening Large Language Models of Code", ICSE-SEIS 2024, in its order. We had the paper's abstract
and the released code, so constants are the code's and steps are named, not numbered. The rooms: `avatar_space` (genes
and pruning), `avatar_search` (the genetic algorithm), `avatar_surrogate` (what predicts quality), `avatar_smt` (pruning
by z3), `avatar_nsga2` (NSGA-II instead).

Decisions, where we mend by default (`as_released` restores each):
- Size is the true one, and every configuration that is trained or searched is within the budget (2% of tolerance).
  Released: the formula, which counts a pooler; only a bounding box, so that most configurations are far too big.
- Adaptive sampling measures distances with every gene scaled to [0, 1]. Released: unscaled, so that only vocabulary and
  feed-forward width count.
- GFLOPs are counted honestly. Released: the formula, which charges the embedding lookup as a matrix product.
- Dominance is Pareto's and crossover crosses: see `avatar_search`.
- The configuration is the archive's best by predicted accuracy, then the one with fewer GFLOPs. Released: chosen by
  hand, "such as the one with the 3 MB size"; `as_released` takes the one closest to the target, as MORPH's re-run. So
  do we where all trials were equally good, and the surrogate knows nothing to choose by (D73).
- All parameters train. Released: biases and LayerNorm weights stay frozen.
The surrogate is the published one and learns accuracy, both ways; it is weak (leave-one-out R2 about 0): `surrogate_r2`
reports it. Options: another surrogate (`baselines.avatar_surrogate`), learning AUROC instead of accuracy (`target`),
predicted latency instead of GFLOPs (`Budget.objective`, D46).
Left out: inputs without `<s>` and `</s>` (the benchmark encodes all students alike), and the 50 epochs of the final
training (every method has the budget's).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np

from baselines.avatar_search import Archive, GeneticSearch, Scored
from baselines.avatar_space import configuration_space, pruned_box, recipe, student_spec
from baselines.avatar_surrogate import PUBLISHED, Kind, Surrogate, fit_surrogate
from bench.distillation.distill import distill, soft_targets
from bench.distillation.divided import each
from bench.distillation.space import Candidate, Space
from bench.measuring import cost
from bench.measuring.latency import foreseen, milliseconds, predictor
from bench.rng import derive, stream
from bench.types import Budget, Splits, Student, StudentSpec, Teacher, UsageError

RIVALS = 20
"""Draws of which adaptive random sampling keeps the one farthest from all kept before."""


@dataclass(frozen=True)
class Avatar:
    """AVATAR as a `bench.types.Method`."""

    algorithm: Literal["genetic", "nsga2"] = "genetic"
    """"nsga2" replaces the published search by pymoo's NSGA-II (extra `moo`) with the same operators."""
    pruning: Literal["arithmetic", "smt"] = "arithmetic"
    """"smt" asks z3 (extra `smt`) for the same box."""
    surrogate: Kind = PUBLISHED
    """What predicts the quality of a student that was not trained."""
    target: Literal["accuracy", "auroc"] = "accuracy"
    """What the surrogate learns and the search maximises. Short trainings often end at the accuracy of a constant, all
    alike; "auroc" asks how well programs are ordered and tells such students apart."""
    settings: GeneticSearch = field(default_factory=GeneticSearch)

    def trainings(self, budget: Budget, seed: int) -> tuple[str, ...]:
        """Name the trial trainings by what variants may differ in."""
        kind = f"{budget.size_mb} MB, temperature {budget.recipe.temperature}, {self.pruning}, seed {seed}"
        count = budget.surrogate_trainings
        return tuple(f"avatar surrogate {k} of {count} ({kind})" for k in range(1, count + 1))

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

        def trial(place: int) -> dict[str, float]:
            network = train(
                student_spec(sample[place]),
                recipe(sample[place], budget, budget.surrogate_epochs),
                programs=data.unlabelled[:few],
                targets=targets[:few],
                seed=derive(seed, "avatar", "surrogate", place + 1),
                label=f"avatar surrogate {place + 1}/{len(sample)}",
            )
            return {"accuracy": network.valid_accuracy, "auroc": network.valid_auroc}

        trained = each(self.trainings(budget, seed), trial)
        # ... and learn to predict the quality of all others from them.
        codes = np.array([space.codes(one) for one in sample])
        qualities = np.array([one[self.target] for one in trained])
        surrogate = fit_surrogate(codes, qualities, self.surrogate, space)
        # Search for configurations that no other beats in size, predicted quality and GFLOPs (or latency) at once.
        archive = self.search(space, sample, surrogate, budget, seed)
        # Choose one, and distil the teacher into it.
        alike = np.ptp(qualities) == 0.0
        chosen = choose(archive, by_size=budget.as_released or alike)
        spec, settings = student_spec(chosen.candidate), recipe(chosen.candidate, budget, budget.recipe.epochs)
        network = train(
            spec,
            settings,
            programs=data.unlabelled,
            targets=targets,
            seed=derive(seed, "avatar", "student"),
            label="avatar",
        )
        facts = {
            **_search_facts(chosen, archive, budget),
            **_surrogate_facts(surrogate, fit_surrogate(codes, qualities), trained),
            "learning_rate": settings.learning_rate,
        }
        return Student(network, spec, facts)

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


def _scored(space: Space, surrogate: Surrogate, budget: Budget, candidates: Sequence[Candidate]) -> list[Scored]:
    """Compute the three objectives of n configurations: size, predicted quality, and GFLOPs or milliseconds."""
    predicted = surrogate.predict(np.array([space.codes(one) for one in candidates])).tolist()
    specs = [student_spec(one) for one in candidates]
    sizes = [
        cost.paper_megabytes(spec, spec.max_tokens) if budget.as_released else cost.megabytes(spec) for spec in specs
    ]
    errors = [abs(size - budget.size_mb) for size in sizes]
    efforts = [_effort(spec, budget) for spec in specs]
    return [Scored(*row) for row in zip(candidates, errors, predicted, efforts, strict=True)]


def _megabytes(spec: StudentSpec, budget: Budget) -> float:
    """Return the true size, or as released that of the formula."""
    return cost.paper_megabytes(spec, spec.max_tokens) if budget.as_released else cost.megabytes(spec)


def _effort(spec: StudentSpec, budget: Budget) -> float:
    """Return what a student costs when it answers: predicted milliseconds, GFLOPs, or as released its formula."""
    if budget.objective == "latency":
        return milliseconds(predictor(budget), spec)
    return cost.paper_gflops(spec, spec.max_tokens) if budget.as_released else cost.gflops(spec)


def choose(archive: Archive, *, by_size: bool) -> Scored:
    """Return the member with the best predicted quality, then the least effort; or the one closest in size."""
    if by_size:
        return min(archive, key=lambda one: one.size_error)
    return min(archive, key=lambda one: (-one.quality, one.effort))


def _search_facts(chosen: Scored, archive: Archive, budget: Budget) -> dict[str, float]:
    spec = student_spec(chosen.candidate)
    return {
        "archive_size": float(len(archive)),
        "search_predicted_quality": chosen.quality,
        "search_size_error": chosen.size_error,
        **({"search_gflops": chosen.effort} if budget.objective == "flops" else foreseen(budget, spec)),
        "true_megabytes": cost.megabytes(spec),
        "true_gflops": cost.gflops(spec),
    }


def _surrogate_facts(used: Surrogate, published: Surrogate, trained: Sequence[dict[str, float]]) -> dict[str, float]:
    """Say what the surrogate learnt from, and how well; R2 is left out where it is undefined."""
    accuracies, aurocs = [one["accuracy"] for one in trained], [one["auroc"] for one in trained]
    facts = {
        "surrogate_trainings": float(len(trained)),
        "surrogate_accuracy_least": min(accuracies),
        "surrogate_accuracy_best": max(accuracies),
        "surrogate_auroc_least": min(aurocs),
        "surrogate_auroc_best": max(aurocs),
        "surrogate_r2": used.r2,
        "surrogate_r2_published": published.r2,
    }
    return {name: value for name, value in facts.items() if np.isfinite(value)}
