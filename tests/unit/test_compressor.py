"""Compressor: the published objective, its optimum, the genetic search, and the way to a student."""

from dataclasses import replace

import numpy as np
import pytest

from baselines import compressor
from baselines.compressor import Compressor
from baselines.compressor_space import SPACE, Objective, optimum, position_rows, student_spec
from bench.measuring.cost import fits, megabytes, paper_gflops, paper_megabytes, parameters
from bench.rng import stream
from bench.types import Budget, Recipe, Sample, Splits, StudentSpec, UsageError

RECIPE = Recipe(epochs=3, learning_rate=1e-3, temperature=4.0)
PAPER = Budget(3.0, 400, RECIPE, RECIPE)
QUICK = Compressor(population=10, generations=5)
PUBLISHED = {"vocab_size": 1000, "heads": 8, "hidden": 96, "ffn": 64, "layers": 12}
DATA = Splits("task", (), ("int f;", "int g;"), (Sample("v/1", "int h;", 1),), ())


class FakeTeacher:
    graph = False

    def logits(self, programs):
        return np.arange(len(programs), dtype=np.float64) * 4 - 2


class FakeNetwork:
    valid_accuracy = 0.5


@pytest.fixture
def distilled(monkeypatch):
    calls = []

    def fake(spec, recipe, **settings):
        calls.append((spec, recipe, settings))
        return FakeNetwork()

    monkeypatch.setattr(compressor, "distill", fake)
    monkeypatch.setattr(compressor, "soft_targets", lambda logits, temperature: 1 / (1 + np.exp(-logits / temperature)))
    return calls


def test_the_space_is_that_of_the_released_code():
    assert SPACE.size == 10_944_000


def test_fitness_is_gflops_less_the_size_error_both_by_formula():
    candidate = SPACE.candidate(**PUBLISHED)
    spec = student_spec(candidate, 400)
    expected = paper_gflops(spec) - abs(paper_megabytes(spec) - 3.0)
    assert Objective(3.0, 514)([candidate])[0] == pytest.approx(expected)
    assert expected == pytest.approx(2.19154, abs=5e-6)


@pytest.mark.parametrize("within_budget", [True, False])
def test_the_released_architecture_is_the_global_optimum_for_3_mb(within_budget):
    best = optimum(Objective(3.0, 514), within_budget=within_budget)
    assert best.candidate == SPACE.candidate(**PUBLISHED)
    assert best.fitness == pytest.approx(2.19154, abs=5e-6)


def test_the_optimum_is_beaten_by_no_sample():
    objective = Objective(0.5, 258)
    rng = np.random.default_rng(3)
    best = optimum(objective, within_budget=False)
    assert objective([SPACE.sample(rng) for _ in range(3000)]).max() <= best.fitness


@pytest.mark.parametrize(
    ("size_mb", "fitness", "genes"),
    [(25.0, 10.43, (2000, 8, 320, 32, 12)), (50.0, 18.53, (1000, 8, 448, 160, 12))],
)
def test_the_optima_for_25_and_50_mb_are_not_the_released_students(size_mb, fitness, genes):
    best = optimum(Objective(size_mb, 514), within_budget=False)
    assert best.candidate.values == genes
    assert best.fitness == pytest.approx(fitness, abs=5e-3)


def test_the_released_student_has_the_parameters_of_the_released_file():
    assert parameters(student_spec(SPACE.candidate(**PUBLISHED), 400)) == 756_098


def test_a_size_out_of_reach_says_so():
    with pytest.raises(UsageError, match="raise size_mb"):
        optimum(Objective(0.01, 130), within_budget=True)


def test_the_position_table_is_codeberts_at_400_tokens_only():
    assert [position_rows(tokens) for tokens in (128, 256, 400, 512)] == [130, 258, 514, 514]
    spec = student_spec(SPACE.candidate(**PUBLISHED), 512)
    assert (spec.max_tokens, spec.position_rows) == (400, 514)
    assert student_spec(SPACE.candidate(**PUBLISHED), 128).max_tokens == 128


def test_the_search_is_deterministic_for_a_seed():
    objective = Objective(3.0, 514)
    one, two = (QUICK.evolve(objective, stream(5, "search")) for _ in range(2))
    other = QUICK.evolve(objective, stream(6, "search"))
    assert one == two
    assert one != other


