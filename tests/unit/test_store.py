"""The store under use and under every fault that a run directory meets."""

import errno
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.config import Experiment
from bench.presets import EMBEDDED, SMOKE, preset
from bench.results import Outcome, Predictions, Record
from bench.storage import files
from bench.storage.schema import SCHEMA, json_schema
from bench.storage.store import Cell, Store
from bench.types import UsageError

FACTS = {"sha256": "abc", "source": "generator, seed 0", "commit": "c0ffee"}
CELL = Cell("codebert-scratch", "moekd", 0, "rename-greedy", "attack")
RECORD = Record("embedded", "codebert-scratch", "moekd", 0, "rename-greedy", "asr", 1 / 3, "%", 9, 0.1, 0.6)
OUTCOME = Outcome("embedded/1", 1, "fooled", 12, changed=("rename a -> b",), adversarial='int f() { return "é\\n"; }')


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "run", Experiment(), FACTS)
    yield opened
    opened.close()


def snapshot(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def test_cell_names_are_readable() -> None:
    assert CELL.name == "codebert-scratch.moekd.s0.attack.rename-greedy"
    assert Cell("codebert-scratch", "kd", 3).name == "codebert-scratch.kd.s3.clean"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/home/me/My Model", "", ".", "a.b", "CODEBERT", "ü" * 300, "a\0b"]
)
def test_cell_names_are_safe_and_unique(name: str) -> None:
    found = Cell(name, "kd", 0).name
    assert found != Cell("codebert", "kd", 0).name
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert len(found) < 100
    assert ".." not in found
    assert Cell(name + "x", "kd", 0).name != found


def test_a_cell_is_finished_by_its_records(run: Store) -> None:
    assert not run.has(CELL)
    assert run.records(CELL) == []
    run.put(CELL, [RECORD, replace(RECORD, metric="robust_accuracy", low=None)])
    assert run.has(CELL)
    assert run.records(CELL) == [RECORD, replace(RECORD, metric="robust_accuracy", low=None)]
    assert run.repairs == []


def test_what_is_not_defined_is_null_in_the_file_and_nan_again(run: Store) -> None:
    run.put(CELL, [replace(RECORD, value=math.nan, low=math.nan, high=math.nan)])
    (record,) = run.records(CELL)
    assert math.isnan(record.value)
    assert (record.low, record.high) == (None, None)
    assert "NaN" not in (run.root / "records" / f"{CELL.name}.json").read_text()


def test_all_records_come_in_one_order(run: Store) -> None:
    cells = [Cell("t", method, seed) for method in ("moekd", "avatar") for seed in (1, 0)]
    for cell in cells:
        run.put(cell, [replace(RECORD, method=cell.method, seed=cell.seed)])
    found = [(record.method, record.seed) for record in run.all_records()]
    assert found == [("avatar", 0), ("avatar", 1), ("moekd", 0), ("moekd", 1)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace("0.333", "0.433"),
        lambda text: text.replace('"asr"', '"ASR"'),
        lambda text: "[]",
        lambda text: "[" * 100_000,
        lambda text: text.replace("moekd", "kd"),
    ],
)
def test_damaged_records_count_as_unfinished(run: Store, damage: Callable[[str], str]) -> None:
    run.put(CELL, [RECORD])
    path = run.root / "records" / f"{CELL.name}.json"
    path.write_text(damage(path.read_text()))
    assert not run.has(CELL)
    assert run.all_records() == []
    assert run.repairs == [f"{path.name} is damaged: counted as not finished"]
    run.put(CELL, [RECORD])
    assert run.records(CELL) == [RECORD]


def test_outcomes_are_kept_one_by_one(run: Store) -> None:
    assert run.outcomes(CELL) == []
    odd = replace(OUTCOME, adversarial="a\u2028b\ud800\0\r\n", seconds=0.1)
    for outcome in (OUTCOME, odd):
        run.append(CELL, outcome)
    assert run.outcomes(CELL) == [OUTCOME, odd]


CLEAN = replace(CELL, attack="", kind="clean")
JUDGED = Predictions(("t/0", "t/1", "t/2"), (1, 0, 1), (0.9, 1 / 3, 0.5))


