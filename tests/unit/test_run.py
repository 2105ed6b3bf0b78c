"""The whole run in seconds: cells, resuming, identical tables, a teacher from a directory, killed at any moment."""

import json
import pickle
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import registry
from bench.config import Experiment
from bench.progress import Silent
from bench.registry import Entry
from bench.report import TIMED, write
from bench.results import Outcome
from bench.run import facts, plan, robust, run
from bench.storage.cells import cells
from bench.storage.store import Store
from bench.types import Splits, UsageError

CONTROL_CELLS = 6 * 3
"""Six controls: clean, one attack, speed."""


class StoppedError(Exception):
    """Stands in for a power cut."""


class Listener(Silent):
    """Counts, and stops the run at the n-th step."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.stages, self.steps, self.stop_at = [], 0, stop_at

    def stage(self, title: str, total: int) -> None:
        self.stages.append(title)

    def advance(self, steps: int = 1) -> None:
        self.steps += steps
        if self.stop_at is not None and self.steps >= self.stop_at:
            raise StoppedError(f"at step {self.steps}")


def tables(store, out: Path) -> dict[str, bytes]:
    """Every table but the measured timings, and the report without them."""
    found = {path.name: path.read_bytes() for path in write(store, out)}
    assert found["efficiency.md"] in found["report.md"]
    untimed = [one for one in json.loads(found["report.json"])["tables"] if one["name"] != "efficiency"]
    return {
        **{name: content for name, content in found.items() if not name.startswith(TIMED)},
        "report.md": found["report.md"].replace(found["efficiency.md"], b""),
        "report.json": json.dumps(untimed).encode(),
    }


def stamps(root: Path) -> dict[str, int]:
    """When each finished cell was written; the union over attacks is made anew each time."""
    return {p.name: p.stat().st_mtime_ns for p in (root / "records").iterdir() if "worst-case" not in p.name}


@pytest.fixture(scope="module")
def finished(experiment, tmp_path_factory):
    """An uninterrupted run: its store, its tables and how many steps it took."""
    root, listener = tmp_path_factory.mktemp("whole"), Listener()
    store = run(experiment, root / "run", listener)
    return store, tables(store, root / "tables"), listener.steps


@pytest.fixture
def compressed(monkeypatch):
    """Count how often each method compresses."""
    calls = []

    class Counted:
        def __init__(self, name, method):
            self.name, self.method = name, method

        def compress(self, *arguments):
            calls.append(self.name)
            return self.method.compress(*arguments)

    def counted(name, entry):
        return Entry(entry.summary, entry.source, lambda: Counted(name, entry.make()))

    for name, entry in list(registry.METHODS.items()):
        monkeypatch.setitem(registry.METHODS, name, counted(name, entry))
    return calls


def test_every_planned_cell_has_records(finished, experiment):
    store, _, _ = finished
    todo = cells(experiment)
    assert len(todo) == len({cell.name for cell in todo}) == CONTROL_CELLS
    assert all(store.has(cell) for cell in todo)
    assert [name for name, _ in plan(experiment)] == [cell.name for cell in todo]
    metrics = {(record.attack, record.metric) for record in store.all_records()}
    assert {("", "accuracy"), ("", "size_mb"), ("", "latency_p50"), ("", "energy"), ("rename-greedy", "asr")} <= metrics
    assert ("worst-case", "robust_accuracy") in metrics
    assert {("", "fact/valid_auroc"), ("", "training_seconds"), ("", "training_utilisation")} <= metrics
    assert {record.n for record in store.all_records() if record.metric == "accuracy"} == {12}


def test_two_runs_give_the_same_tables(finished, experiment, tmp_path):
    again = run(experiment, tmp_path / "another name", Listener())
    assert tables(again, tmp_path / "out") == finished[1]


@pytest.mark.slow
def test_two_workers_give_the_same_tables_as_one(finished, experiment, tmp_path):
    store = run(experiment, tmp_path / "run", Listener(), workers=2)
    assert tables(store, tmp_path / "tables") == finished[1]


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_an_interrupted_run_goes_on_where_it_was(finished, experiment, compressed, tmp_path, share):
    _, expected, steps = finished
    with pytest.raises(StoppedError):
        run(experiment, tmp_path / "run", Listener(stop_at=round(share * steps)))
    before, made = stamps(tmp_path / "run"), list(compressed)
    lines = {path: path.read_bytes() for path in (tmp_path / "run" / "outcomes").iterdir()}
    assert 0 < len(before) < CONTROL_CELLS
    store = run(experiment, tmp_path / "run", Listener())
    assert tables(store, tmp_path / "out") == expected
    after = stamps(tmp_path / "run")
    assert {name: after[name] for name in before} == before, "a finished cell was computed again"
    assert all(path.read_bytes().startswith(content) for path, content in lines.items()), "an outcome was judged again"
    finished_students = {name.split(".")[1] for name in before if name.endswith(".clean.json")}
    again = compressed[len(made) :]
    assert not finished_students & set(again)
    assert sorted(set(again)) == sorted(again)


def test_a_finished_run_is_not_computed_again(finished, experiment, compressed):
    store, expected, _ = finished
    before, listener = stamps(store.root), Listener()
    again = run(experiment, store.root, listener)
    assert stamps(store.root) == before
    assert (compressed, listener.stages, listener.steps) == ([], [], 0)
    assert tables(again, store.root.parent / "again") == expected


def test_a_lost_prediction_is_made_again_by_the_stored_student(finished, experiment, compressed, tmp_path):
    root = Path(shutil.copytree(finished[0].root, tmp_path / "run"))
    before = {path.name: path.read_bytes() for path in (root / "predictions").iterdir()}
    assert len(before) == 6
    shutil.rmtree(root / "predictions")
    store = run(experiment, root, Listener())
    assert {path.name: path.read_bytes() for path in (root / "predictions").iterdir()} == before
    assert compressed == []
    assert tables(store, tmp_path / "out") == finished[1]


def test_another_attack_adds_cells_and_changes_none(finished, experiment, compressed, tmp_path):
    root = Path(shutil.copytree(finished[0].root, tmp_path / "run"))
    before = stamps(root)
    store = run(replace(experiment, attacks=("rename-greedy", "rewrite-beam")), root, Listener())
    after = stamps(root)
    assert len(after) == len(before) + 6
    assert before.items() <= after.items()
    assert compressed == []
    asr = {r.attack for r in store.all_records() if r.metric == "asr"}
    assert asr == {"rename-greedy", "rewrite-beam", "worst-case"}


def test_other_settings_in_the_same_directory_are_refused(finished, experiment):
    before = stamps(finished[0].root)
    with pytest.raises(UsageError, match=r"preset\.query_budget = 12, got 13: give another --output"):
        run(replace(experiment, preset=replace(experiment.preset, query_budget=13)), finished[0].root, Listener())
    assert stamps(finished[0].root) == before


def test_a_directory_of_transformers_is_a_teacher(experiment, checkpoint, tmp_path):
    named = replace(experiment, teachers=(str(checkpoint),))
    store = run(named, tmp_path / "run", Listener())
    assert all(store.has(cell) for cell in cells(named))
    text = (tables(store, tmp_path / "out"))["main.md"].decode()
    assert f"the encoder in the local directory {checkpoint.name}, fine-tuned here" in text
    assert str(checkpoint.parent) not in text, "a path of this machine in a table"


def test_a_mistaken_command_leaves_no_directory_behind(experiment, tmp_path):
    with pytest.raises(UsageError, match="substitutes"):
        run(replace(experiment, substitutes="bogus"), tmp_path / "run", Silent())
    assert not (tmp_path / "run").exists()


def test_data_is_read_before_anything_is_written(experiment, tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        run(replace(experiment, task="folder", data=str(tmp_path / "nowhere")), tmp_path / "run", Listener())
    assert not (tmp_path / "run").exists()


def test_facts_tell_what_a_reader_must_know(splits):
    found = facts(Experiment(), splits)
    assert found["counts"] == {"labelled": 16, "valid": 8, "test": 8, "unlabelled": 16}
    assert found["vulnerable"] == {"labelled": 8, "valid": 4, "test": 4}
    assert "not Microsoft's weights" in found["teachers"]["codebert-scratch"]
    assert facts(Experiment(), Splits("x", (), (), (), (), synthetic=True))["synthetic"] is True


def test_outcomes_become_percentages():
    verdicts = ("fooled", "resisted", "resisted", "resisted", "already_wrong")
    outcomes = [Outcome(f"t/{i}", 1, verdict, 10, adversarial="x") for i, verdict in enumerate(verdicts)]
    found = {one.metric: one for one in robust(outcomes)}
    assert (found["asr"].value, found["asr"].n, found["asr"].unit) == (25.0, 4, "%")
    assert (found["robust_accuracy"].value, found["robust_accuracy"].n) == (60.0, 5)


PROCESS = """
import pickle, sys
from pathlib import Path
from bench.progress import Silent
from bench.run import run
print("ready", flush=True)
run(pickle.loads(bytes.fromhex(sys.argv[1])), Path(sys.argv[2]), Silent())
"""


def process(experiment: Experiment, root: Path) -> subprocess.Popen[bytes]:
    """Start a run in a process of its own; it has imported everything when this returns."""
    argv = [sys.executable, "-c", PROCESS, pickle.dumps(experiment).hex(), str(root)]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    return child


@pytest.mark.slow
def test_a_run_killed_at_random_moments_gives_the_same_tables(experiment, tmp_path):
    everything = replace(
        experiment, methods=("moekd", "compressor", "avatar"), attacks=("rename-greedy", "rewrite-beam")
    )
    with process(everything, tmp_path / "whole") as child:
        started = time.monotonic()
        assert child.wait() == 0
    duration, rng, killed = time.monotonic() - started, np.random.default_rng(0), 0
    for _ in range(2):
        with process(everything, tmp_path / "killed") as child:
            try:
                child.wait(timeout=float(rng.uniform(0.02, 0.6)) * duration)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                killed += child.wait() == -signal.SIGKILL
    assert killed
    with process(everything, tmp_path / "killed") as child:
        assert child.wait() == 0
    whole, resumed = (tables(Store.read(tmp_path / name), tmp_path / f"{name}-out") for name in ("whole", "killed"))
    assert resumed == whole
    assert len(whole) > 15
