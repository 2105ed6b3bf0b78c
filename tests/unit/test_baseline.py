"""A run reduced to a file, compared by the command line, and every way in which either can be unusable."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import pytest

from bench.config import Experiment
from bench.gate.baseline import read, reduce, text
from bench.measuring.robust import robust
from bench.presets import SMOKE
from bench.results import Outcome, Predictions, Record, Verdict
from bench.storage.schema import as_json
from bench.storage.store import Cell, Store
from bench.types import UsageError

FACTS = {"sha256": "abc", "source": "made by hand", "synthetic": True, "commit": "c0ffee"}
ASKED = Experiment(methods=("kd",), controls=(), attacks=("alert",), preset=SMOKE)
VERDICTS: tuple[Verdict, ...] = ("resisted", "fooled", "no_sites", "already_wrong", "unparsable", "too_large")
N = 40


def finished(root: Path, right: int = 30, experiment: Experiment = ASKED) -> Path:
    """A run of one student that has the first `right` samples right, and one outcome of each kind."""
    store = Store.open(root, experiment, FACTS)
    for seed in experiment.seeds:
        clean = Cell("codebert-scratch", "kd", seed)
        ids = tuple(f"t/{i}" for i in range(N))
        store.keep(clean, Predictions(ids, (1,) * N, tuple(0.9 if i < right else 0.1 for i in range(N))))
        store.put(clean, [Record("embedded", "codebert-scratch", "kd", seed, "", "accuracy", 1.0, "%", N)])
        cell = Cell("codebert-scratch", "kd", seed, "alert", "attack")
        outcomes = [Outcome(f"t/{i}", 1, verdict, i) for i, verdict in enumerate(VERDICTS)]
        for outcome in outcomes:
            store.append(cell, outcome)
        labels = ("embedded", "codebert-scratch", "kd", seed, "alert")
        store.put(cell, [Record(*labels, one.metric, one.value, one.unit, one.n) for one in robust(outcomes)])
        store.put(Cell("codebert-scratch", "kd", seed, kind="speed"), [])
    store.close()
    return root


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return finished(tmp_path / "run")


@pytest.fixture
def call(call_bench: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Call a command in an empty directory; return its exit code."""
    monkeypatch.chdir(tmp_path)
    return call_bench


def snapshot(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_a_run_becomes_one_letter_for_each_sample(run: Path) -> None:
    found = reduce(Store.read(run))
    assert [(one.method, one.attack) for one in found.answers] == [("kd", ""), ("kd", "alert")]
    assert found.answers[0].letters == "+" * 30 + "-" * 10
    assert found.answers[1].letters == "rfnwut" + "." * 34
    assert found.samples[:2] == ("t/0", "t/1")
    assert found.facts["synthetic"] is True
    assert "commit" not in found.facts


def test_a_file_reads_back_and_is_the_same_bytes_each_time(run: Path, tmp_path: Path) -> None:
    found = reduce(Store.read(run))
    path = tmp_path / "baseline.json"
    path.write_text(text(found))
    assert read(path) == found
    assert text(read(path)) == path.read_text()
    assert sum("letters" in line for line in path.read_text().splitlines()) == 2, "a line for each, for readable diffs"
    assert finished(tmp_path / "again").exists()
    assert text(reduce(Store.read(tmp_path / "again"))) == path.read_text()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: "",
        lambda content: "[" * 100_000,
        lambda content: "{}",
        lambda content: content.replace('"schema": 1', '"schema": 0'),
        lambda content: content.replace("++++-", "+++++"),
        lambda content: content.replace("rfnwut", "rfnwuX"),
        lambda content: content.replace("rfnwut", "rfnwu"),
        lambda content: content.replace('"seed": 0', '"seed": "x"'),
        lambda content: content.replace('"methods"', '"m\\n\\u001b"'),
    ],
)
def test_an_unusable_baseline_is_one_line(
    run: Path,
    call: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    damage: Callable[[str], str],
) -> None:
    (tmp_path / "baseline.json").write_text(damage(text(reduce(Store.read(run)))))
    before = snapshot(tmp_path)
    assert call("check", run, "--baseline", "baseline.json") == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.startswith("error: cannot use the baseline baseline.json")
    assert snapshot(tmp_path) == before


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": shutil.rmtree,
    "foreign": lambda run: (run / "manifest.json").write_text('{"name": "somebody"}'),
    "older schema": lambda run: (run / "manifest.json").write_text('{"schema": 0}'),
    "half a manifest": lambda run: (run / "manifest.json").write_text((run / "manifest.json").read_text()[:300]),
    "hostile": lambda run: (run / "manifest.json").write_text(
        (run / "manifest.json").read_text().replace('"codebert-scratch"', '"../../../etc"').replace("abc", "\\n\\u001b")
    ),
    "no experiment": lambda run: (run / "manifest.json").write_text(
        '{"schema": 1, "experiment": {"preset": []}, "facts": {}, "sessions": []}'
    ),
    "no sizes": lambda run: (run / "manifest.json").write_text(
        (run / "manifest.json").read_text().replace('"size_mb"', '"size"')
    ),
    "no predictions": lambda run: shutil.rmtree(run / "predictions"),
    "no records": lambda run: shutil.rmtree(run / "records"),
    "half the outcomes": lambda run: [path.write_text(path.read_text()[:300]) for path in (run / "outcomes").iterdir()],
}


