"""What changed between two runs: only what did, with a test where samples allow one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.config import Experiment
from bench.measuring.evaluate import Measured, share
from bench.presets import EMBEDDED
from bench.reporting.compare import changes, comparison
from bench.reporting.summary import Summary
from bench.reporting.tables import Number
from bench.results import Predictions, Record
from bench.storage.store import Cell, Store
from bench.types import UsageError

TEACHER, N = "codebert-scratch", 200
EXPERIMENT = Experiment(methods=("moekd",), controls=("kd",), attacks=("mhm",), preset=EMBEDDED)
Make = Callable[..., Store]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a run in which each method gets so many of the first programs right."""

    def made(name: str, right: dict[str, int], experiment: Experiment = EXPERIMENT, sha256: str = "abc") -> Store:
        store = Store.open(tmp_path / name, experiment, {"sha256": sha256})
        for method, count in right.items():
            cell = Cell(TEACHER, method, 0)
            ids = tuple(f"embedded/test/{i}" for i in range(N))
            store.keep(cell, Predictions(ids, (1,) * N, tuple(0.9 if i < count else 0.1 for i in range(N))))
            found = [share("accuracy", count / N, N), Measured("size_mb", 0.25, "MB")]
            labels = ("embedded", TEACHER, method, 0, "")
            store.put(cell, [Record(*labels, one.metric, one.value, one.unit, one.n) for one in found])
        store.close()
        return store

    return made


def test_only_what_changed_is_told_and_tested(make: Make) -> None:
    table = changes(Summary(make("one", {"kd": 100, "moekd": 150})), Summary(make("two", {"kd": 100, "moekd": 120})))
    assert [(row[1], row[3]) for row in table.rows] == [("moekd", "accuracy %")]
    (row,) = table.rows
    difference, p = row[6], row[7]
    assert isinstance(difference, Number)
    assert isinstance(p, Number)
    assert difference.value == -15.0
    assert difference.high < 0
    assert p.value == pytest.approx(2 * 0.5**30)
    assert row[-1] == "worse"
    assert "1 of 4 numbers differ" in table.caption[0]


def test_a_small_change_is_told_and_not_called_better(make: Make) -> None:
    table = changes(Summary(make("one", {"kd": 100})), Summary(make("two", {"kd": 102})))
    assert table.rows[0][-1] == "no difference shown"


def test_the_same_run_twice_shows_nothing(make: Make) -> None:
    store = make("one", {"kd": 100})
    assert changes(Summary(store), Summary(store)).rows == ()
    assert "Both runs were asked for the same." in comparison(store, store)


def test_settings_and_rows_that_one_run_lacks_are_named(make: Make) -> None:
    other = replace(EXPERIMENT, methods=("compressor",), preset=replace(EMBEDDED, query_budget=7))
    text = comparison(make("one", {"kd": 100}), make("two", {"kd": 100}, other))
    assert "preset.query\\_budget" in text
    assert "Only in one: moekd of codebert-scratch." in text
    assert "Only in two: compressor of codebert-scratch." in text


def test_runs_on_other_data_are_one_clear_line(make: Make) -> None:
    with pytest.raises(UsageError, match=r"same data, got sha256 abc .* and def"):
        comparison(make("one", {}), make("two", {}, sha256="def"))
