"""`bench attack` on somebody else's model: from the command line to the tables, in this process."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bench.config import GIVEN
from bench.gate.validate import Wanted, validate
from bench.storage.store import Store

CODE = "int fill_%d(char *buf, int size) { int total = %d; while (size) { buf[--size] = total; } return total; }"
MODULE = """
import numpy as np
from bench.types import Attempt

class Detector:
    def probabilities(self, programs):
        ones = np.array([0.2 + 0.6 * ("total" in program) for program in programs])
        return np.stack([1 - ones, ones], axis=1)

class Broken:
    def probabilities(self, programs):
        return np.full((len(programs), 2), np.nan)

class Renamed:
    def attempt(self, victim, sample, budget, rng):
        return Attempt(sample.code.replace("total", "sum"), 1, 1, ("rename total -> sum",))

class Edited:
    def attempt(self, victim, sample, budget, rng):
        code = sample.code.replace("total", "sum")
        return Attempt(code.replace(*self.edit), 1, 1, ("rename total -> sum", "swap_statements@1"))

class Flipped(Edited):
    edit = "while (size)", "while (!size)"

class Deleted(Edited):
    edit = "buf[--size] = sum;", ""

class Swapped(Edited):
    edit = "seen = size; size += first;", "size += first; seen = size;"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of the user's own, and a folder with nothing but test programs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("my_models", None)
    (tmp_path / "my_models.py").write_text(MODULE)
    (tmp_path / "data").mkdir()
    rows = [{"func": CODE % (n, n), "target": 1} for n in range(5)]
    rows.append({"func": "int main(void) { return 0; }", "target": 0})
    (tmp_path / "data" / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


@pytest.fixture
def attack(folder: Path, call_bench: Callable[..., int]) -> Callable[..., int]:
    """Call `bench attack` with these arguments; return its exit code."""
    common = ("--task", "folder", "--data", "data", "--budget", "200", "--workers", "1", "--output", "run")
    return partial(call_bench, "attack", *common)


def test_a_python_model_and_a_python_attack(
    attack: Callable[..., int], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert attack("--model", "my_models:Detector", "--attack", "my_models:Renamed,alert-greedy,style-transfer") == 0
    store = Store.read(folder / "run")
    found = {(one.attack, one.metric): one.value for one in store.all_records() if one.method == GIVEN}
    assert found["", "accuracy"] == 100.0
    assert found["my_models:Renamed", "asr"] == pytest.approx(500 / 6)  # it claims a site where there is none
    assert found["alert-greedy", "asr"] == 100.0
    assert found["style-transfer", "asr"] == 0.0
    assert found["worst-case", "robust_accuracy"] == pytest.approx(100 / 6)
    shown = capsys.readouterr().out
    assert "my_models:Detector" in shown.replace("\\", "")
    assert (folder / "run" / "tables" / "main.tex").is_file()


def test_a_foreign_attack_that_changes_the_meaning_counts_for_nothing(attack: Callable[..., int], folder: Path) -> None:
    code = "int fill(char *buf, int size, int first) { int total = 0, seen; seen = size; size += first; "
    code += "while (size) { buf[--size] = total; } return seen; }"
    (folder / "data" / "test.jsonl").write_text(json.dumps({"func": code, "target": 1}) + "\n")
    wrong = [f"my_models:{name}" for name in ("Flipped", "Deleted", "Swapped")]
    assert attack("--model", "my_models:Detector", "--attack", ",".join([*wrong, "my_models:Renamed"])) == 0
    store = Store.read(folder / "run")
    found = {(one.attack, one.metric): one.value for one in store.all_records()}
    assert [found[name, "asr"] for name in wrong] == [0.0] * 3
    assert [found[name, "stopped/unverified"] for name in wrong] == [1] * 3
    assert found["my_models:Renamed", "asr"] == 100.0
    assert "stopped by unverified" in (folder / "run" / "tables" / "attacks.csv").read_text()
    faults = [one.faults for one in validate(folder / "run", Wanted(model="my_models:Detector"))]
    assert not any(faults), faults


def test_the_same_command_again_computes_nothing(attack: Callable[..., int], folder: Path) -> None:
    for _ in range(2):
        assert attack("--model", "my_models:Detector", "--attack", "alert-greedy") == 0
    stamps = {path: path.stat().st_mtime_ns for path in (folder / "run" / "outcomes").iterdir()}
    assert attack("--model", "my_models:Detector", "--attack", "alert-greedy") == 0
    assert {path: path.stat().st_mtime_ns for path in (folder / "run" / "outcomes").iterdir()} == stamps


def test_the_share_of_the_optimum_is_a_table(attack: Callable[..., int], folder: Path) -> None:
    options = ("--attack", "exhaustive,alert-greedy", "--substitutes", "bounded")
    assert attack("--model", "my_models:Detector", *options) == 0
    table = (folder / "run" / "tables" / "optimum.csv").read_text()
    assert "alert-greedy" in table
    assert ",100," in table


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "my_models:Broken"), "expected finite probabilities"),
        (("--model", "my_models:Missing"), "no such name"),
        (("--model", "nowhere"), "cannot load the victim"),
        (("--model", "my_models:Detector", "--attack", "nonsense"), "unknown attack 'nonsense'"),
        (("--model", "my_models:Detector", "--attack", "my_models:Detector"), "attempt()"),
        (("--model", "my_models:Detector", "--substitutes", "nonsense"), "--substitutes"),
        (("--model", "my_models:Detector", "--compile-command", "gcc"), "{file}"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    attack: Callable[..., int], capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert attack(*arguments) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("[")]
    assert len(error) == 1
    assert error[0].startswith("error: ")
    assert words in error[0]


def test_a_plan_computes_nothing(attack: Callable[..., int], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert attack("--model", "my_models:Detector", "--dry-run") == 0
    assert "suite" in capsys.readouterr().out
    assert not (folder / "run").exists()
