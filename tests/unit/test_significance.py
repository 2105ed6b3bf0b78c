"""Paired tests between methods: equal to McNemar's with one seed, careful with several, and no crown without a test."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bench.config import Experiment
from bench.measuring.evaluate import share
from bench.measuring.robust import robust
from bench.measuring.robustness import WORST_CASE, worst_case
from bench.measuring.stats import between_seeds, bootstrap, holm, mcnemar, paired, widened
from bench.presets import EMBEDDED
from bench.report import build
from bench.reporting.significance import compare, significance, verdict, winners
from bench.reporting.summary import Summary
from bench.reporting.tables import Number, Table
from bench.results import Outcome, Predictions, Record
from bench.storage.store import Cell, Store

TEACHER = "codebert-scratch"
N = 200
ATTACK = "mhm"
CONTROLS = ("majority", "teacher", "supervised", "kd")
EXPERIMENT = Experiment(
    methods=("moekd", "compressor"), attacks=(ATTACK,), seeds=(0, 1), preset=EMBEDDED, controls=CONTROLS
)
SHARES = {"majority": 0.9, "teacher": 0.95, "supervised": 0.5, "kd": 0.5, "moekd": 0.75, "compressor": 0.5}
"""Of the programs: judged correctly, with and without an attack. The majority's is high, and it is collapsed."""


def right(method: str, seed: int) -> list[bool]:
    """Which programs a student gets right: its own each time, and one more with every seed."""
    order = np.random.default_rng([seed, len(method)]).permutation(N)
    return [bool(one) for one in order < SHARES.get(method, 0.5) * N + seed]


def fill(store: Store, method: str, seed: int) -> None:
    rights = right(method, seed)
    ids = tuple(f"embedded/test/{i}" for i in range(N))
    store.keep(Cell(TEACHER, method, seed), Predictions(ids, (1,) * N, tuple(0.9 if one else 0.1 for one in rights)))
    interval = (0.45, 0.55) if method == "majority" else (0.51, 0.95)
    mean = sum(rights) / N
    put(store, Cell(TEACHER, method, seed), [share("accuracy", mean, N), share("balanced_accuracy", 0.5, N, interval)])
    outcomes = [
        Outcome(i, 1, "resisted" if one else "fooled", 10, fell_at=None if one else 5)
        for i, one in zip(ids, rights, strict=True)
    ]
    cell = Cell(TEACHER, method, seed, ATTACK, "attack")
    for outcome in outcomes:
        store.append(cell, outcome)
    put(store, cell, robust(outcomes))
    put(store, Cell(TEACHER, method, seed, WORST_CASE, "attack"), robust(worst_case({ATTACK: outcomes})), ATTACK)


