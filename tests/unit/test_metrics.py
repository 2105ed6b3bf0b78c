"""Metrics against numbers worked out by hand, and at the edges where they are not defined."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.measuring import metrics
from bench.measuring.stats import holm, mcnemar, over_seeds, wilson

LABELS = [1, 1, 1, 0, 0, 0, 0, 0]
SCORES = [0.9, 0.8, 0.3, 0.7, 0.4, 0.2, 0.1, 0.5]


def test_clean_metrics_match_the_hand_count() -> None:
    found = metrics.clean(LABELS, SCORES)  # predicted 1 1 0 | 1 0 0 0 0: a score of one half is safe
    assert found["accuracy"] == pytest.approx(6 / 8)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found["positive_rate"] == pytest.approx(3 / 8)
    assert found["mcc"] == pytest.approx((2 * 4 - 1 * 1) / math.sqrt(3 * 5 * 3 * 5))
    assert found["auroc"] == pytest.approx(12 / 15)


def test_ece_is_the_mean_gap_per_bin() -> None:
    assert metrics.ece([1, 0], [0.95, 0.05]) == pytest.approx(0.05)
    assert metrics.ece([1, 0], [0.52, 0.58]) == pytest.approx(0.05)
    assert metrics.ece([1], [1.0]) == 0


def test_nothing_is_defined_without_samples() -> None:
    assert all(math.isnan(value) for value in metrics.clean([], []).values())
    assert all(math.isnan(end) for ends in metrics.clean_intervals([], []).values() for end in ends)
    assert metrics.collapsed([], [])


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_leaves_only_what_needs_one_class(label: int) -> None:
    found = metrics.clean([label] * 4, [0.9, 0.9, 0.1, 0.9])
    assert found["accuracy"] in (0.25, 0.75)
    assert all(math.isnan(found[name]) for name in ("balanced_accuracy", "mcc", "auroc"))
    assert metrics.collapsed([label] * 4, [0.9] * 4)


def test_probabilities_that_are_not_numbers_do_not_crash() -> None:
    found = metrics.clean([0, 1], [math.nan, math.nan])
    assert math.isnan(found["auroc"])
    assert math.isnan(found["ece"])
    assert found["recall"] == 0


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="one length"):
        metrics.clean([0, 1], [0.5])


def test_always_safe_is_collapsed_and_has_no_precision() -> None:
    labels = [0, 1] * 200
    assert metrics.collapsed(labels, np.zeros(400))
    found = metrics.clean(labels, np.zeros(400))
    assert math.isnan(found["precision"])
    assert (found["f1"], found["mcc"], found["balanced_accuracy"]) == (0, 0, 0.5)


def test_collapse_depends_on_how_many_samples_say_so() -> None:
    labels, scores = [1] * 10 + [0] * 10, [0.9] * 6 + [0.1] * 4 + [0.1] * 6 + [0.9] * 4
    assert metrics.collapsed(labels, scores)
    assert not metrics.collapsed(labels * 50, scores * 50)


def drawn(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels, two fifths of them vulnerable, and scores in steps of 0.05 that tell a little of them."""
    labels = (rng.random(n) < 0.4).astype(np.int64)
    return labels, np.round(1 / (1 + np.exp(-rng.normal(0.8 * labels - 0.5, 1))) * 20) / 20


@pytest.mark.parametrize("name", ["f1", "mcc", "auroc"])
def test_closed_intervals_are_as_wide_as_those_of_a_bootstrap(name: str) -> None:
    rng = np.random.default_rng(3)
    labels, scores = drawn(rng, 1500)
    picks = rng.integers(0, labels.size, size=(1200, labels.size))
    spread = np.std([metrics.clean(labels[pick], scores[pick])[name] for pick in picks])
    low, high = metrics.clean_intervals(labels, scores)[name]
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.07)
    assert (low + high) / 2 == pytest.approx(metrics.clean(labels, scores)[name], abs=2e-3)


def test_closed_intervals_cover_what_they_should() -> None:
    rng = np.random.default_rng(4)
    truth = metrics.clean(*drawn(rng, 400_000))
    inside = dict.fromkeys(("f1", "mcc", "auroc"), 0)
    for _ in range(400):
        found = metrics.clean_intervals(*drawn(rng, 300))
        for name in inside:
            inside[name] += found[name][0] <= truth[name] <= found[name][1]
    assert all(0.92 <= count / 400 <= 0.98 for count in inside.values()), inside


def test_what_has_no_error_to_know_has_no_interval() -> None:
    labels = [1, 1, 1, 0, 0, 0]
    perfect, constant = (
        metrics.clean_intervals(labels, [0.9] * 3 + [0.1] * 3),
        metrics.clean_intervals(labels, [0.1] * 6),
    )
    for found in (perfect, constant, metrics.clean_intervals([1, 1], [0.9, 0.1])):
        assert all(math.isnan(end) for name in ("mcc", "auroc") for end in found[name])
    assert perfect["f1"][0] < perfect["f1"][1] == 1
    assert constant["f1"][0] == 0 < constant["f1"][1]


def test_wilson_matches_published_values() -> None:
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert all(math.isnan(end) for end in wilson(0, 0))


def test_mcnemar_is_the_exact_binomial_test() -> None:
    first, second = [True] * 8 + [False] * 2, [False] * 6 + [True] * 4
    assert mcnemar(first, second) == pytest.approx(2 * sum(math.comb(8, k) for k in (0, 1, 2)) / 2**8)
    assert mcnemar(first, first) == 1
    with pytest.raises(ValueError, match="same samples"):
        mcnemar([True], [True, False])


def test_holm_steps_down_and_keeps_the_order() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_one_seed_keeps_its_interval() -> None:
    assert over_seeds([60.0], [(55.0, 64.0)]) == pytest.approx((60, 55, 64))
    centre, low, high = over_seeds([60.0])
    assert (centre, math.isnan(low), math.isnan(high)) == (60, True, True)


def test_several_seeds_add_their_spread_to_the_sampling_error() -> None:
    centre, low, high = over_seeds([59.0, 60.0, 61.0], [(56.0, 62.0), (57.0, 63.0), (58.0, 64.0)])
    spread = 4.302653 / math.sqrt(3)
    assert (centre, low, high) == pytest.approx((60, 60 - math.hypot(3, spread), 60 + math.hypot(3, spread)))


def test_undefined_seeds_are_left_out() -> None:
    assert over_seeds([math.nan, 60.0], [None, (50.0, 70.0)]) == pytest.approx((60, 50, 70))
    assert all(math.isnan(value) for value in over_seeds([math.nan], [None]))


def test_a_spread_over_seeds_alone_is_no_interval() -> None:
    centre, low, high = over_seeds([59.0, 61.0], [(50.0, 70.0), None])
    assert (centre, math.isnan(low), math.isnan(high)) == (60, True, True)