def test_a_clean_cell_is_finished_by_records_and_predictions(run: Store) -> None:
    run.put(CLEAN, [RECORD])
    assert run.predictions(CLEAN) is None
    assert not run.has(CLEAN)
    run.keep(CLEAN, JUDGED)
    assert run.predictions(CLEAN) == JUDGED
    assert run.has(CLEAN)
    assert JUDGED.right == (True, True, False)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("0.9", "0.8"),
        lambda text: text.replace("clean", "speed"),
        lambda text: "[]",
    ],
)
def test_damaged_predictions_count_as_unfinished(run: Store, damage: Callable[[str], str]) -> None:
    run.put(CLEAN, [RECORD])
    run.keep(CLEAN, JUDGED)
    path = run.root / "predictions" / f"{CLEAN.name}.json"
    path.write_text(damage(path.read_text()))
    assert run.predictions(CLEAN) is None
    assert not run.has(CLEAN)
    assert run.repairs == [f"{path.name} is damaged: counted as not finished"]


@pytest.mark.parametrize(
    "columns", [(("a",), (1, 0), (0.1, 0.2)), (("a", "a"), (1, 0), (0.1, 0.2)), (("a",), (1,), (2.0,))]
)
def test_columns_that_do_not_belong_together_are_no_predictions(columns: tuple[tuple, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Predictions(*columns)


@pytest.mark.parametrize(
    "tail", [b'{"sample_id": "embedded/2", "la', b"\xff\xfe\n", b'{"sample_id": 1}\n', b"null\n", b"{}"]
)
def test_a_truncated_last_outcome_is_cut_off(tmp_path: Path, tail: bytes) -> None:
    first = Store.open(tmp_path / "run", Experiment(), FACTS)
    first.append(CELL, OUTCOME)
    first.close()
    path = tmp_path / "run" / "outcomes" / f"{CELL.name}.jsonl"
    path.write_bytes(path.read_bytes() + tail)
    second = Store.open(tmp_path / "run", Experiment(), FACTS)
    assert second.outcomes(CELL) == [OUTCOME]
    second.append(CELL, replace(OUTCOME, sample_id="embedded/2"))
    assert [outcome.sample_id for outcome in second.outcomes(CELL)] == ["embedded/1", "embedded/2"]
    assert second.repairs == [f"{path.name} ends in a damaged line: counted as not finished from there"]
    second.close()


def fill(directory: Path) -> None:
    (directory / "deep").mkdir()
    (directory / "deep" / "weights.bin").write_bytes(b"\0\1\2")
    (directory / "config.json").write_text("{}")


def test_an_artifact_is_found_by_name_and_key(run: Store) -> None:
    path = run.save_artifact("teacher", "seed 0", fill)
    assert run.artifact("teacher", "seed 0") == path
    assert (path / "deep" / "weights.bin").read_bytes() == b"\0\1\2"
    assert run.artifact("teacher", "seed 1") is None
    assert run.artifact("../teacher", "seed 0") is None
    assert path.parent == run.root / "artifacts"


@pytest.mark.parametrize("fault", ["change", "remove", "add", "no checksums", "broken checksums"])
def test_a_damaged_artifact_is_removed_and_named(run: Store, fault: str) -> None:
    path = run.save_artifact("teacher", "seed 0", fill)
    if fault == "change":
        (path / "deep" / "weights.bin").write_bytes(b"\0\1\3")
    elif fault == "remove":
        (path / "config.json").unlink()
    elif fault == "add":
        (path / "pytorch_model.bin").write_bytes(b"pickle")
    elif fault == "no checksums":
        (path / files.CHECKSUMS).unlink()
    else:
        (path / files.CHECKSUMS).write_text("{")
    assert run.artifact("teacher", "seed 0") is None
    assert not path.exists()
    assert run.repairs == [f"{path.name} does not match its checksums: made again"]
    assert run.save_artifact("teacher", "seed 0", fill) == path


def test_an_artifact_whose_making_fails_leaves_nothing(run: Store) -> None:
    def fail(directory: Path) -> None:
        fill(directory)
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        run.save_artifact("teacher", "seed 0", fail)
    assert list((run.root / "artifacts").iterdir()) == []


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_clear_line_and_loses_nothing(run: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run.put(CELL, [RECORD])
    run.append(CELL, OUTCOME)
    before = snapshot(run.root)
    monkeypatch.setattr(os, "fsync", no_space)
    for save in (lambda: run.put(CELL, []), lambda: run.save_artifact("teacher", "0", fill)):
        with pytest.raises(UsageError, match="no space left"):
            save()
    monkeypatch.setattr(Path, "open", no_space)
    with pytest.raises(UsageError, match="no space left"):
        run.append(CELL, OUTCOME)
    monkeypatch.undo()
    assert snapshot(run.root) == before


def test_a_library_that_words_a_full_disk_its_own_way_is_understood(run: Store) -> None:
    def fail(directory: Path) -> None:
        raise RuntimeError("I/O error: No space left on device (os error 28)")

    with pytest.raises(UsageError, match="no space left"):
        run.save_artifact("teacher", "0", fail)


def test_a_nearly_full_disk_stops_a_run_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5_000_000))
    with pytest.raises(UsageError, match="5 MB free, a run needs 200 MB"):
        Store.open(tmp_path / "run", Experiment(), FACTS)


def test_a_second_run_at_once_is_refused(run: Store) -> None:
    with pytest.raises(UsageError, match=f"another run is writing to {run.root}"):
        Store.open(run.root, Experiment(), FACTS)
    run.close()
    Store.open(run.root, Experiment(), FACTS).close()


def test_the_lock_goes_when_its_process_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from bench.config import Experiment; from bench.storage.store import Store\n"
        f"store = Store.open(Path(sys.argv[1]), Experiment(), {FACTS!r}); print('locked', flush=True); time.sleep(60)"
    )
    root = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(UsageError, match="another run"):
            Store.open(root, Experiment(), FACTS)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    Store.open(root, Experiment(), FACTS).close()


