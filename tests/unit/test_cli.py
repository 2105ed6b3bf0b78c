"""The command line against stand-ins for the runner and the registry."""

import io
import json
import os
import subprocess
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from bench import cli
from bench.cli.terminal import Bars, Lines, clock
from bench.config import Experiment
from bench.progress import Progress
from bench.results import Record
from bench.storage.store import Cell, Store
from bench.types import UsageError

HEAVY = (
    "torch",
    "textattack",
    "numpy",
    "pandas",
    "transformers",
    "rich",
    "bench.storage.schema",
    "bench.storage.store",
)
"""Not pydantic: typer itself imports it to show a command's options, in about 0.1 s."""


@dataclass(frozen=True)
class Shown:
    name: str
    origin: str
    about: str


class Fakes:
    """Stand-ins that remember what they were asked for."""

    def __init__(self) -> None:
        self.experiment: Experiment | None = None
        self.output: Path | None = None

    def run(
        self, experiment: Experiment, output: Path, progress: Progress, workers: int, scheduler: str | None
    ) -> Store:
        self.experiment, self.output, self.workers, self.scheduler = experiment, output, workers, scheduler
        progress.stage("moekd", 2)
        progress.advance(2)
        progress.finished("codebert-scratch.moekd.s0.clean")
        store = Store.open(output, experiment, {"sha256": "", "source": "fake"})
        record = Record("embedded", "codebert-scratch", "moekd", 0, "", "accuracy", 61.8, "%", 10, 40.0, 80.0)
        store.put(Cell("codebert-scratch", "moekd", 0), [record])
        store.repairs.append("x.json is damaged: counted as not finished")
        store.close()
        return store

    def check(self, experiment: Experiment) -> Experiment:
        self.experiment = experiment
        if "nonsense" in experiment.methods:
            raise UsageError("unknown method 'nonsense':\nexpected one of moekd, avatar")
        return experiment

    def at_sizes(self, experiment: Experiment, sizes: Sequence[float]) -> Experiment:
        self.sizes = list(sizes)
        return experiment


def module(name: str, members: Mapping[str, object]) -> ModuleType:
    made = types.ModuleType(name)
    made.__dict__.update(members)
    return made


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fakes:
    fake = Fakes()
    plan = [("codebert-scratch.moekd.s0.clean", 61.0), ("codebert-scratch.moekd.s0.speed", 4.4)]
    names = [Shown("first", "built in", "does this (Somebody 2022)"), Shown("second-one", "acme 1.2", "does that")]
    kinds = dict.fromkeys(("methods", "attacks", "tasks", "teachers"))
    stand_ins = {
        "bench.registry": module("bench.registry", {"BUILT_IN": kinds, "check": fake.check}),
        "bench.running.listing": module("bench.running.listing", {"shown": lambda kind: names}),
        "bench.running.factors": module("bench.running.factors", {"at_sizes": fake.at_sizes}),
        "bench.run": module("bench.run", {"run": fake.run, "plan": lambda _: plan}),
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setitem(sys.modules, name, stand_in)
        monkeypatch.setattr(name, stand_in, raising=False)
    monkeypatch.chdir(tmp_path)
    return fake


def call(monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *argv])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


Captured = pytest.CaptureFixture[str]


