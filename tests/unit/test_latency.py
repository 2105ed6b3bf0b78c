"""Latency as an objective: the model and its fit, the calibration that a run keeps, and what searches do with it."""

from dataclasses import replace

import numpy as np
import pytest

from baselines.avatar import Avatar, adaptive_sample, choose
from baselines.avatar_search import GeneticSearch
from baselines.avatar_space import configuration_space, pruned_box, student_spec
from baselines.avatar_surrogate import fit_surrogate
from baselines.compressor import Compressor
from baselines.compressor_space import SPACE, LatencyObjective
from baselines.morph import effort
from bench.config import Experiment
from bench.distillation.standard import fast_student, standard_student, student_of
from bench.measuring.cost import fits, gflops, layer_parameters, megabytes
from bench.measuring.latency import CAPACITY, LatencyModel, Work, fitted, foreseen, milliseconds, predictor
from bench.running import calibration
from bench.running.calibration import Calibration, measure, probes
from bench.storage.store import Store
from bench.types import Budget, Recipe, StudentSpec, UsageError

RECIPE = Recipe(epochs=1, learning_rate=1e-3)
FEATURES = len(Work.of(StudentSpec(1000, 1, 16, 1, 32, 64)).features())
KNOWN = LatencyModel(tuple(np.random.default_rng(0).uniform(0.05, 2.0, FEATURES).tolist()), 0.0)
"""Any machine: the tests need one whose latencies are known."""
BUDGET = Budget(0.5, 256, RECIPE, RECIPE, objective="latency", latency=KNOWN, surrogate_trainings=4)
COMPRESSOR = StudentSpec(1000, 12, 96, 8, 64, 400, 514)


def test_the_fit_finds_a_machine_that_is_as_the_model_says():
    specs = probes()
    found = fitted(specs, [milliseconds(KNOWN, spec) for spec in specs], "here")
    assert found.relative_error < 1e-6
    assert found.source == "here"
    assert milliseconds(found, COMPRESSOR) == pytest.approx(milliseconds(KNOWN, COMPRESSOR))


def test_coefficients_are_never_negative_whatever_was_measured():
    found = fitted(probes(), np.random.default_rng(1).uniform(1, 50, 60).tolist(), "")
    assert min(found.coefficients) >= 0
    assert found.relative_error > 0.1


def test_a_fit_needs_more_probes_than_kinds_of_work():
    with pytest.raises(UsageError, match="measure more"):
        fitted(probes(5), [1.0] * 5, "")


def test_many_architectures_at_once_are_predicted_as_each_alone():
    specs = [spec for spec in probes() if (spec.activation, spec.position) == ("gelu", "absolute")]
    columns = [
        np.array([float(getattr(spec, name)) for spec in specs])
        for name in ("layers", "hidden", "heads", "ffn", "max_tokens")
    ]
    assert KNOWN(Work(*columns)) == pytest.approx([milliseconds(KNOWN, spec) for spec in specs])


def test_depth_positions_and_length_cost_time():
    one = StudentSpec(1000, 1, 64, 4, 128, 200)
    dearer = [
        replace(one, layers=2),
        replace(one, position="relative_key", position_rows=0),
        replace(one, heads=8),
        replace(one, ffn=256),
    ]
    assert all(milliseconds(KNOWN, spec) > milliseconds(KNOWN, one) for spec in dearer)
    assert milliseconds(KNOWN, replace(one, vocab_size=40_000)) == milliseconds(KNOWN, one)


def test_probes_are_the_same_every_time_and_of_every_kind():
    assert probes() == probes()
    assert {spec.position for spec in probes()} == {"absolute", "relative_key", "relative_key_query"}
    assert {spec.activation for spec in probes()} == {"gelu", "relu", "silu", "gelu_new"}
    assert np.linalg.matrix_rank(np.array([Work.of(spec).features() for spec in probes()])) == FEATURES


def test_probes_are_measured_in_milliseconds():
    small = [StudentSpec(1000, 1, 16, 1, 32, 64), StudentSpec(1000, 6, 96, 4, 512, 256)]
    short, long = measure(small, "cpu", turns=2)
    assert 0 < short < long < 5_000