UNFINISHED = [name for name in DAMAGES if name != "half the outcomes"]
"""What `validate` refuses to look at; it names damaged outcomes in its checklist."""


@pytest.mark.parametrize(
    ("command", "name"),
    [*product(("baseline", "check"), DAMAGES), *product(("validate",), UNFINISHED)],
)
def test_an_unusable_run_is_one_line_and_changes_nothing(
    run: Path, call: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, name: str
) -> None:
    (tmp_path / "baseline.json").write_text(text(reduce(Store.read(run))))
    DAMAGES[name](run)
    before = snapshot(tmp_path)
    options = {"baseline": ("--output", "new.json"), "check": ("--baseline", "baseline.json")}
    assert call(command, run, *options.get(command, ())) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.startswith("error: ")
    assert snapshot(tmp_path) == before


def test_a_drop_ends_with_1_and_is_written_everywhere(
    run: Path, call: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    worse = finished(tmp_path / "worse", right=15)
    assert call("baseline", run, "--output", "deep/baseline.json") == 0
    assert capsys.readouterr().out == "deep/baseline.json: 2 lines of 40 samples\n"
    options = ("--baseline", "deep/baseline.json", "--junit", "out/check.xml", "--json", "out/check.json", "--github")
    assert call("check", worse, *options) == 1
    shown = capsys.readouterr().out
    assert "REGRESSION" in shown
    assert "::error title=Robustness regression::kd clean of codebert-scratch: 75.0%25 to 37.5%25" in shown
    assert 'failures="1"' in (tmp_path / "out" / "check.xml").read_text()
    assert json.loads((tmp_path / "out" / "check.json").read_text())["passed"] is False
    assert call("check", worse, "--baseline", "deep/baseline.json", "--json", "-") == 1
    assert json.loads(capsys.readouterr().out)["comparisons"][0]["lost"] == 15
    assert call("check", worse, "--baseline", "deep/baseline.json", "--tolerance", "40") == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tolerance", "-1"), "--tolerance"),
        (("--alpha", "0"), "--alpha"),
        (("--junit", "run"), "expected to write run"),
    ],
)
def test_a_mistake_in_an_option_is_one_line(
    run: Path, call: Callable[..., int], capsys: pytest.CaptureFixture[str], options: tuple[str, str], words: str
) -> None:
    assert call("baseline", run, "--output", "baseline.json") == 0
    assert call("check", run, "--baseline", "baseline.json", *options) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error


@pytest.mark.parametrize(
    "experiment",
    [{"attacks": ("os:getcwd",)}, {"compile_command": "rm {file}"}],
)
def test_code_that_a_baseline_names_is_never_run(
    call: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path, experiment: dict[str, object]
) -> None:
    found = reduce(Store.read(finished(tmp_path / "run")))
    hostile = replace(found, experiment=as_json(asdict(replace(ASKED, **experiment))))
    (tmp_path / "baseline.json").write_text(text(hostile))
    assert call("check", "--baseline", "baseline.json", "--output", "again") == 2
    assert "names code to execute" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()


def test_students_of_different_samples_are_no_baseline(run: Path) -> None:
    experiment = replace(ASKED, seeds=(0, 1))
    finished(run.parent / "two", experiment=experiment)
    store = Store.open(run.parent / "two", experiment, FACTS)
    store.keep(Cell("codebert-scratch", "kd", 1), Predictions(("u",), (1,), (0.9,)))
    with pytest.raises(UsageError, match="the same samples for every student"):
        reduce(store)
    store.close()