def test_the_search_scores_each_candidate_once_and_stays_in_the_space():
    visited = QUICK.evolve(Objective(3.0, 514), stream(0, "search"))
    assert len({one.candidate for one in visited}) == len(visited)
    assert all(one.candidate in SPACE for one in visited)
    assert 10 < len(visited) <= 10 * 6


def test_more_generations_never_find_worse():
    objective = Objective(3.0, 514)
    short, long = (
        max(one.fitness for one in replace(QUICK, generations=count).evolve(objective, stream(2, "search")))
        for count in (2, 40)
    )
    assert short <= long <= 2.19155


def test_the_search_beats_as_many_random_candidates():
    objective = Objective(3.0, 514)
    rng = np.random.default_rng(0)
    found = [max(one.fitness for one in Compressor().evolve(objective, stream(seed, "search"))) for seed in range(3)]
    drawn = [objective([SPACE.sample(rng) for _ in range(5050)]).max() for _ in range(3)]
    assert np.mean(found) > np.mean(drawn) + 0.1


@pytest.mark.parametrize("size_mb", [0.25, 0.75, 1.5, 3.0, 25.0, 50.0])
def test_the_student_fits_every_budget_and_the_gap_is_reported(size_mb):
    spec, facts = Compressor().architecture(replace(PAPER, size_mb=size_mb), seed=1)
    assert fits(spec, size_mb)
    assert megabytes(spec) > 0.6 * size_mb
    assert facts["search_gap"] == pytest.approx(facts["optimum_fitness"] - facts["search_fitness"])
    assert facts["search_gap"] >= 0
    assert facts["search_found"] == 1.0
    assert facts["true_megabytes"] == megabytes(spec)


def test_as_released_takes_the_fittest_whatever_its_true_size():
    objective = Objective(3.0, 514)
    visited = Compressor().evolve(objective, stream(1, "compressor", "search"))
    spec, facts = Compressor().architecture(replace(PAPER, as_released=True), seed=1)
    assert facts["search_fitness"] == max(one.fitness for one in visited)
    assert spec == student_spec(max(visited, key=lambda one: one.fitness).candidate, 400)


def test_a_search_that_visits_nothing_within_the_budget_falls_back_to_the_optimum():
    spec, facts = Compressor(population=2, generations=0).architecture(replace(PAPER, size_mb=0.25, max_tokens=128), 0)
    assert facts["search_found"] == 0.0
    assert facts["search_gap"] == 0.0
    assert fits(spec, 0.25)


def test_compress_distils_the_teachers_soft_labels_into_the_chosen_architecture(distilled):
    student = Compressor(search="exact").compress(FakeTeacher(), DATA, PAPER, seed=4)
    ((spec, recipe, settings),) = distilled
    assert spec == student.spec == StudentSpec(**PUBLISHED, max_tokens=400, position_rows=514)
    assert recipe == RECIPE
    assert settings["programs"] == DATA.unlabelled
    assert settings["valid"] == DATA.valid
    assert settings["targets"].tolist() == pytest.approx([1 / (1 + np.exp(0.5)), 1 / (1 + np.exp(-0.5))])
    assert isinstance(student.classifier, FakeNetwork)
    assert student.facts["search_gap"] == 0.0


def test_the_same_seed_makes_the_same_student_and_another_seed_another(distilled):
    one, two, other = (QUICK.compress(FakeTeacher(), DATA, PAPER, seed) for seed in (4, 4, 5))
    assert (one.spec, one.facts) == (two.spec, two.facts)
    assert distilled[0][2]["seed"] == distilled[1][2]["seed"] != distilled[2][2]["seed"]
    assert other.spec != one.spec


@pytest.mark.parametrize(("graph", "dropout", "frozen"), [(False, 0.5, True), (True, 0.3, False)])
def test_as_released_trains_as_released(distilled, graph, dropout, frozen):
    released = FakeTeacher()
    released.graph = graph
    QUICK.compress(released, DATA, replace(PAPER, as_released=True), seed=0)
    recipe = distilled[0][1]
    assert (recipe.hidden_dropout, recipe.freeze_bias_and_norm, recipe.epochs) == (dropout, frozen, RECIPE.epochs)
