"""The controls: what each one learns from, and with which recipe."""

from dataclasses import replace

import numpy as np
import pytest

from baselines.controls import AugmentedTeacher, Majority, Pioneer, SingleTeacher, Supervised, Uncompressed
from bench.distillation import teaching
from bench.distillation.standard import standard_student
from bench.networks.models import Constant
from bench.types import Splits, UsageError


@pytest.fixture
def distilled(monkeypatch):
    calls = []

    def fake(spec, recipe, **settings):
        calls.append({"spec": spec, "recipe": recipe, **settings})
        return "network"

    monkeypatch.setattr(teaching, "distill", fake)
    return calls


def test_majority_answers_with_the_share_of_vulnerable_programs(teacher, splits, budget):
    three = splits.labelled[:3]
    student = Majority().compress(teacher, replace(splits, labelled=three), budget, 0)
    assert student.classifier == Constant(1 / 3)
    assert student.spec is None
    predicted = student.classifier.probabilities(["a", "b"])[:, 1] > 0.5
    assert predicted.tolist() == [False, False], "two of three are safe"


def test_the_teacher_control_is_the_network_that_is_stored(teacher, splits, budget):
    student = Uncompressed().compress(teacher, splits, budget, 0)
    assert student.classifier == teacher.network
    assert student.spec is None


def test_supervised_learns_hard_labels_of_the_labelled_half(distilled, teacher, splits, budget):
    student = Supervised().compress(teacher, splits, budget, 0)
    (call,) = distilled
    assert call["programs"] == [sample.code for sample in splits.labelled]
    assert call["targets"].tolist() == [float(sample.label) for sample in splits.labelled]
    assert call["recipe"] == replace(budget.recipe, temperature=1.0)
    assert student.spec == call["spec"] == standard_student(budget.size_mb, budget.max_tokens)


def test_kd_learns_the_teachers_soft_labels_of_the_unlabelled_half(distilled, teacher, splits, budget):
    SingleTeacher().compress(teacher, splits, budget, 0)
    (call,) = distilled
    assert call["programs"] == splits.unlabelled
    assert call["recipe"] == budget.recipe
    soft = 1 / (1 + np.exp(-2.0 / budget.recipe.temperature))
    expected = [soft if "danger" in program else 1 - soft for program in splits.unlabelled]
    assert call["targets"] == pytest.approx(expected)
    assert call["spec"] == standard_student(budget.size_mb, budget.max_tokens)


def test_augmented_kd_fine_tunes_one_teacher_on_labelled_code_and_its_copies_for_all_seeds(
    distilled, teacher, splits, budget
):
    for seed in (0, 1):
        AugmentedTeacher().compress(teacher, splits, budget, seed)
    (first, one), (second, two) = teacher.specialised
    assert (first.tolist(), one) == (second.tolist(), two)
    assert first.tolist() == [1.0] * 3 * len(splits.labelled)
    taught = teacher.taught[0]
    assert taught[: len(splits.labelled)] == splits.labelled
    assert [sample.label for sample in taught] == [sample.label for sample in splits.labelled] * 3
    assert {name for sample in taught for name in ("renamed", "rewritten", "both") if name in sample.code} == {
        "renamed",
        "rewritten",
    }
    assert [call["programs"] for call in distilled] == [splits.unlabelled] * 2, "the student sees clean code only"


def test_pioneer_style_learns_the_opinion_of_the_original_for_both(distilled, teacher, splits, budget):
    Pioneer().compress(teacher, splits, budget, 0)
    (call,) = distilled
    count = len(splits.unlabelled)
    assert call["programs"][:count] == splits.unlabelled
    assert all("both" in program for program in call["programs"][count:])
    assert call["targets"][:count].tolist() == call["targets"][count:].tolist()
    assert teacher.specialised == []


@pytest.mark.parametrize("control", [Supervised, SingleTeacher, AugmentedTeacher, Pioneer])
def test_nobody_sees_the_test_split_and_seeds_differ(distilled, teacher, splits, budget, control):
    hidden = replace(splits, test=())
    for data, seed in ((splits, 0), (hidden, 0), (splits, 1)):
        control().compress(teacher, data, budget, seed)
    assert distilled[0]["seed"] == distilled[1]["seed"] != distilled[2]["seed"]
    assert all(call["valid"] == splits.valid for call in distilled)


def test_controls_and_methods_draw_from_different_streams(distilled, teacher, splits: Splits, budget):
    for control in (Supervised, SingleTeacher, AugmentedTeacher, Pioneer):
        control().compress(teacher, splits, budget, 0)
    assert len({call["seed"] for call in distilled}) == 4


@pytest.mark.parametrize(("size_mb", "tokens"), [(0.25, 64), (0.5, 256), (3.0, 400), (25.0, 400)])
def test_the_standard_student_uses_its_budget(size_mb, tokens):
    from bench.measuring.cost import fits, megabytes

    spec = standard_student(size_mb, tokens)
    wider = replace(spec, hidden=spec.hidden + 8, ffn=2 * spec.hidden + 16)
    assert fits(spec, size_mb)
    assert not fits(wider, size_mb)
    assert megabytes(spec) > 0.6 * size_mb
    assert spec.max_tokens == tokens


def test_a_budget_that_holds_no_student_is_a_mistake():
    with pytest.raises(UsageError, match="--size-mb"):
        standard_student(0.001, 64)
