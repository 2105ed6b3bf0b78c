"""A run directory against its claims: an honest one passes, and every way of tampering is named."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.config import GIVEN, Experiment, Model
from bench.gate import replay
from bench.gate.validate import Item, Wanted, validate
from bench.presets import attacking_preset
from bench.progress import Silent
from bench.report import write
from bench.run import run
from bench.running.students import kept
from bench.storage.schema import canonical
from bench.storage.store import Cell, Store
from bench.types import UsageError

CODE = "int fill_%d(char *buf, int size) { int total = %d; while (size) { buf[--size] = total; } return total; }"
MODULE = """
import numpy as np

class Detector:
    def probabilities(self, programs):
        ones = np.array([0.2 + 0.6 * ("total" in program) for program in programs])
        return np.stack([1 - ones, ones], axis=1)

class Other:
    probabilities = Detector.probabilities
"""
MODEL = "victims_under_validation:Detector"
SIZES = ("parameters", "size_mb", "gflops", "paper_gflops")
NAMES = {
    "records": "records: schema, checksum, labels",
    "strays": "files: each belongs to a cell",
    "artifacts": "artifacts: checksums",
    "outcomes": "outcomes: whole, coherent, agree with predictions",
    "clean": "clean records: counted again from predictions",
    "attacked": "attack records: counted again from outcomes",
    "successes": "successes: judged again on their students",
    "predictions": "predictions: made again",
    "tables": "tables: made again from records",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished run of `bench attack` on a model of somebody's own, which renaming always fools."""
    root = tmp_path_factory.mktemp("given")
    (root / "victims_under_validation.py").write_text(MODULE)
    (root / "data").mkdir()
    rows = [{"func": CODE % (n, n), "target": 1} for n in range(4)]
    rows.append({"func": "int main(void) { return 0; }", "target": 0})
    (root / "data" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    experiment = Experiment(
        methods=(GIVEN,),
        controls=(),
        attacks=("alert-greedy",),
        teachers=(MODEL,),
        model=Model(MODEL),
        task="folder",
        data=str(root / "data"),
        preset=replace(attacking_preset(None, 200), latency_rounds=1),
    )
    sys.path.insert(0, str(root))
    store = run(experiment, root / "run", Silent())
    write(store, root / "run" / "tables")
    yield root / "run"
    sys.path.remove(str(root))


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """The same run, to be tampered with."""
    return Path(shutil.copytree(made, tmp_path / "run"))


def item(root: Path, name: str, wanted: Wanted | None = None) -> Item:
    """One line of the checklist; nothing that comes after it is looked at."""
    found = validate(root, wanted or Wanted(model=MODEL))
    return next(one for one in found if one.name == NAMES[name])


def forge(path: Path, kind: str, change: Callable[[Any], object]) -> None:
    """Change a file of records or predictions and mend its checksum."""
    content = json.loads(path.read_text())
    change(content[kind])
    content["sha256"] = hashlib.sha256(canonical(content[kind]).encode()).hexdigest()
    path.write_text(json.dumps(content))


def only(root: Path, folder: str, mark: str) -> Path:
    (path,) = (path for path in (root / folder).iterdir() if mark in path.name)
    return path


def metric(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["metric"] == name)


def test_an_honest_run_passes_and_is_not_changed(made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    found = {one.name: one for one in validate(made, Wanted(model=MODEL, deep=True))}
    assert {name: one.faults for name, one in found.items() if one.faults or one.skipped} == {}
    assert list(found)[1:] == list(NAMES.values())
    assert found[NAMES["successes"]].checked == 4
    assert found[NAMES["predictions"]].checked == 5
    assert found[NAMES["tables"]].checked > 15
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


def test_a_record_that_does_not_follow_from_outcomes_is_named(copy: Path) -> None:
    path = only(copy, "records", "attack.alert-greedy")
    forge(path, "records", lambda rows: metric(rows, "asr").update(value=0.0))
    assert item(copy, "records").faults == ()
    (fault,) = item(copy, "attacked").faults
    assert "asr is 0 in the records, counted 100" in fault


def test_the_worst_case_is_counted_again_as_well(copy: Path) -> None:
    forge(
        only(copy, "records", "worst-case"), "records", lambda rows: metric(rows, "robust_accuracy").update(value=90.0)
    )
    (fault,) = item(copy, "attacked").faults
    assert "worst-case: robust_accuracy is 90 in the records, counted 20" in fault


def test_a_clean_record_that_does_not_follow_from_predictions_is_named(copy: Path) -> None:
    forge(only(copy, "records", "clean"), "records", lambda rows: metric(rows, "f1").update(value=12.0))
    (fault,) = item(copy, "clean").faults
    assert "f1 is 12 in the records, counted 100" in fault


def test_forged_predictions_disagree_with_attacks_and_with_the_student(copy: Path) -> None:
    forge(only(copy, "predictions", "clean"), "predictions", lambda columns: columns["vulnerable"].__setitem__(0, 0.1))
    assert "fooled, but the prediction says otherwise" in item(copy, "outcomes").faults[0]
    assert item(copy, "clean").faults
    assert "0.100000 stored, 0.800000 again" in item(copy, "predictions", Wanted(model=MODEL, deep=True)).faults[0]


def retold(root: Path, line: int, **fields: object) -> None:
    """Tell an outcome otherwise."""
    path = only(root, "outcomes", "alert-greedy")
    rows = [json.loads(text) for text in path.read_text().splitlines()]
    rows[line] |= fields
    path.write_text("".join(canonical(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (CODE % (0, 0), "resisted"),
        ((CODE % (0, 0)).replace("total", "sum").replace("while (size)", "while (danger(size))"), "resisted ("),
        ((CODE % (0, 0)).replace("total", "sum").replace("[--size]", "[++size]"), "resisted (unverified"),
        ("not C at all {{{", "resisted ("),
    ],
)
def test_a_success_that_is_none_is_found_by_replay(copy: Path, program: str, words: str) -> None:
    retold(copy, 0, adversarial=program)
    (fault,) = item(copy, "successes").faults
    assert "folder/test/0" in fault
    assert words in fault


def test_several_workers_find_the_same_faults_in_the_same_order(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "GROUP", 1)
    retold(copy, 0, adversarial=CODE % (0, 0))
    retold(copy, 2, adversarial=CODE % (2, 2))
    alone, both = (item(copy, "successes", Wanted(model=MODEL, workers=workers)) for workers in (1, 2))
    assert alone == both
    assert alone.checked == 4
    assert ["/test/0" in alone.faults[0], "/test/2" in alone.faults[1], len(alone.faults)] == [True, True, 2]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"adversarial": None}, "a success without a program"),
        ({"queries": 999, "distinct": 999}, "999 queries, budget 200"),
        ({"label": 0}, "another label"),
        ({"sample_id": "folder/test/9"}, "other samples than the first 5"),
        ({"nonsense": 1}, "damaged from line 1 on"),
    ],
)
def test_an_outcome_that_no_judge_wrote_is_named(copy: Path, fields: dict[str, object], words: str) -> None:
    retold(copy, 0, **fields)
    assert words in item(copy, "outcomes").faults[0]


