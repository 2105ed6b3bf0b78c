"""AVATAR: adaptive sampling, the surrogate, and the way to a student."""

import math
from dataclasses import replace

import numpy as np
import pytest

from baselines import avatar
from baselines.avatar import Avatar, adaptive_sample
from baselines.avatar_space import configuration_space, pruned_box
from baselines.avatar_surrogate import fit_surrogate
from bench.measuring.cost import fits, megabytes, paper_megabytes
from bench.types import Budget, Recipe, Sample, Splits, UsageError

RECIPE = Recipe(epochs=3, learning_rate=1e-2, batch_size=8, temperature=4.0)
SMALL = Budget(0.5, 256, RECIPE, RECIPE, surrogate_trainings=4, surrogate_epochs=2)
DATA = Splits("task", (), ("int f;", "int g;"), (Sample("v/1", "int h;", 1),), ())


def space_of(budget):
    return configuration_space(pruned_box(budget.size_mb, budget.max_tokens), budget)


class FakeTeacher:
    name = "codebert"

    def logits(self, programs):
        return np.arange(len(programs), dtype=np.float64) * 4 - 2


class FakeNetwork:
    def __init__(self, spec):
        self.valid_accuracy = 0.5 + spec.layers / 100
        self.valid_auroc = 0.9 - spec.layers / 100


@pytest.fixture
def distilled(monkeypatch):
    calls = []

    def fake(spec, recipe, **settings):
        calls.append((spec, recipe, settings))
        return FakeNetwork(spec)

    monkeypatch.setattr(avatar, "distill", fake)
    monkeypatch.setattr(avatar, "soft_targets", lambda logits, temperature: 1 / (1 + np.exp(-logits / temperature)))
    return calls


# Adaptive random sampling and the surrogate


def test_adaptive_samples_are_distinct_and_farther_apart_than_random_ones():
    space = space_of(SMALL)

    def nearest(sample):
        return min(space.distance(one, two) for place, one in enumerate(sample) for two in sample[:place])

    adaptive = np.mean([nearest(adaptive_sample(space, 6, np.random.default_rng(seed))) for seed in range(4)])
    rng = np.random.default_rng(0)
    uniform = np.mean([nearest([space.sample(rng) for _ in range(6)]) for _ in range(8)])
    assert adaptive > uniform * 1.1


def test_adaptive_sampling_is_deterministic_and_needs_at_least_one():
    space = space_of(SMALL)
    one, two = (adaptive_sample(space, 3, np.random.default_rng(1)) for _ in range(2))
    assert one == two
    with pytest.raises(UsageError, match="surrogate_trainings"):
        adaptive_sample(space, 0, np.random.default_rng(1))


def test_as_released_the_distance_is_unscaled():
    space = space_of(SMALL)
    scaled = adaptive_sample(space, 6, np.random.default_rng(2))
    unscaled = adaptive_sample(space, 6, np.random.default_rng(2), as_released=True)
    assert scaled[0] == unscaled[0]
    assert scaled != unscaled


def test_the_surrogate_learns_a_line_and_knows_that_it_did():
    rng = np.random.default_rng(0)
    codes = rng.random((20, 3))
    surrogate = fit_surrogate(codes, 0.5 + 0.1 * codes[:, 0])
    assert surrogate.r2 > 0.95
    assert surrogate.predict(np.array([[0.5, 0.1, 0.9]]))[0] == pytest.approx(0.55, abs=0.01)


def test_the_surrogate_knows_that_noise_cannot_be_learnt():
    rng = np.random.default_rng(0)
    assert fit_surrogate(rng.random((20, 13)), rng.random(20)).r2 < 0.3


@pytest.mark.parametrize("accuracies", [[0.5], [0.5, 0.6], [0.5, 0.5, 0.5]])
def test_r2_is_undefined_for_too_few_or_equal_accuracies(accuracies):
    codes = np.random.default_rng(0).random((len(accuracies), 13))
    surrogate = fit_surrogate(codes, np.array(accuracies))
    assert math.isnan(surrogate.r2)
    assert np.isfinite(surrogate.predict(codes)).all()


# The whole method


