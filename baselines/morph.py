"""MORPH: search a configuration by size, accuracy, FLOPs and prediction flips on metamorphic pairs, then distil.

Follows Panichella, "Metamorphic-Based Many-Objective Distillation of LLMs for Code-related Tasks", ICSE 2025, in its
order; the space, its pruning and what a configuration means are AVATAR's (`avatar_space`), the search is
`morph_search`. Decisions (D35), where paper and code differ or we mend:
- A program's twin has all its names changed by our own renaming. Paper: by a chat model, whose answers are not at hand.
- The loss adds 1 - cosine between the softened answers to the divergence, at T = 2 as in the code (paper: T = 3); it is
  multiplied by T^2 as the paper says (code: not), which AdamW hardly notices.
- Flips count among correctly classified programs only. Released: among all, so that the least flips are a constant
  answer's, which every published configuration with 10 flips or fewer is. They never stand without accuracy.
- Chosen is the configuration of the best predicted accuracy; flips decide between equals, then effort, which is GFLOPs,
  or predicted latency (D46). Flips never outweigh accuracy: a constant answer has none. Where all trials were equally
  accurate, nothing can be told apart by either, and it is the one closest in size, as in `as_released` (D73).
- An epoch is kept for its accuracy on originals and twins together. Left out: accepting a worse epoch for fewer flips,
  which lets the best accuracy sink step by step.
- The flips' surrogate is tuned over 27 settings instead of 540, and not at all with fewer than six configurations.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from baselines.avatar_space import configuration_space, pruned_box, recipe, student_spec
from baselines.morph_space import Rate, Rated, latin_sample
from bench.distillation.distill import distill, soft_targets
from bench.distillation.divided import each
from bench.distillation.space import Candidate, Space
from bench.measuring import cost
from bench.measuring.latency import milliseconds, predictor
from bench.measuring.metrics import auroc
from bench.networks.models import Network
from bench.rng import derive, stream
from bench.types import Budget, Sample, Splits, Student, StudentSpec, Teacher, UsageError

TEMPERATURE = 2.0
COSINE = 1.0
TWINS = derive(0, "morph twins")
"""The twins are the same for all seeds, as the chat model's are in the paper."""
TUNED = {"n_estimators": (50, 100, 150), "learning_rate": (0.05, 0.15, 0.25), "max_depth": (2, 3, 5)}
LEAST_TUNED = 6
CERTAIN = 1e-3
"""Accuracies are kept this far from 0 and 1 before their logit is taken."""

Predict = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From codes of shape (n, genes) to numbers of shape (n,)."""


class Observed(NamedTuple):
    """How a trained configuration did on validation, as shares of all its programs."""

    accuracy: float
    flips: float
    """Judged correctly, and otherwise as a twin."""


@dataclass(frozen=True)
class Lesson:
    """Programs and their twins, with the teacher's soft labels."""

    programs: tuple[str, ...]
    targets: NDArray[np.float64]
    """Shape (n,): P(vulnerable) at `TEMPERATURE`."""
    valid: tuple[Sample, ...]
    twins: tuple[Sample, ...]
    """Of `valid`, in its order."""

    def few(self, pairs: int | None) -> Lesson:
        """Return the first pairs only; None is all of them."""
        half = len(self.programs) // 2
        places = [*range(half)[:pairs], *range(half, 2 * half)[:pairs]]
        return replace(self, programs=tuple(self.programs[i] for i in places), targets=self.targets[places])

    def observe(self, network: Network) -> Observed:
        """Judge validation and its twins."""
        labels = np.array([sample.label for sample in self.valid])
        answers, again = (network.logits([sample.code for sample in side]) > 0 for side in (self.valid, self.twins))
        right = answers == labels
        return Observed(float(right.mean()), float((right & (answers != again)).mean()))


