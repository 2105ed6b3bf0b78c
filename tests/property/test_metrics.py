"""What holds for every metric, whatever the labels and scores are."""

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from bench.measuring import metrics
from bench.measuring.stats import holm, over_seeds, wilson

JUDGED = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), max_size=60)
COUNTS = st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(JUDGED)
def test_every_share_is_a_share_or_undefined(judged: list[tuple[int, float]]) -> None:
    found = metrics.clean([label for label, _ in judged], [score for _, score in judged])
    for name, value in found.items():
        assert math.isnan(value) or (-1 if name == "mcc" else 0) - 1e-12 <= value <= 1 + 1e-12, name


@given(JUDGED.filter(lambda judged: len({label for label, _ in judged}) == 2))
def test_agrees_with_scikit_learn(judged: list[tuple[int, float]]) -> None:
    labels, scores = [label for label, _ in judged], [score for _, score in judged]
    answers = [int(score > 0.5) for score in scores]
    found = metrics.clean(labels, scores)
    assert math.isclose(found["auroc"], reference.roc_auc_score(labels, scores), abs_tol=1e-9)
    assert math.isclose(found["mcc"], reference.matthews_corrcoef(labels, answers), abs_tol=1e-9)
    assert math.isclose(found["f1"], reference.f1_score(labels, answers), abs_tol=1e-9)
    assert math.isclose(found["balanced_accuracy"], reference.balanced_accuracy_score(labels, answers), abs_tol=1e-9)


@given(JUDGED)
def test_intervals_hold_their_value(judged: list[tuple[int, float]]) -> None:
    labels, scores = [label for label, _ in judged], [score for _, score in judged]
    found = metrics.clean(labels, scores)
    for name, (low, high) in metrics.clean_intervals(labels, scores).items():
        unknown = name in ("mcc", "auroc") and math.isnan(low) and math.isnan(high)
        assert math.isnan(found[name]) or unknown or low <= found[name] <= high


@given(COUNTS)
def test_wilson_holds_the_share_and_narrows(counts: tuple[int, int]) -> None:
    successes, n = counts
    low, high = wilson(successes, n)
    if n:
        assert 0 <= low <= successes / n <= high <= 1
        wide, narrow = high - low, wilson(10 * successes, 10 * n)
        assert narrow[1] - narrow[0] < wide


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_value(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(value <= corrected <= 1 for value, corrected in zip(values, adjusted, strict=True))
    order = sorted(range(len(values)), key=lambda i: values[i])
    assert all(adjusted[a] <= adjusted[b] for a, b in itertools.pairwise(order))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_the_mean_over_seeds_lies_in_its_interval(values: list[float]) -> None:
    centre, low, high = over_seeds(values, [(value - 1, value + 2) for value in values])
    assert low <= centre <= high