def test_the_first_cell_of_a_table_that_differs_is_named(copy: Path) -> None:
    path = copy / "tables" / "clean.csv"
    path.write_text(path.read_text().replace(",100,", ",99,", 1))
    (copy / "tables" / "main.tex").write_text("mine")
    (copy / "tables" / "main.md").unlink()
    faults = item(copy, "tables").faults
    assert "clean.csv: row 1, column 'accuracy %': '99' stored, '100' from its records" in faults
    assert "main.tex: line 1 does not follow from the records" in faults
    assert "main.md: missing; `bench report RUN` writes it" in faults


def test_a_file_that_belongs_to_no_cell_is_named(copy: Path) -> None:
    path = only(copy, "records", "clean")
    (path.parent / "better.json").write_bytes(path.read_bytes())
    assert item(copy, "strays").faults == ("records/'better.json': belongs to no cell",)


def test_damaged_records_are_named(copy: Path) -> None:
    path = only(copy, "records", "clean")
    path.write_text(path.read_text().replace('"value": 100.0', '"value": 99.0'))
    assert item(copy, "records").faults == (f"{path.stem}: damaged or empty",)


@pytest.mark.parametrize(
    ("model", "words"),
    [(None, f"is Python code: give --model {MODEL}"), ("nowhere", "'nowhere' is not on this machine")],
)
def test_a_model_is_never_loaded_because_a_manifest_names_it(made: Path, model: str | None, words: str) -> None:
    found = item(made, "successes", Wanted(model=model))
    assert words in found.skipped
    assert (found.checked, found.faults) == (0, ())


def test_data_that_is_gone_or_another_is_said(copy: Path, tmp_path: Path) -> None:
    assert "the data is not at hand" in item(copy, "successes", Wanted(data=str(tmp_path / "gone"))).skipped
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "test.jsonl").write_text(json.dumps({"func": "int f;", "target": 0}))
    (fault,) = item(copy, "successes", Wanted(data=str(tmp_path / "data"))).faults
    assert "the data at hand has SHA-256" in fault


def test_the_command_prints_a_checklist_and_fails_with_1(
    copy: Path, call_bench: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    del manifest["sessions"][0]["versions"]["torch"]
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert call_bench("validate", copy, "--json", tmp_path / "out.json") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "FAIL  manifest: hash, seeds, versions: 1 of 4 wrong"
    assert lines[1] == "      a session without the version of torch"
    assert lines[2].startswith("ok    records")
    assert lines[-2].startswith("skip  successes")
    assert json.loads((tmp_path / "out.json").read_text())["valid"] is False


def test_facts_that_no_table_could_be_made_with_are_one_line(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["facts"]["budgets"] = {"suite": "\u001b[31m"}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UsageError, match="expected budgets in numbers"):
        next(validate(copy, Wanted()))


@pytest.mark.slow
def test_a_real_run_is_valid_repeats_itself_and_loses_no_student_unnoticed(
    experiment: Experiment, call_bench: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = run(experiment, tmp_path / "run", Silent())
    write(store, tmp_path / "run" / "tables")
    assert call_bench("validate", tmp_path / "run", "--deep") == 0
    students = len(experiment.all_methods)
    sizes = sum(record.metric in SIZES for record in store.all_records())
    assert f"predictions: made again: {12 * students + sizes} checked" in capsys.readouterr().out
    assert call_bench("baseline", tmp_path / "run", "--output", tmp_path / "b.json") == 0
    assert call_bench("check", "--baseline", tmp_path / "b.json", "--output", tmp_path / "again") == 0
    compared = f"{2 * students} comparisons (same seeds, paired): {2 * students} unchanged"
    assert compared in capsys.readouterr().out
    folder = kept(Store.read(tmp_path / "run"), Cell("codebert-scratch", "kd", 0))
    assert folder is not None
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    found = {one.name: one.faults for one in validate(tmp_path / "run", Wanted(deep=True))}
    assert "does not match its checksums" in found[NAMES["artifacts"]][0]
    assert any("its student is missing or damaged" in fault for fault in found[NAMES["predictions"]])