@dataclass(frozen=True)
class Morph:
    """MORPH as a `bench.types.Method`."""

    population: int = 50
    generations: int = 100

    def __post_init__(self) -> None:
        """Say at once what is missing."""
        if importlib.util.find_spec("pymoo") is None:
            raise UsageError("expected pymoo for the method morph, got none: pip install 'moekd-bench[moo]'")
        if self.population < 2 or self.generations < 1:
            raise UsageError(f"expected a population of 2 or more and at least one generation, got {self}")

    def trainings(self, budget: Budget, seed: int) -> tuple[str, ...]:
        """Name the trial trainings by what variants may differ in."""
        count, kind = budget.surrogate_trainings, f"{budget.size_mb} MB, seed {seed}"
        return tuple(f"morph surrogate {k} of {count} ({kind})" for k in range(1, count + 1))

    def compress(self, teacher: Teacher, data: Splits, budget: Budget, seed: int) -> Student:
        """Search a configuration within the budget, then distil the teacher into it."""
        names, seed = self.trainings(budget, seed), derive(seed, "morph")
        budget = replace(budget, recipe=replace(budget.recipe, temperature=TEMPERATURE, cosine=COSINE))
        # Metamorphic pairs: every program and its twin, both labelled by the teacher.
        lesson = prepare(teacher, data, budget)
        # Train some configurations of a Latin hypercube sample and see how accurate and how steady they are ...
        space = configuration_space(pruned_box(budget.size_mb, budget.max_tokens), budget)
        sample = latin_sample(space, budget.surrogate_trainings, stream(seed, "sample"))
        few = lesson.few(None if budget.surrogate_programs is None else max(1, budget.surrogate_programs // 2))

        def trial(place: int) -> dict[str, float]:
            epochs, label = budget.surrogate_epochs, f"{place + 1}/{len(sample)}"
            return few.observe(_train(few, sample[place], budget, epochs, derive(seed, place + 1), label))._asdict()

        observed = [Observed(**one) for one in each(names, trial)]
        # ... and learn to predict both for all others.
        surrogates = fit_surrogates(np.array([space.codes(one) for one in sample]), observed, derive(seed, "trees"))
        # Search for configurations that no other beats in size, accuracy, flips and effort at once.
        front = self.search(space, sample, partial(rated, space, surrogates, budget), stream(seed, "search"))
        # Choose one, and distil the teacher into it.
        alike = np.ptp([one.accuracy for one in observed]) == 0.0
        chosen = choose(front, budget.size_mb, by_size=budget.as_released or alike)
        network = _train(lesson, chosen.candidate, budget, budget.recipe.epochs, derive(seed, "student"), "student")
        facts = _facts(chosen, front, surrogates, lesson.observe(network))
        # Training told how well originals and twins together are ordered.
        ordered = auroc([sample.label for sample in data.valid], network.logits([sample.code for sample in data.valid]))
        return Student(replace(network, valid_auroc=ordered), student_spec(chosen.candidate), facts)

    def search(
        self, space: Space, sample: Sequence[Candidate], rate: Rate, rng: np.random.Generator
    ) -> tuple[Rated, ...]:
        """Return the non-dominated configurations."""
        from baselines.morph_search import MorphSearch

        return MorphSearch(self.population, self.generations).run(space, sample, rate, rng)


def prepare(teacher: Teacher, data: Splits, budget: Budget) -> Lesson:
    """Write the twins and let the teacher label everything."""
    programs = (*data.unlabelled, *budget.perturb(data.unlabelled, "renamed", TWINS))
    codes = budget.perturb([sample.code for sample in data.valid], "renamed", TWINS)
    twins = tuple(replace(sample, code=code) for sample, code in zip(data.valid, codes, strict=True))
    return Lesson(programs, soft_targets(teacher.logits(programs), TEMPERATURE), data.valid, twins)


def _train(lesson: Lesson, candidate: Candidate, budget: Budget, epochs: int, seed: int, label: str) -> Network:
    return distill(
        student_spec(candidate),
        recipe(candidate, budget, epochs),
        programs=lesson.programs,
        targets=lesson.targets,
        valid=(*lesson.valid, *lesson.twins),
        seed=seed,
        device=budget.device,
        label=f"morph {label}",
    )


class Surrogates(NamedTuple):
    """What predicts both observations from a configuration's 13 coded genes."""

    accuracy: Predict
    flips: Predict
    r2: dict[str, float]
    """Leave-one-out R2 of each on the trained configurations, where it is defined."""


def fit_surrogates(codes: NDArray[np.float64], observed: Sequence[Observed], seed: int) -> Surrogates:
    """Fit gradient boosting on scaled codes, shape (n, genes): on the logit of accuracy, and, tuned, on flips."""
    accuracy = np.clip([one.accuracy for one in observed], CERTAIN, 1 - CERTAIN)
    flips = np.array([one.flips for one in observed])
    logit = np.log(accuracy / (1 - accuracy))
    sure, steady = _boosting(seed).fit(codes, logit), _tuned(codes, flips, seed)
    r2 = {"accuracy": _left_out(sure, codes, logit), "flips": _left_out(steady, codes, flips)}
    return Surrogates(
        lambda asked: 1.0 / (1.0 + np.exp(-sure.predict(asked))),
        lambda asked: np.maximum(steady.predict(asked), 0.0),
        {f"surrogate_{name}_r2": value for name, value in r2.items() if np.isfinite(value)},
    )


def _boosting(seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), GradientBoostingRegressor(random_state=seed % 2**32))


def _tuned(codes: NDArray[np.float64], values: NDArray[np.float64], seed: int) -> Any:
    from sklearn.model_selection import GridSearchCV

    if len(values) < LEAST_TUNED:
        return _boosting(seed).fit(codes, values)
    grid = {f"gradientboostingregressor__{name}": options for name, options in TUNED.items()}
    search = GridSearchCV(_boosting(seed), grid, cv=3, scoring="neg_mean_absolute_error")
    return search.fit(codes, values).best_estimator_


def _left_out(model: Any, codes: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    from sklearn.base import clone
    from sklearn.metrics import r2_score
    from sklearn.model_selection import LeaveOneOut, cross_val_predict

    if len(values) < 3 or np.ptp(values) == 0.0:
        return float("nan")
    return float(r2_score(values, cross_val_predict(clone(model), codes, values, cv=LeaveOneOut())))


def rated(space: Space, surrogates: Surrogates, budget: Budget, candidates: Sequence[Candidate]) -> list[Rated]:
    """Compute the four objectives of n configurations."""
    codes = np.array([space.codes(one) for one in candidates])
    errors, flips = (1 - surrogates.accuracy(codes)).tolist(), surrogates.flips(codes).tolist()
    specs = [student_spec(one) for one in candidates]
    sizes, efforts = [cost.megabytes(spec) for spec in specs], [effort(spec, budget) for spec in specs]
    return [Rated(*row) for row in zip(candidates, sizes, errors, flips, efforts, strict=True)]


def effort(spec: StudentSpec, budget: Budget) -> float:
    """Return what a student costs when it answers: predicted milliseconds, or GFLOPs (D46)."""
    return milliseconds(predictor(budget), spec) if budget.objective == "latency" else cost.gflops(spec)


def choose(front: Sequence[Rated], size_mb: float, *, by_size: bool) -> Rated:
    """Return the most accurate member, the steadiest of these, or the one closest in size; see the module's head."""
    if by_size:
        return min(front, key=lambda one: abs(one.size_mb - size_mb))
    return min(front, key=lambda one: (one.error, one.flips, one.effort))


def _facts(chosen: Rated, front: Sequence[Rated], surrogates: Surrogates, found: Observed) -> dict[str, float]:
    """Say how the search went, and how accurate and steady the student is; flips stand beside accuracy only."""
    return {
        "front_size": float(len(front)),
        "search_predicted_accuracy": 1 - chosen.error,
        "search_predicted_flips": chosen.flips,
        "search_size_mb": chosen.size_mb,
        "search_effort": chosen.effort,
        "valid_accuracy": found.accuracy,
        "valid_flips_of_correct": found.flips / found.accuracy if found.accuracy else 0.0,
        **surrogates.r2,
    }
