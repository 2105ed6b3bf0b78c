"""What every method promises, through one table: a student within the budget, repeatable, blind to the test split."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench import registry
from bench.config import CONTROLS
from bench.distillation.teachers import FineTuned, single_teacher
from bench.measuring.cost import SIZE_TOLERANCE, fits
from bench.networks import models
from bench.presets import ScratchEncoder
from bench.pretraining.pretrain import pretrain
from bench.running.costing import compression
from bench.types import Budget, Sample, Splits, Student

METHODS = {
    "majority": "constant",
    "teacher": "uncompressed",
    "supervised": "student",
    "kd": "student",
    "ensemble-kd": "student",
    "augmented-kd": "student",
    "moekd": "student",
    "compressor": "student",
    "avatar": "student",
    "morph": "student",
    "pioneer-style": "student",
}
"""Every registered method, and what it hands back."""


def test_the_table_is_complete() -> None:
    assert list(METHODS) == list(registry.METHODS)
    assert set(CONTROLS) <= set(METHODS)


@pytest.fixture(scope="module")
def tuned(splits: Splits, budget: Budget) -> FineTuned:
    shape = ScratchEncoder(vocab_size=300, layers=1, hidden=16, heads=2, ffn=32, pretrain_epochs=1)
    encoder = pretrain(splits.unlabelled, shape, budget.max_tokens, 0, "cpu")
    return single_teacher("toy", encoder, splits.labelled, splits.valid, budget.teacher_recipe)


@pytest.fixture(scope="module")
def made(tuned: FineTuned, splits: Splits, budget: Budget) -> dict[str, Student]:
    """One student of each method."""
    return {name: compressed(name, tuned, splits, budget) for name in METHODS}


def compressed(name: str, tuned: FineTuned, splits: Splits, budget: Budget) -> Student:
    variant = registry.variant(name, budget)
    return variant.method.compress(tuned, splits, variant.budget, 3)


def judged(student: Student, splits: Splits) -> np.ndarray:
    return student.classifier.probabilities([sample.code for sample in splits.test])


@pytest.mark.parametrize("name", METHODS)
def test_a_student_gives_probabilities(made: dict[str, Student], splits: Splits, name: str) -> None:
    found = judged(made[name], splits)
    assert found.shape == (8, 2)
    assert found.min() >= 0
    assert found.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("name", METHODS)
def test_a_student_survives_the_disk(made: dict[str, Student], splits: Splits, name: str, tmp_path) -> None:
    models.save(made[name].classifier, tmp_path)
    read = models.load(tmp_path)
    assert np.array_equal(judged(Student(read), splits), judged(made[name], splits))


@pytest.mark.parametrize("name", METHODS)
def test_a_student_fits_the_budget_and_says_its_architecture(
    made: dict[str, Student], budget: Budget, name: str
) -> None:
    student = made[name]
    if METHODS[name] != "student":
        assert student.spec is None
        return
    assert student.spec is not None
    assert fits(student.spec, budget.size_mb)
    size = {one.metric: one.value for one in compression(student.classifier)}["size_mb"]  # type: ignore[arg-type]
    assert 0 < size <= budget.size_mb * (1 + SIZE_TOLERANCE)
    assert student.spec.max_tokens <= budget.max_tokens


@pytest.mark.parametrize("name", METHODS)
def test_facts_are_finite_numbers(made: dict[str, Student], name: str) -> None:
    facts = made[name].facts
    assert all(isinstance(value, float) and math.isfinite(value) for value in facts.values()), facts
    assert name not in ("moekd", "compressor", "avatar", "morph") or facts


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_makes_the_same_student_and_the_test_split_has_no_say(
    made: dict[str, Student], tuned: FineTuned, splits: Splits, budget: Budget, name: str
) -> None:
    other = replace(splits, test=(Sample("toy/test/other", "int other;", 1),))
    again = compressed(name, tuned, other, budget)
    assert again.spec == made[name].spec
    assert dict(again.facts) == dict(made[name].facts)
    assert np.array_equal(judged(again, splits), judged(made[name], splits))


def test_methods_of_one_architecture_are_different_students(made: dict[str, Student], splits: Splits) -> None:
    same = [name for name in METHODS if made[name].spec == made["kd"].spec]
    assert set(METHODS) - set(same) == {"majority", "teacher", "compressor", "avatar", "morph"}
    answers = {judged(made[name], splits).tobytes() for name in same}
    assert len(answers) == len(same)
