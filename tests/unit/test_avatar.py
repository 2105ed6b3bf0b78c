"""AVATAR: pruning, adaptive sampling, surrogate, search, choice, and the way to a student."""

import math
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from baselines import avatar
from baselines.avatar import Avatar, adaptive_sample, choose, fit_surrogate
from baselines.avatar_search import GeneticSearch, Scored, admit, dominates, dominates_strictly
from baselines.avatar_space import configuration_space, lattice, pruned_box, recipe, student_spec
from bench.cost import fits, megabytes, paper_megabytes
from bench.space import Candidate
from bench.types import Budget, Recipe, Sample, Splits, StudentSpec, UsageError

RECIPE = Recipe(epochs=3, learning_rate=1e-2, batch_size=8, temperature=4.0)
SMALL = Budget(0.5, 256, RECIPE, RECIPE, surrogate_trainings=4, surrogate_epochs=2)
PAPER = Budget(3.0, 512, RECIPE, RECIPE, surrogate_trainings=6)
DATA = Splits("task", (), ("int f;", "int g;"), (Sample("v/1", "int h;", 1),), ())
PUBLISHED_BOX = {
    "vocab_size": (1000, 46_000),
    "layers": (1, 12),
    "hidden": (16, 256),
    "ffn": (32, 3072),
    "heads": (1, 12),
    "max_tokens": (256, 512),
}


def space_of(budget):
    return configuration_space(pruned_box(budget.size_mb, budget.max_tokens), budget)


def scored(name, size_error, accuracy, gflops):
    return Scored(Candidate(("name",), (name,)), size_error, accuracy, gflops)


class FakeTeacher:
    name = "codebert"

    def logits(self, programs):
        return np.arange(len(programs), dtype=np.float64) * 4 - 2


class FakeNetwork:
    def __init__(self, spec):
        self.valid_accuracy = 0.5 + spec.layers / 100


@pytest.fixture
def distilled(monkeypatch):
    calls = []

    def fake(spec, recipe, **settings):
        calls.append((spec, recipe, settings))
        return FakeNetwork(spec)

    monkeypatch.setattr(avatar, "distill", fake)
    monkeypatch.setattr(avatar, "soft_targets", lambda logits, temperature: 1 / (1 + np.exp(-logits / temperature)))
    return calls


# Pruning


def test_at_3_mb_the_box_is_the_published_one():
    assert pruned_box(3.0, 512) == PUBLISHED_BOX


def test_a_shorter_budget_lowers_the_sequence_bounds():
    assert pruned_box(3.0, 400)["max_tokens"] == (256, 400)
    assert pruned_box(0.25, 128)["max_tokens"] == (128, 128)


def test_the_box_is_that_of_brute_force():
    size_mb, tokens = 0.15, 300
    axes = lattice(tokens)
    axes = {**axes, "vocab_size": axes["vocab_size"][:3], "hidden": axes["hidden"][:5], "ffn": axes["ffn"][:40]}
    names = [name for name in axes if name != "heads"]
    fitting = []
    for point in product(*(axes[name] for name in names)):
        genes = dict(zip(names, point, strict=True))
        if paper_megabytes(StudentSpec(**genes, heads=1), genes["max_tokens"]) <= size_mb:
            fitting.append(point)
    brute = {name: (min(column), max(column)) for name, column in zip(names, zip(*fitting, strict=True), strict=True)}
    box = pruned_box(size_mb, tokens)
    assert {name: box[name] for name in names} == brute


@pytest.mark.parametrize(("size_mb", "max_tokens"), [(0.25, 128), pytest.param(3.0, 512, marks=pytest.mark.slow)])
def test_z3_finds_the_same_box(size_mb, max_tokens):
    pytest.importorskip("z3")
    from baselines.avatar_smt import pruned_box_by_smt

    assert pruned_box_by_smt(size_mb, max_tokens) == pruned_box(size_mb, max_tokens)


def test_a_budget_below_the_smallest_configuration_says_so():
    with pytest.raises(UsageError, match="raise size_mb"):
        pruned_box(0.05, 256)


def test_the_space_has_13_genes_coded_as_published():
    space = configuration_space(PUBLISHED_BOX, PAPER)
    released = space.candidate(
        tokenizer="bpe",
        vocab_size=19_302,
        layers=7,
        hidden=18,
        activation="gelu_new",
        hidden_dropout=0.5,
        ffn=1491,
        heads=6,
        attention_dropout=0.4,
        max_tokens=351,
        position="absolute",
        learning_rate=1e-3,
        batch_size=64,
    )
    assert space.codes(released).tolist() == [1, 19_302, 7, 18, 4, 0.5, 1491, 6, 0.4, 351, 1, 1, 3]
    assert megabytes(student_spec(released)) == pytest.approx(750_599 * 4 / 1e6)


def test_as_released_only_the_box_limits_the_size():
    rng = np.random.default_rng(0)
    mended, released = space_of(PAPER), space_of(replace(PAPER, as_released=True))
    assert all(fits(student_spec(mended.sample(rng)), 3.0) for _ in range(20))
    too_big = [not fits(student_spec(released.sample(rng)), 3.0) for _ in range(200)]
    assert np.mean(too_big) > 0.8