def test_a_run_measures_once_and_reads_its_calibration_from_then_on(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(calibration, "calibrated", lambda device: asked.append(device) or KNOWN)
    store = Store.open(tmp_path, Experiment(), {"sha256": ""})
    first = Calibration(store, "cpu")
    assert asked == [], "measured before anybody asked"
    assert first.model == Calibration(store, "cpu").model == KNOWN
    assert first(Work.of(COMPRESSOR)) == KNOWN(Work.of(COMPRESSOR))
    assert asked == ["cpu"]
    store.close()


def test_latency_that_nobody_can_predict_is_a_usage_error():
    with pytest.raises(UsageError, match="set latency="):
        predictor(replace(BUDGET, latency=None))


def test_facts_speak_of_latency_only_where_it_was_the_objective():
    assert foreseen(BUDGET, COMPRESSOR) == {"predicted_latency_ms": milliseconds(KNOWN, COMPRESSOR)}
    assert foreseen(replace(BUDGET, objective="flops"), COMPRESSOR) == {}


@pytest.mark.parametrize(("size_mb", "tokens"), [(0.25, 64), (0.75, 400), (3.0, 400), (50.0, 400)])
def test_the_fast_student_is_faster_as_large_and_not_a_mere_table(size_mb, tokens):
    budget = replace(BUDGET, size_mb=size_mb, max_tokens=tokens)
    fast, standard = student_of(replace(budget, student="fast")), student_of(budget)
    assert fast == fast_student(budget)
    assert standard == standard_student(size_mb, tokens)
    assert fits(fast, size_mb)
    assert layer_parameters(fast) >= CAPACITY * size_mb * 1e6 / 4
    assert milliseconds(KNOWN, fast) < milliseconds(KNOWN, standard)
    assert size_mb > 10 or megabytes(fast) > 0.85 * size_mb, "what the layers leave is vocabulary"


def test_a_budget_too_small_for_a_fast_student_says_so():
    with pytest.raises(UsageError, match="size-mb"):
        fast_student(replace(BUDGET, size_mb=0.05))


def test_compressors_latency_objective_trades_milliseconds_for_size_and_wants_capacity():
    objective = LatencyObjective(3.0, 514, KNOWN, 400)
    deep = SPACE.candidate(vocab_size=1000, heads=8, hidden=96, ffn=64, layers=12)
    table = SPACE.candidate(vocab_size=44_000, heads=1, hidden=16, ffn=32, layers=1)
    fitness = objective([deep, table])
    assert fitness[0] == pytest.approx(-milliseconds(KNOWN, COMPRESSOR) - 0.06164, abs=1e-4)
    assert fitness[1] == -np.inf


@pytest.mark.slow
@pytest.mark.parametrize("search", ["genetic", "exact"])
def test_compressor_finds_a_student_that_is_predicted_to_be_fast(search):
    budget = replace(BUDGET, size_mb=3.0, max_tokens=400)
    spec, facts = Compressor(search=search).architecture(budget, seed=0)
    assert fits(spec, 3.0)
    assert layer_parameters(spec) >= CAPACITY * 750_000
    assert facts["predicted_latency_ms"] == milliseconds(KNOWN, spec) < milliseconds(KNOWN, COMPRESSOR) / 4
    assert 0 <= facts["search_gap"] < np.inf


@pytest.mark.parametrize("algorithm", ["genetic", "nsga2"])
def test_avatar_weighs_latency_instead_of_flops(algorithm):
    pytest.importorskip("pymoo")
    space = configuration_space(pruned_box(BUDGET.size_mb, BUDGET.max_tokens), BUDGET)
    start = adaptive_sample(space, 6, np.random.default_rng(0))
    surrogate = fit_surrogate(np.array([space.codes(one) for one in start]), np.full(6, 0.5))
    method = Avatar(algorithm=algorithm, settings=GeneticSearch(generations=10))
    archive = method.search(space, start, surrogate, BUDGET, 0)
    efforts = [milliseconds(KNOWN, student_spec(one.candidate)) for one in archive]
    assert [one.effort for one in archive] == efforts
    drawn = [milliseconds(KNOWN, student_spec(one)) for one in start]
    assert choose(archive, by_size=False).effort <= min(drawn)


def test_morph_weighs_predicted_milliseconds_where_latency_is_asked_for():
    for spec in probes()[:5]:
        assert effort(spec, BUDGET) == milliseconds(KNOWN, spec)
        assert effort(spec, replace(BUDGET, objective="flops")) == gflops(spec)