def test_half_written_files_are_swept_away(tmp_path: Path) -> None:
    Store.open(tmp_path / "run", Experiment(), FACTS).close()
    (tmp_path / "run" / "records" / ".tmp-x").write_text("{")
    (tmp_path / "run" / "artifacts" / ".tmp-y").mkdir()
    opened = Store.open(tmp_path / "run", Experiment(), FACTS)
    assert opened.repairs == ["removed 2 half-written file(s) of an interrupted run"]
    assert list((tmp_path / "run" / "artifacts").iterdir()) == []
    opened.close()


def test_lists_grow_to_the_union(tmp_path: Path) -> None:
    root = tmp_path / "run"
    Store.open(root, Experiment(methods=("moekd",), seeds=(0,)), FACTS).close()
    grown = Store.open(root, Experiment(methods=("avatar", "moekd"), seeds=(2, 0), attacks=("mhm",)), FACTS)
    grown.close()
    found = Store.read(root).manifest
    assert found == grown.manifest
    assert found.experiment["methods"] == ["moekd", "avatar"]
    assert found.experiment["seeds"] == [0, 2]
    assert found.experiment["attacks"] == ["rename-greedy", "rewrite-beam", "mhm"]
    assert len(found.sessions) == 1
    assert found.sessions[0]["commit"] == "c0ffee"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (Experiment(task="devign"), "task = embedded, got devign"),
        (Experiment(device="cuda"), "device = cpu, got cuda"),
        (Experiment(as_released=True), "as_released = False, got True"),
        (Experiment(preset=SMOKE), "preset.name = embedded, got smoke"),
        (Experiment(preset=preset("embedded", limit=7)), f"preset.test_limit = {EMBEDDED.test_limit}, got 7"),
        (
            Experiment(preset=replace(EMBEDDED, recipe=replace(EMBEDDED.recipe, epochs=9))),
            f"preset.recipe.epochs = {EMBEDDED.recipe.epochs}, got 9",
        ),
    ],
)
def test_other_settings_need_another_directory(tmp_path: Path, changed: Experiment, named: str) -> None:
    Store.open(tmp_path, Experiment(), FACTS).close()
    before = snapshot(tmp_path)
    with pytest.raises(UsageError, match=named) as caught:
        Store.open(tmp_path, changed, FACTS)
    assert "give another --output" in str(caught.value)
    assert snapshot(tmp_path) == before