def put(store: Store, cell: Cell, measured: list, source: str = "") -> None:  # type: ignore[type-arg]
    store.put(
        cell,
        [
            Record(
                "embedded",
                cell.teacher,
                cell.method,
                cell.seed,
                cell.attack,
                m.metric,
                m.value,
                m.unit,
                m.n,
                m.low,
                m.high,
                source,
            )
            for m in measured
        ],
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    store = Store.open(tmp_path_factory.mktemp("run") / "run", EXPERIMENT, {"sha256": "abc"})
    for method in SHARES:
        for seed in (0, 1):
            fill(store, method, seed)
    store.close()
    return Summary(store)


def table(run: Summary, name: str) -> Table:
    return next(table for table in build(run) if table.name == name)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_with_one_seed_it_is_mcnemars_test(pairs: list[tuple[bool, bool]]) -> None:
    first, second = [one for one, _ in pairs], [two for _, two in pairs]
    differences = [int(one) - int(two) for one, two in pairs]
    assert paired(differences) == pytest.approx(mcnemar(first, second), abs=1e-12)


def test_seeds_of_a_sample_are_not_counted_as_samples() -> None:
    one_seed = [1] * 6 + [0] * 20
    assert paired([3 * one for one in one_seed]) == pytest.approx(paired(one_seed)) == pytest.approx(2 * 0.5**6)
    pooled = mcnemar([True] * 18, [False] * 18)  # what counting every seed as a sample would claim
    assert pooled < 1e-4


def test_sign_flips_of_unequal_sizes_counted_by_hand() -> None:
    # totals of +-2 +-1: -3, -1, 1, 3; at least as far out as 3: two of four
    assert paired([2, 1]) == pytest.approx(0.5)
    assert paired([2, -1]) == 1.0
    assert paired([]) == 1.0


def test_a_bootstrap_covers_what_it_should() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(200):
        low, high = bootstrap(rng.normal(0.3, 1, size=80), rng)
        inside += low <= 0.3 <= high
    assert 180 <= inside <= 199


def test_a_bootstrap_of_nothing_is_not_defined() -> None:
    assert np.isnan(bootstrap([], np.random.default_rng(0))).all()


def test_training_widens_an_interval_by_students_t() -> None:
    spread = 4.302653 / math.sqrt(2)  # two seeds each, whose variances are 2 and 0: 2 degrees, pooled variance 1
    ends = 3 - math.hypot(1, spread * math.sqrt(2)), 3 + math.hypot(2, spread * math.sqrt(2))
    assert widened((2.0, 5.0), [62.0, 64.0], [60.0, 60.0]) == pytest.approx(ends)
    assert widened((2.0, 5.0), [63.0], [60.0]) == (2.0, 5.0)
    with pytest.raises(ValueError, match="as many seeds"):
        widened((2.0, 5.0), [63.0], [60.0, 61.0])


def noisy(easy: NDArray[np.float64], rng: np.random.Generator) -> dict[int, dict[str, bool]]:
    """Three students of one method: the seed moves accuracy by about 2 points, besides what it changes by sample."""
    scores = [easy + rng.normal(0.25 + rng.normal(0, 0.06), 0.5, size=easy.size) for _ in range(3)]
    return {seed: {str(i): bool(one > 0) for i, one in enumerate(found)} for seed, found in enumerate(scores)}


def test_equal_methods_whose_seeds_differ_are_not_told_apart() -> None:
    rng, found = np.random.default_rng(7), []
    for trial in range(120):
        easy = rng.normal(0, 1, size=1000)
        pair = compare(noisy(easy, rng), noisy(easy, rng), str(trial))
        assert pair is not None
        found.append(pair)
    assert sum(pair.p < 0.05 for pair in found) <= 12, "the sign-flip test alone tells a third of them apart"
    assert sum(verdict(pair, pair.p) != "no difference shown" for pair in found) <= 7
    assert sum(pair.interval[0] <= 0 <= pair.interval[1] for pair in found) >= 113


def test_with_several_seeds_the_larger_p_counts() -> None:
    first = {seed: {str(i): True for i in range(40)} for seed in (0, 1)}
    second = {seed: {str(i): i >= 12 + 16 * seed for i in range(40)} for seed in (0, 1)}
    pair = compare(first, second, "x")
    assert pair is not None
    assert pair.p == pytest.approx(between_seeds([40, 40], [28, 12]))
    assert pair.p > paired([2] * 12 + [1] * 16)


def test_a_comparison_is_over_what_both_have() -> None:
    first = {0: {"a": True, "b": True, "c": False}, 1: {"a": True, "b": True, "c": True}}
    second = {0: {"a": False, "b": True, "d": True}, 2: {"a": False}}
    found = compare(first, second, "x")
    assert found is not None
    assert (found.samples, found.seeds, found.first_only, found.second_only, found.difference) == (2, 1, 1, 0, 50.0)
    assert compare(first, {7: {"a": True}}, "x") is None
    assert compare({}, {}, "x") is None


def test_the_winner_is_bold_and_the_collapsed_is_not(run: Summary) -> None:
    bold = {str(row[1]) for row in table(run, "main").rows if any(isinstance(e, Number) and e.best for e in row)}
    assert bold == {"moekd"}
    best = winners(run)
    assert best == {((TEACHER, "moekd"), attack) for attack in ("", ATTACK, WORST_CASE)}
    rows = [row for row in table(run, "robustness").rows if row[1] == "moekd"]
    assert all(isinstance(row[7], Number) and row[7].best for row in rows)


def test_nobody_wins_a_draw(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "run", EXPERIMENT, {"sha256": "abc"})
    for method in ("supervised", "kd"):
        fill(store, method, 0)
    store.close()
    assert winners(Summary(store)) == frozenset()


def test_every_method_is_compared_with_moekd(run: Summary) -> None:
    found = table(run, "significance")
    compared = {(row[2], row[3]) for row in found.rows}
    others = ["majority †", *(name for name in SHARES if name not in ("majority", "moekd"))]
    assert compared == {(name, on) for name in others for on in ("clean", ATTACK, WORST_CASE)}
    verdicts = {row[2]: row[-1] for row in found.rows if row[3] == ATTACK}
    assert verdicts == {
        "majority †": "collapsed: not ranked",
        "teacher": "worse",
        "supervised": "better",
        "kd": "better",
        "compressor": "better",
    }


def test_what_collapsed_is_not_in_holms_correction(run: Summary) -> None:
    found = table(run, "significance")
    ranked = [row for row in found.rows if row[2] != "majority †"]
    p, holms = ([number(row[at]) for row in ranked] for at in (5, 6))
    assert holms == pytest.approx(holm(p))
    assert all(math.isnan(number(row[6])) for row in found.rows if row not in ranked)
    assert {"†" in sentence for sentence in found.caption} == {True, False}
    assert f"{N} programs and 100 queries" in " ".join(found.caption)


def number(entry: str | Number) -> float:
    assert isinstance(entry, Number)
    assert entry.value is not None
    return entry.value


def test_students_are_compared_with_moekd_of_their_size(tmp_path: Path) -> None:
    small = "moekd[size_mb=0.25]"
    asked = ("moekd", small, "kd[size_mb=0.25]", "kd[size_mb=0.125]", "kd[temperature=4]", "kd[size_mb=")
    store = Store.open(tmp_path / "run", replace(EXPERIMENT, methods=asked, controls=()), {"sha256": "abc"})
    for method in asked:
        fill(store, method, 0)
    store.close()
    (found,) = significance(Summary(store))
    assert {row[2]: row[1] for row in found.rows} == {
        small: "moekd",
        "kd[size_mb=0.25]": small,
        "kd[size_mb=0.125]": "moekd",
        "kd[temperature=4]": "moekd",
        "kd[size_mb=": "moekd",
    }
    assert "A student of another size is compared with moekd of its size." in found.caption


def test_a_verdict_needs_both_the_test_and_the_interval() -> None:
    found = compare({0: {str(i): True for i in range(20)}}, {0: {str(i): False for i in range(20)}}, "x")
    assert found is not None
    assert verdict(found, 0.01) == "better"
    assert verdict(found, 0.2) == "no difference shown"


def test_the_same_run_gives_the_same_intervals(run: Summary) -> None:
    assert significance(run) == significance(run)


def test_a_run_of_one_model_has_nothing_to_compare(tmp_path: Path) -> None:
    store = Store.open(
        tmp_path / "run", Experiment(methods=("as given",), controls=(), attacks=(ATTACK,)), {"sha256": ""}
    )
    store.close()
    assert significance(Summary(store)) == []