def test_the_recipe_takes_its_four_genes_and_keeps_the_rest():
    candidate = space_of(SMALL).sample(np.random.default_rng(0))
    made = recipe(candidate, SMALL, epochs=7)
    assert (made.epochs, made.temperature, made.freeze_bias_and_norm) == (7, 4.0, False)
    assert (made.learning_rate, made.batch_size) == (candidate["learning_rate"], candidate["batch_size"])
    assert (made.hidden_dropout, made.attention_dropout) == (
        candidate["hidden_dropout"],
        candidate["attention_dropout"],
    )
    assert recipe(candidate, replace(SMALL, as_released=True), 7).freeze_bias_and_norm


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


# Dominance, archive, search


def test_pareto_dominance_needs_one_better_and_none_worse():
    one = scored("one", 0.1, 0.6, 1.0)
    assert dominates(one, scored("two", 0.1, 0.6, 1.1))
    assert not dominates(one, scored("equal", 0.1, 0.6, 1.0))
    assert not dominates(one, scored("trade", 0.2, 0.7, 1.0))
    assert not dominates_strictly(one, scored("two", 0.1, 0.6, 1.1))
    assert dominates_strictly(one, scored("worse", 0.2, 0.5, 1.1))


def test_admission_removes_the_dominated_and_changes_no_archive():
    old = (scored("a", 0.1, 0.6, 1.0), scored("b", 0.3, 0.9, 2.0))
    new = admit(old, scored("c", 0.1, 0.7, 0.5), dominates)
    assert [one.candidate["name"] for one in new] == ["b", "c"]
    assert [one.candidate["name"] for one in old] == ["a", "b"]
    assert admit(new, scored("d", 0.2, 0.6, 0.6), dominates) is new
    assert admit(new, new[0], dominates) is new


def searched(budget, algorithm="genetic", watch=None, seed=3):
    """Run the search on a surrogate that likes layers."""
    space = space_of(budget)
    rng = np.random.default_rng(seed)
    start = adaptive_sample(space, 6, rng, budget.as_released)
    surrogate = fit_surrogate(np.array([space.codes(one) for one in start]), np.array([one["layers"] for one in start]))
    surrogate = surrogate._replace(predict=watch(surrogate.predict)) if watch else surrogate
    method = Avatar(algorithm=algorithm, settings=GeneticSearch(generations=15))
    return space, start, method.search(space, start, surrogate, budget, seed)


@pytest.mark.parametrize("algorithm", ["genetic", "nsga2"])
@pytest.mark.parametrize("budget", [SMALL, PAPER, replace(SMALL, as_released=True)])
def test_the_archive_holds_no_dominated_member_and_only_valid_ones(algorithm, budget):
    if algorithm == "nsga2":
        pytest.importorskip("pymoo")
    space, start, archive = searched(budget, algorithm)
    beats = dominates_strictly if budget.as_released else dominates
    assert not any(beats(one, two) for one, two in product(archive, archive))
    assert all(one.candidate in space for one in archive)
    assert len({one.candidate for one in archive}) == len(archive) > 1
    assert any(one.candidate not in start for one in archive)


@pytest.mark.parametrize("algorithm", ["genetic", "nsga2"])
def test_the_search_is_deterministic(algorithm):
    if algorithm == "nsga2":
        pytest.importorskip("pymoo")
    assert searched(SMALL, algorithm)[2] == searched(SMALL, algorithm)[2]
    assert searched(SMALL, algorithm)[2] != searched(SMALL, algorithm, seed=4)[2]


def test_archive_members_never_change_after_their_admission(monkeypatch):
    seen, copies = [], []
    genuine = GeneticSearch._admitted

    def watching(self, archive, members):
        made = genuine(self, archive, members)
        seen.append(made)
        copies.append(deepcopy(made))
        return made

    monkeypatch.setattr(GeneticSearch, "_admitted", watching)
    searched(SMALL)
    assert len(seen) == 16
    assert seen == copies


def test_admitted_objectives_never_get_worse(monkeypatch):
    seen = []
    genuine = GeneticSearch._admitted
    monkeypatch.setattr(GeneticSearch, "_admitted", lambda self, *rest: seen.append(genuine(self, *rest)) or seen[-1])
    searched(PAPER)
    for earlier, later in pairwise(seen):
        for place in range(3):
            assert min(one.costs[place] for one in later) <= min(one.costs[place] for one in earlier)


def test_crossover_mixes_genes_unless_as_released():
    space = space_of(SMALL)
    rng = np.random.default_rng(0)
    always = GeneticSearch(crossover_rate=1.0)
    one, two = space.sample(rng), space.sample(rng)
    before = deepcopy((one, two))
    children = [child for _ in range(30) for child in always.crossed(space, one, two, rng)]
    assert any(child not in (one, two) for child in children)
    assert replace(always, as_released=True).crossed(space, one, two, rng) == (two, one)
    assert (one, two) == before


def test_the_choice_is_the_most_accurate_then_the_cheapest():
    archive = (scored("a", 0.0, 0.6, 0.1), scored("b", 0.4, 0.7, 0.9), scored("c", 0.5, 0.7, 0.8))
    assert choose(archive).candidate["name"] == "c"
    assert choose(archive, as_released=True).candidate["name"] == "a"


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


def test_the_options_make_a_student_too(distilled):
    pytest.importorskip("pymoo")
    pytest.importorskip("z3")
    student = Avatar(algorithm="nsga2", pruning="smt").compress(FakeTeacher(), DATA, SMALL, seed=0)
    assert fits(student.spec, SMALL.size_mb)