def test_run_builds_the_experiment(fakes: Fakes, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    options = "--methods moekd,,avatar,moekd --attacks a --teachers codebert --seeds 2,0,2 --limit 7 --size-mb 1.5,0.5"
    assert call(monkeypatch, "run", *options.split(), "--train-limit", "9", "--as-released", "--preset", "smoke") == 0
    found = fakes.experiment
    assert found is not None
    assert (found.methods, found.attacks, found.teachers) == (("moekd", "avatar"), ("a",), ("codebert",))
    assert (found.seeds, found.as_released, found.preset.name) == ((2, 0), True, "smoke")
    assert (found.preset.test_limit, found.preset.train_limit, found.preset.size_mb) == (7, 9, 1.5)
    assert fakes.sizes == [0.5]
    assert fakes.output == Path("results/runs/embedded-smoke")


def test_run_without_options_is_the_default_experiment(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch, "run") == 0
    assert fakes.experiment == Experiment()


def test_run_prints_tables_and_where_they_are(fakes: Fakes, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert call(monkeypatch, "run", "--output", "here") == 0
    printed = capsys.readouterr()
    assert "| codebert-scratch | moekd" in printed.out
    assert "note: x.json is damaged" in printed.out
    assert "files in here/tables" in printed.out
    assert "[0:00:00] done: codebert-scratch.moekd.s0.clean (1 of 2)" in printed.err
    assert (Path("here") / "tables" / "main.tex").is_file()


def test_report_writes_the_same_again(fakes: Fakes, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    call(monkeypatch, "run", "--output", "here")
    assert call(monkeypatch, "report", "here", "--out", "there") == 0
    for path in Path("there").iterdir():
        assert path.read_bytes() == (Path("here") / "tables" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--executor", "slurm"), "expected --executor local or dask, got 'slurm'"),
        (("--executor", "dask"), "expected --executor dask together with --scheduler ADDRESS, got --executor dask"),
        (("--scheduler", "tcp://x:1"), "got --executor local with an address"),
    ],
)
def test_executors_are_local_or_a_dask_cluster(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch, capsys: Captured, options: tuple[str, ...], expected: str
) -> None:
    assert call(monkeypatch, "run", *options) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert len(said.splitlines()) == 1
    assert fakes.output is None


def test_a_scheduler_reaches_the_run(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch, "run", "--executor", "dask", "--scheduler", "tcp://x:1", "--output", "here") == 0
    assert fakes.scheduler == "tcp://x:1"


def test_dry_run_prints_the_plan_and_runs_nothing(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert call(monkeypatch, "run", "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["0:01:01", "codebert-scratch.moekd.s0.clean"]
    assert lines[-1].split() == ["0:01:05", "2", "cells,", "estimated"]
    assert fakes.output is None
    assert not Path("results").exists()


def test_list_names_everything(fakes: Fakes, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert call(monkeypatch, "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "methods:",
        "  first       built in  does this (Somebody 2022)",
        "  second-one  acme 1.2  does that",
    ]
    assert [line for line in lines if not line.startswith(" ")] == ["methods:", "attacks:", "tasks:", "teachers:"]


def test_schema_is_json(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    assert call(monkeypatch, "schema") == 0
    assert sorted(json.loads(capsys.readouterr().out)["$defs"]) == ["Manifest", "Outcome", "Predictions", "Record"]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ("run --methods nonsense", "expected one of moekd, avatar"),
        ("run --methods ,", "at least one name after --methods"),
        ("run --seeds 0,x", "--seeds 0,1,2"),
        ("run --seeds -1", "whole numbers"),
        ("run --size-mb 0", "above 0"),
        ("run --size-mb nan", "above 0"),
        ("run --preset huge", "smoke|embedded|paper"),
        ("report nowhere", "manifest.json"),
    ],
)
def test_a_mistake_is_one_line(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch, capsys: Captured, argv: str, says: str
) -> None:
    assert call(monkeypatch, *argv.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("error: ")
    assert says in printed.err


@pytest.mark.parametrize("argv", ["run --limit 0", "run --limit x", "run --nonsense", "fly"])
def test_an_option_that_does_not_exist_ends_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, argv: str
) -> None:
    assert call(monkeypatch, *argv.split()) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(experiment: Experiment) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(sys.modules["bench.registry"], "check", broken)
    monkeypatch.setattr(sys, "argv", ["bench", "run"])
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main()


@pytest.mark.parametrize("argv", [["--help"], ["run", "--help"], ["report", "--help"], ["pretrain", "--help"]])
def test_help_imports_nothing_heavy_and_is_quick(argv: list[str]) -> None:
    code = (
        "import atexit, sys\n"
        f"sys.argv = ['bench', *{argv!r}]\n"
        f"atexit.register(lambda: print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules]))\n"
        "from bench.cli import main\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout

    def seconds() -> float:
        before = os.times()
        subprocess.run([sys.executable, "-m", "bench", *argv], capture_output=True, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(5)) < 0.5, "CPU seconds: tests share their machine"


def test_lines_number_the_planned_cells_as_they_are_done() -> None:
    stream = io.StringIO()
    lines = Lines(stream, [("a", 1.0), ("b", 2.0)])
    lines.stage("training", 3)
    lines.advance(3)
    for cell in ("b", "unplanned", "b"):
        lines.finished(cell)
    lines.note("repaired")
    expected = ["[0:00:00] training", "[0:00:00] done: b (1 of 2)", "[0:00:00] repaired"]
    assert stream.getvalue().splitlines() == expected


def test_bars_count_the_cells_that_are_done_in_any_order() -> None:
    from rich.console import Console
    from rich.progress import Progress as RichProgress

    stream = io.StringIO()
    with RichProgress(console=Console(file=stream)) as rich:
        bars = Bars(rich, [("a", 1.0), ("b[/]", 2.0), ("c", 3.0)])
        bars.stage("training b[/]", 10)
        bars.advance(4)
        everything, now = rich.tasks
        assert (everything.completed, everything.total, now.completed, now.total) == (0, 6.0, 4, 10)
        for cell in ("c", "unplanned", "c", "a"):
            bars.finished(cell)
        assert (everything.completed, now.completed) == (4.0, 4)
        bars.note("repaired [x]")
    assert "repaired [x]" in stream.getvalue()


def test_clock_reads_as_hours() -> None:
    assert [clock(0), clock(59.6), clock(3725)] == ["0:00:00", "0:01:00", "1:02:05"]


def test_two_runs_are_compared(fakes: Fakes, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    for name in ("before", "after"):
        call(monkeypatch, "run", "--output", name)
    capsys.readouterr()
    assert call(monkeypatch, "report", "--compare", "before", "after") == 0
    assert "# What changed" in capsys.readouterr().out
    assert (Path("after") / "tables" / "compare.md").is_file()
    assert call(monkeypatch, "report", "--compare", "before") == 2
    assert "expected two runs after --compare, got 1" in capsys.readouterr().err


def test_a_leaderboard_is_one_page_and_a_report_for_each_run(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    call(monkeypatch, "run", "--output", "here")
    assert call(monkeypatch, "leaderboard", "here", "--output", "site") == 0
    assert (Path("site") / "index.html").is_file()
    assert (Path("site") / "runs" / "here" / "report.html").is_file()


@pytest.mark.parametrize(
    "command",
    [
        ("report",),
        ("report", "--compare", "good"),
        ("leaderboard", "--output", "site"),
        ("publish", "--output", "told"),
    ],
)
@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (None, "expected a run directory"),
        ("{", "cannot use"),
        ('{"schema": 0, "experiment": {}, "facts": {}, "sessions": []}', "schema 0"),
        ('{"schema": 1, "experiment": {}, "facts": {}, "sessions": []}', "cannot use bad/manifest.json"),
        (
            '{"schema": 1, "experiment": {"task": ["x"], "preset": 3}, "facts": {}, "sessions": []}',
            "cannot use bad/manifest.json",
        ),
    ],
)
def test_a_directory_that_is_no_run_is_one_clear_line(
    fakes: Fakes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
    command: tuple[str, ...],
    manifest: str | None,
    said: str,
) -> None:
    if "good" in command:
        call(monkeypatch, "run", "--output", "good")
    Path("bad").mkdir()
    if manifest is not None:
        (Path("bad") / "manifest.json").write_text(manifest, encoding="utf-8")
    before = sorted(Path("bad").iterdir())
    capsys.readouterr()
    assert call(monkeypatch, *command, "bad") == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert printed.count("\n") == 1
    assert sorted(Path("bad").iterdir()) == before
    assert not Path("site").exists()