def test_other_data_needs_another_directory(tmp_path: Path) -> None:
    Store.open(tmp_path, Experiment(), FACTS).close()
    with pytest.raises(UsageError, match="data sha256 = abc, got xyz"):
        Store.open(tmp_path, Experiment(), {**FACTS, "sha256": "xyz"})


def test_another_commit_is_a_session_of_its_own(tmp_path: Path) -> None:
    Store.open(tmp_path, Experiment(), FACTS).close()
    Store.open(tmp_path, Experiment(), {**FACTS, "commit": "beef"}).close()
    assert [session["commit"] for session in Store.read(tmp_path).manifest.sessions] == ["c0ffee", "beef"]


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        '{"schema": 1}',
        '{"schema": 1, "experiment": 3, "facts": {}, "sessions": []}',
        "[" * 100_000,
    ],
)
def test_reading_a_foreign_or_half_written_run_is_refused(tmp_path: Path, manifest: str | None) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    before = snapshot(tmp_path)
    with pytest.raises(UsageError, match=r"manifest\.json"):
        Store.read(tmp_path)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("version", [SCHEMA - 1, SCHEMA + 1])
def test_another_schema_is_refused(tmp_path: Path, version: int) -> None:
    Store.open(tmp_path, Experiment(), FACTS).close()
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": version}))
    with pytest.raises(UsageError, match=f"schema {version}, this program reads schema {SCHEMA}"):
        Store.read(tmp_path)
    with pytest.raises(UsageError, match=f"schema {version}"):
        Store.open(tmp_path, Experiment(), FACTS)


def test_a_directory_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match=r"thesis\.tex"):
        Store.open(tmp_path, Experiment(), FACTS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_way_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    with pytest.raises(UsageError, match="give another --output"):
        Store.open(tmp_path / "run", Experiment(), FACTS)


def test_an_unwritable_output_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "mkdir", refuse)  # permissions do not bind root, who runs the tests in containers
    with pytest.raises(UsageError, match="Permission denied: give another --output"):
        Store.open(tmp_path / "run", Experiment(), FACTS)


def test_reading_changes_nothing(run: Store) -> None:
    run.put(CELL, [RECORD])
    path = run.save_artifact("teacher", "0", fill)
    (path / "config.json").write_text("changed")
    before = snapshot(run.root)
    reader = Store.read(run.root)
    assert reader.artifact("teacher", "0") is None
    assert reader.records(CELL) == [RECORD]
    saves: list[Callable[[], None]] = [lambda: reader.put(CELL, []), lambda: reader.append(CELL, OUTCOME)]
    for save in saves:
        with pytest.raises(ValueError, match="opened for reading"):
            save()
    assert snapshot(run.root) == before


def test_a_run_killed_while_saving_keeps_whole_cells_only(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from bench.config import Experiment; from bench.results import *\n"
        "from bench.storage.store import Cell, Store\n"
        f"store = Store.open(Path(sys.argv[1]), Experiment(), {FACTS!r}); print('go', flush=True); i = 0\n"
        "while True:\n"
        "    cell = Cell('t', 'kd', i, kind='speed'); i += 1\n"
        "    store.append(cell, Outcome('a', 1, 'fooled', i, adversarial='x' * 100_000))\n"
        "    store.put(cell, [Record('e', 't', 'kd', i, '', 'm', k / 7, '', 1) for k in range(500)])\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "go\n"
        while not any((tmp_path / "records").glob("*.json")):
            time.sleep(0.01)
        time.sleep(0.3)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    found = Store.open(tmp_path, Experiment(), FACTS)
    cells = [Cell("t", "kd", seed, kind="speed") for seed in range(len(list((tmp_path / "records").glob("*.json"))))]
    assert cells
    assert all(found.has(cell) and len(found.outcomes(cell)) == 1 for cell in cells)
    assert not [line for line in found.repairs if "damaged" in line]
    found.close()


def test_the_schema_describes_what_is_written() -> None:
    shapes = json_schema()["$defs"]
    assert sorted(shapes) == ["Manifest", "Outcome", "Predictions", "Record"]
    assert {"type": "null"} in shapes["Record"]["properties"]["value"]["anyOf"]
    assert shapes["Outcome"]["properties"]["verdict"]["enum"][0] == "fooled"
    json.dumps(json_schema())
