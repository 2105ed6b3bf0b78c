"""Published values beside ours: which teachers are the same, what we make of MoEKD's gains. From hand-made records."""

import math
from pathlib import Path

import pytest

from bench.config import Experiment
from bench.measuring.robustness import WORST_CASE
from bench.presets import SMOKE
from bench.reporting.published import beside_ours
from bench.reporting.student_tables import diagnostics, efficiency
from bench.reporting.summary import Summary
from bench.reporting.tables import Entry, Number
from bench.results import Record
from bench.storage.store import Cell, Store

TEACHERS = ("results/runs/encoders/codebert", "graph:results/runs/encoders/graphcodebert")
ATTACK = "alert"


def summary(root: Path, rates: dict[str, tuple[float, float]], collapsed: tuple[str, ...] = ()) -> Summary:
    """A run whose students have these rates of clean and worst-case robust accuracy, under both teachers."""
    asked = Experiment(methods=tuple(rates), controls=(), teachers=TEACHERS, attacks=(ATTACK,), preset=SMOKE)
    store = Store.open(root / "run", asked, {"sha256": "abc", "counts": {"valid": 1234}})
    for teacher in TEACHERS:
        for method, (accuracy, robust) in rates.items():

            def record(metric: str, value: float, unit: str = "%", attack: str = "", **more: object) -> Record:
                return Record("devign", teacher, method, 0, attack, metric, value, unit, 100, **more)  # type: ignore[arg-type] # noqa: B023

            low = 45.0 if method in collapsed else 55.0
            balanced = record("balanced_accuracy", 60.0, low=low, high=65.0)
            facts = [record("fact/mixture_nll", 0.6, ""), record("latency_p99", 9.5, "ms")]
            store.put(Cell(teacher, method, 0), [record("accuracy", accuracy), balanced, *facts])
            union = record("robust_accuracy", robust, attack=WORST_CASE, source=ATTACK)
            store.put(Cell(teacher, method, 0, WORST_CASE, "attack"), [union])
    store.close()
    return Summary(store)


def ours(run: Summary, metric: str, method: str = "moekd", teacher: str = "") -> tuple[Entry, ...]:
    (row,) = (r for r in beside_ours(run).rows if r[0] == teacher and str(r[1]).startswith(method) and r[3] == metric)
    return row[-2:]


def gain(run: Summary, metric: str) -> float:
    first, second = ours(run, metric)
    assert isinstance(first, Number)
    assert first == second or math.isnan(first.value or 0.0)
    assert first.value is not None
    return first.value


def test_a_teacher_from_a_directory_is_the_published_one_of_its_name(tmp_path: Path) -> None:
    run = summary(tmp_path, {"moekd": (60.0, 20.0), "compressor": (58.0, 16.0)})
    (found, other) = ours(run, "accuracy %", "compressor", "codebert")
    assert (isinstance(found, Number) and found.value, other) == (58.0, "")
    (other, found) = ours(run, "accuracy %", "compressor", "graphcodebert")
    assert (isinstance(found, Number) and found.value, other) == (58.0, "")


def test_gains_are_relative_and_over_the_worse(tmp_path: Path) -> None:
    run = summary(tmp_path, {"moekd": (60.0, 20.0), "compressor": (50.0, 18.0), "avatar": (55.0, 16.0)})
    assert gain(run, "robustness gain %") == pytest.approx(25.0)
    assert gain(run, "performance gain %") == pytest.approx(20.0)


def test_a_collapsed_student_is_no_rival(tmp_path: Path) -> None:
    rates = {"moekd": (60.0, 20.0), "compressor": (50.0, 10.0), "avatar": (55.0, 16.0)}
    assert gain(summary(tmp_path / "one", rates, ("compressor",)), "robustness gain %") == pytest.approx(25.0)
    for collapsed in (("compressor", "avatar"), ("moekd",)):
        run = summary(tmp_path / collapsed[0], rates, collapsed)
        assert math.isnan(gain(run, "robustness gain %"))
        assert math.isnan(gain(run, "performance gain %"))


def test_the_only_variant_of_the_size_stands_for_a_method_that_was_not_run_as_it_is(tmp_path: Path) -> None:
    longer, small = "compressor[epochs=20]", "compressor[size_mb=1.5]"
    run = summary(tmp_path / "one", {"moekd": (60.0, 20.0), longer: (50.0, 16.0), small: (40.0, 10.0)})
    assert gain(run, "robustness gain %") == pytest.approx(25.0)
    (found, _) = ours(run, "accuracy %", "compressor", "codebert")
    assert isinstance(found, Number)
    assert found.value == 50.0
    assert f"Stand for their methods, run with other settings only: {longer}." in beside_ours(run).caption
    plain = summary(tmp_path / "two", {"moekd": (60.0, 20.0), "compressor": (55.0, 10.0), longer: (50.0, 16.0)})
    assert gain(plain, "robustness gain %") == pytest.approx(100.0)
    assert not any("Stand for" in line for line in beside_ours(plain).caption)
    several = summary(tmp_path / "three", {"moekd": (60.0, 20.0), longer: (50.0, 16.0), "compressor[epochs=9]": (1, 1)})
    assert math.isnan(gain(several, "robustness gain %"))


def test_without_rivals_there_is_no_gain(tmp_path: Path) -> None:
    assert math.isnan(gain(summary(tmp_path, {"moekd": (60.0, 20.0)}), "robustness gain %"))


def test_diagnostics_say_over_what_they_are_and_efficiency_has_the_slowest(tmp_path: Path) -> None:
    run = summary(tmp_path, {"moekd": (60.0, 20.0)})
    caption = " ".join(diagnostics(run)[0].caption)
    assert "over the validation split, 1,234 programs" in caption
    assert "never below that of uniform weights" in caption
    found = efficiency(run)
    assert found.rows[0][found.columns.index("latency p99 ms")] == Number(9.5, digits=2)