def test_compress_trains_surrogates_then_the_student(distilled):
    student = Avatar().compress(FakeTeacher(), DATA, SMALL, seed=2)
    surrogates, (final,) = distilled[:-1], distilled[-1:]
    assert len(surrogates) == SMALL.surrogate_trainings
    assert [settings.epochs for _, settings, _ in distilled] == [2, 2, 2, 2, 3]
    assert all(fits(spec, SMALL.size_mb) for spec, _, _ in distilled)
    assert final[0] == student.spec
    assert isinstance(student.classifier, FakeNetwork)
    for _, settings, given in distilled:
        assert settings.temperature == RECIPE.temperature
        assert given["programs"] == DATA.unlabelled
        assert given["valid"] == DATA.valid
        assert given["targets"].tolist() == pytest.approx([1 / (1 + np.exp(0.5)), 1 / (1 + np.exp(-0.5))])
    assert len({given["seed"] for _, _, given in distilled}) == len(distilled)
    assert student.facts["archive_size"] >= 1
    assert student.facts["surrogate_trainings"] == 4
    assert student.facts["true_megabytes"] == megabytes(student.spec)
    assert all(math.isfinite(value) for value in student.facts.values())


def test_the_same_seed_makes_the_same_student(distilled):
    one, two, other = (Avatar().compress(FakeTeacher(), DATA, SMALL, seed) for seed in (2, 2, 3))
    assert (one.spec, one.facts) == (two.spec, two.facts)
    assert one.spec != other.spec


def test_one_surrogate_training_is_enough_to_run(distilled):
    student = Avatar().compress(FakeTeacher(), DATA, replace(SMALL, surrogate_trainings=1), seed=0)
    assert "surrogate_r2" not in student.facts
    assert len(distilled) == 2


def test_as_released_freezes_and_takes_the_member_closest_to_the_target(distilled):
    student = Avatar().compress(FakeTeacher(), DATA, replace(SMALL, as_released=True), seed=0)
    assert all(settings.freeze_bias_and_norm for _, settings, _ in distilled)
    spec = student.spec
    assert student.facts["search_size_error"] == pytest.approx(abs(paper_megabytes(spec, spec.max_tokens) - 0.5))
    assert student.facts["search_size_error"] < 0.05


def test_where_all_trials_were_alike_the_member_closest_to_the_target_is_taken(distilled, monkeypatch):
    monkeypatch.setattr(avatar, "each", lambda names, trial: [{"accuracy": 0.5, "auroc": 0.5} for _ in names])
    student = Avatar().compress(FakeTeacher(), DATA, SMALL, seed=0)
    assert "surrogate_r2" not in student.facts
    assert student.facts["search_size_error"] < 0.05


def test_the_surrogate_learns_the_target_that_is_asked_for(distilled, monkeypatch):
    learnt = []
    genuine = avatar.fit_surrogate

    def watching(codes, qualities, *rest):
        learnt.append(qualities)
        return genuine(codes, qualities, *rest)

    monkeypatch.setattr(avatar, "fit_surrogate", watching)
    for target in ("accuracy", "auroc"):
        student = Avatar(target=target).compress(FakeTeacher(), DATA, SMALL, seed=2)
        layers = np.array([spec.layers for spec, _, _ in distilled[:4]])
        expected = 0.5 + layers / 100 if target == "accuracy" else 0.9 - layers / 100
        assert learnt[0] == pytest.approx(expected)
        assert student.facts["surrogate_auroc_best"] == pytest.approx(0.9 - layers.min() / 100)
        assert student.facts["surrogate_accuracy_best"] == pytest.approx(0.5 + layers.max() / 100)
        learnt.clear()
        distilled.clear()


@pytest.mark.parametrize("kind", ["gradient-boosting", "gaussian-process"])
def test_another_surrogate_stands_beside_the_published_one_in_the_facts(distilled, kind):
    other = Avatar(surrogate=kind).compress(FakeTeacher(), DATA, SMALL, seed=2).facts
    published = Avatar().compress(FakeTeacher(), DATA, SMALL, seed=2).facts
    assert other["surrogate_r2_published"] == published["surrogate_r2_published"] == published["surrogate_r2"]
    assert other["surrogate_r2"] != published["surrogate_r2"]


def test_the_options_make_a_student_too(distilled):
    pytest.importorskip("pymoo")
    pytest.importorskip("z3")
    student = Avatar(algorithm="nsga2", pruning="smt").compress(FakeTeacher(), DATA, SMALL, seed=0)
    assert fits(student.spec, SMALL.size_mb)
