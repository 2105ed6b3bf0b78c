"""Several runs as one report: what may stand in one table, and what may not."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.config import GIVEN, Experiment, Model
from bench.measuring.evaluate import Measured, share
from bench.measuring.robustness import WORST_CASE
from bench.presets import EMBEDDED
from bench.report import build, contents
from bench.reporting.summary import Summary
from bench.reporting.tables import Number
from bench.results import Record
from bench.storage.store import Cell, Store
from bench.types import UsageError

TEACHER = "codebert-scratch"
EXPERIMENT = Experiment(methods=("moekd",), controls=("kd",), attacks=("mhm",), preset=EMBEDDED)
Make = Callable[..., Store]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a run whose students have the given accuracies."""

    def made(name: str, accuracies: dict[str, float], experiment: Experiment = EXPERIMENT, **facts: object) -> Store:
        store = Store.open(tmp_path / name, experiment, {"sha256": "abc", "source": "generator", **facts})
        for method, accuracy in accuracies.items():
            for seed in experiment.seeds:
                put(store, Cell(experiment.teachers[0], method, seed), share("accuracy", accuracy, 40))
                put(
                    store,
                    Cell(experiment.teachers[0], method, seed, kind="speed"),
                    Measured("latency_p50", len(name), "ms"),
                )
        store.close()
        return store

    return made


def put(store: Store, cell: Cell, one: Measured, source: str = "") -> None:
    labels = ("embedded", cell.teacher, cell.method, cell.seed, cell.attack)
    store.put(cell, [Record(*labels, one.metric, one.value, one.unit, one.n, source=source)])


def values(run: Summary, column: str) -> dict[str, float | None]:
    table = build(run)[0] if "accuracy" in column else next(t for t in build(run) if t.name == "efficiency")
    place = table.columns.index(column)
    found = {str(row[1]).split(" †")[0]: row[place] for row in table.rows}
    return {name: entry.value for name, entry in found.items() if isinstance(entry, Number)}


def test_rows_of_all_runs_stand_in_one_table(make: Make) -> None:
    first = make("one", {"kd": 0.5, "moekd": 0.75})
    second = make("two", {"kd": 0.5, "compressor": 0.625}, replace(EXPERIMENT, methods=("compressor",)))
    run = Summary(first, second)
    assert values(run, "accuracy %") == {"kd": 50.0, "moekd": 75.0, "compressor": 62.5}
    assert run.seeds == [0]


def test_seeds_of_two_runs_are_seeds_of_one_row(make: Make) -> None:
    run = Summary(make("one", {"moekd": 0.5}), make("two", {"moekd": 0.75}, replace(EXPERIMENT, seeds=(1, 2))))
    assert run.seeds == [0, 1, 2]
    assert values(run, "accuracy %")["moekd"] == pytest.approx((50 + 75 + 75) / 3)


def test_a_finished_model_stands_beside_students_of_another_making(make: Make) -> None:
    given = Experiment(
        methods=(GIVEN,),
        controls=(),
        attacks=("mhm",),
        teachers=("mine",),
        model=Model("mine"),
        preset=replace(EMBEDDED, name="attack", size_mb=3.0),
    )
    run = Summary(make("one", {"kd": 0.5, "moekd": 0.75}), make("two", {GIVEN: 0.875}, given))
    assert [row for row in run.rows() if row[0] == "mine"] == [("mine", GIVEN)]
    assert values(run, "accuracy %") == {"kd": 50.0, "moekd": 75.0, GIVEN: 87.5}
    caption = " ".join(run.setting)
    assert "Preset embedded" in caption
    assert "Finished model mine" in caption


def test_the_first_of_two_timings_stands(make: Make) -> None:
    run = Summary(make("one", {"kd": 0.5}), make("three", {"kd": 0.5}))
    assert values(run, "latency p50 ms")["kd"] == len("one")


def test_runs_that_differ_where_they_overlap_are_one_clear_line(make: Make) -> None:
    with pytest.raises(UsageError, match=r"agree where they overlap, got accuracy = 50.0 and 75.0 .*kd, seed 0"):
        Summary(make("one", {"kd": 0.5}), make("two", {"kd": 0.75}))


@pytest.mark.parametrize(
    ("experiment", "facts", "named"),
    [
        (EXPERIMENT, {"sha256": "other"}, "data sha256 = abc"),
        (replace(EXPERIMENT, preset=replace(EMBEDDED, query_budget=7)), {}, "preset.query_budget"),
        (replace(EXPERIMENT, substitutes="bounded"), {}, "substitutes = corpus"),
        (replace(EXPERIMENT, preset=replace(EMBEDDED, size_mb=7.0)), {}, "different size_mb"),
    ],
)
def test_runs_that_do_not_belong_together_are_one_clear_line(
    make: Make, experiment: Experiment, facts: dict[str, str], named: str
) -> None:
    with pytest.raises(UsageError, match=named) as caught:
        Summary(make("one", {"kd": 0.5}), make("two", {"kd": 0.5}, experiment, **facts))
    assert "\n" not in str(caught.value)


def test_a_worst_case_over_fewer_attacks_than_are_reported_is_not_finished(make: Make) -> None:
    first, second = make("one", {"kd": 0.5}), make("two", {}, replace(EXPERIMENT, attacks=("rnns",)))
    cell = Cell(TEACHER, "kd", 0, WORST_CASE, "attack")
    again = Store.open(first.root, EXPERIMENT, {"sha256": "abc"})
    put(again, cell, share("robust_accuracy", 0.25, 40), source="mhm")
    again.close()
    row = (TEACHER, "kd")
    assert [one.value for one in Summary(again).seeded(row, "robust_accuracy", WORST_CASE)] == [25.0]
    assert Summary(again, second).seeded(row, "robust_accuracy", WORST_CASE) == []


def test_json_holds_what_tables_round(make: Make) -> None:
    content = json.loads(contents(make("one", {"kd": 1 / 3}))["report.json"])
    main = next(table for table in content["tables"] if table["name"] == "main")
    entry = main["rows"][0][main["columns"].index("accuracy %")]
    assert entry["value"] == 100 * (1 / 3)
    assert (entry["n"], entry["state"], entry["best"]) == ([40], "known", False)
    unfinished = main["rows"][1][main["columns"].index("accuracy %")]
    assert (unfinished["value"], unfinished["state"]) == (None, "unfinished")
    published = next(table for table in content["tables"] if table["name"] == "published")
    assert published["rows"][0][5]["sources"] == ["Compressor, ASE 2022, table 3"]
