"""Paired tests between methods: equal to McNemar's with one seed, careful with several, and no crown without a test."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.config import Experiment
from bench.measuring.evaluate import share
from bench.measuring.robust import robust
from bench.measuring.robustness import WORST_CASE, worst_case
from bench.measuring.stats import bootstrap, mcnemar, paired
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
    """Which programs a student gets right: its own each time, but for the easy ones."""
    rng = np.random.default_rng([seed, len(method)])
    return [bool(one) for one in rng.random(N) < SHARES[method]]


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
        low, high = bootstrap(rng.normal(0.3, 1, size=(1, 80)), rng)
        inside += low <= 0.3 <= high
    assert 180 <= inside <= 199


def test_a_bootstrap_draws_seeds_as_well() -> None:
    apart = np.array([[0.0] * 50, [1.0] * 50])
    assert bootstrap(apart, np.random.default_rng(0)) == (0.0, 1.0)
    assert np.isnan(bootstrap(np.empty((0, 0)), np.random.default_rng(0))).all()


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
        "majority †": "worse",
        "teacher": "worse",
        "supervised": "better",
        "kd": "better",
        "compressor": "better",
    }
    for row in found.rows:
        p, holm = row[5], row[6]
        assert isinstance(p, Number)
        assert isinstance(holm, Number)
        assert holm.value is not None
        assert p.value is not None
        assert holm.value >= p.value


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
