"""The ablation: each factor once around the default, and a table of what a setting changes, from hand-made runs."""

import re
import sys
from dataclasses import replace

import pytest

from bench import registry
from bench.config import Experiment
from bench.measuring.evaluate import Measured
from bench.presets import SMOKE
from bench.reporting.ablation import ablation
from bench.reporting.summary import Summary
from bench.reporting.tables import Number
from bench.results import Predictions, Record
from bench.running.factors import FACTORS, around
from bench.storage.store import Cell, Store

EXPERIMENT = Experiment(preset=SMOKE)
TEACHER = "codebert-scratch"


def test_each_factor_is_varied_alone_and_the_default_is_made_once():
    asked = around("moekd", EXPERIMENT.budget)
    methods = registry.check(replace(EXPERIMENT, methods=asked)).methods
    assert methods[0] == "moekd"
    assert methods.count("moekd") == 1
    assert len(methods) == 1 + 3 + 5 + 2 + 3 + 1 + 2 + 1 + 2 + 1 + 1 + 1
    assert {"moekd[experts=8]", "moekd[router=top-2]", "moekd[partition=views]"} <= set(methods)
    assert {"moekd[temperature=10]", "moekd[perturbed=true]"} <= set(methods)
    assert {"moekd[size_mb=0.125]", "moekd[size_mb=0.0625]", "moekd[outside_weight=0]", "moekd[held_out=0.2]"} <= set(
        methods
    )


def test_factors_can_be_chosen():
    asked = around("moekd", EXPERIMENT.budget, ("partition",))
    assert registry.check(replace(EXPERIMENT, methods=asked)).methods == (
        "moekd",
        "moekd[partition=random]",
        "moekd[partition=views]",
    )


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["kd"], "expected moekd, which has an ablation, got 'kd'"),
        (["moekd", "--only", "depth"], r"expected --only experts,router,.*got 'depth'"),
        (["moekd", "--size-mb", "3,1.5"], "expected one --size-mb"),
    ],
)
def test_a_mistake_is_one_line_and_2(argv, says, monkeypatch, capsys):
    from bench import cli

    monkeypatch.setattr(sys, "argv", ["bench", "ablate", *argv])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(says, line)


def test_a_dry_run_names_the_variants(monkeypatch, capsys, tmp_path):
    from bench import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bench", "ablate", "moekd", "--only", "router", "--preset", "smoke", "--dry-run"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 0
    assert "moekd-router-top-1" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def finished(tmp_path, methods, right, collapsed=()):
    """A run whose students are right on the given of 40 samples, all safe."""
    asked = replace(EXPERIMENT, methods=methods, controls=(), attacks=())
    store = Store.open(tmp_path / "run", asked, {"sha256": "x"})
    ids = tuple(f"t/{i}" for i in range(40))
    for method in methods:
        cell = Cell(TEACHER, method, 0)
        vulnerable = tuple(0.1 if right(method, i) else 0.9 for i in range(40))
        accuracy = 100 * sum(value < 0.5 for value in vulnerable) / 40
        found = [Measured("accuracy", accuracy, "%", 40, accuracy - 5, accuracy + 5)]
        if method in collapsed:
            found.append(Measured("balanced_accuracy", 50, "%", 40, 45, 55))
        records = [Record("t", TEACHER, method, 0, "", m.metric, m.value, m.unit, m.n, m.low, m.high) for m in found]
        store.keep(cell, Predictions(ids, (0,) * 40, vulnerable))
        store.put(cell, records)
    return Summary(store)


def test_a_variant_stands_beside_its_default_with_a_paired_test(tmp_path):
    right = {"moekd": 20, "moekd[router=top-1]": 32, "moekd[experts=2,router=uniform]": 20, "kd": 10}
    (table,) = ablation(finished(tmp_path, tuple(right), lambda method, i: i < right[method]))
    assert [row[2:4] for row in table.rows] == [
        ("as it is", ""),
        ("router", "top-1"),
        ("experts, router", "2, uniform"),
    ]
    at = table.columns.index("accuracy: difference")
    found = [row[at] for row in table.rows]
    assert found[0] == ""
    assert isinstance(found[1], Number)
    assert found[1].value == pytest.approx(30.0)
    assert found[1].low > 0
    assert table.rows[1][at + 1].value == pytest.approx(2 * 0.5**12 * 2), "McNemar's exact p, for two tests"
    assert (found[2].value, table.rows[2][at + 1].value) == (0.0, 1.0)


def test_what_collapsed_has_no_corrected_p_and_costs_the_others_nothing(tmp_path):
    right = {"moekd": 20, "moekd[router=top-1]": 32, "moekd[router=uniform]": 0}
    (table,) = ablation(
        finished(tmp_path, tuple(right), lambda method, i: i < right[method], ("moekd[router=uniform]",))
    )
    at = table.columns.index("accuracy: difference")
    assert table.rows[1][at + 1].value == pytest.approx(2 * 0.5**12)
    assert table.rows[2][1].endswith("†")
    assert (table.rows[2][at].value, table.rows[2][at + 1].text()) == (-50.0, "n/a")


def test_without_variants_there_is_no_table(tmp_path):
    assert ablation(finished(tmp_path, ("moekd", "kd"), lambda method, i: True)) == []


def test_every_factor_is_a_setting_of_its_method():
    for method, factors in FACTORS.items():
        for name, values in factors.items():
            for value in values(EXPERIMENT.budget):
                assert registry.variant(f"{method}[{name}={str(value).lower()}]", EXPERIMENT.budget)
