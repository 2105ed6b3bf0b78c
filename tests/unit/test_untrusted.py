"""Hostile input: links out of a run directory, bombs, and programs that reach for more than they were given."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
import zstandard

from attacks.compiling import read_command
from attacks.gcc import Gcc, find_gcc
from bench.config import Experiment
from bench.deploying.chosen import choose
from bench.reporting.latex import escape_latex
from bench.reporting.tables import Table, as_csv, markdown
from bench.storage.files import write_directory
from bench.storage.store import Cell, Store
from bench.tasks import rows
from bench.types import UsageError

FACTS = {"sha256": "", "source": "none"}


@pytest.mark.parametrize(
    "place", ["tables", "records", "outcomes", "artifacts", "records/x.json", "outcomes/x.jsonl", ".lock"]
)
def test_a_link_in_a_run_directory_is_refused_and_followed_nowhere(
    finished_run: Path, tmp_path: Path, place: str
) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    shutil.copytree(finished_run, run)
    outside.mkdir()
    (outside / ".tmp-mine").write_text("mine")
    link = run / place
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(outside)
    asked = Store.read(finished_run).manifest.experiment
    for use in (Store.read, lambda root: Store.open(root, Experiment(task=asked["task"]), FACTS)):
        with pytest.raises(UsageError, match="run directory without links"):
            use(run)
    assert [path.name for path in outside.iterdir()] == [".tmp-mine"]


def test_a_link_in_an_artifact_counts_as_damage(finished_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    weights = choose(Store.read(run), "kd").folder / "model.safetensors"
    moved = tmp_path / "elsewhere"
    weights.rename(moved)
    weights.symlink_to(moved)
    with pytest.raises(UsageError, match="no such"):
        choose(Store.read(run), "kd")


def test_no_name_leads_out_of_a_run_directory(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "run", Experiment(), FACTS)
    hostile = ("../../x", "/etc/passwd", "..", "a/b", "a\\b", "x\0y", "con", "é" * 300)
    for name in hostile:
        cell = Cell(name, name, 0, name, "attack")
        store.put(cell, [])
        store.save_artifact(name, name, lambda folder: None)
        assert store.has(cell)
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert len(list((tmp_path / "run" / "records").iterdir())) == len(hostile)
    assert len(list((tmp_path / "run" / "artifacts").iterdir())) == len(hostile)


def test_a_checkpoint_with_code_in_a_run_is_never_run(finished_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    folder = choose(Store.read(run), "kd").folder
    weights = folder / "model.safetensors"

    def write(made: Path) -> None:
        for name in ("config.json", "inputs.json", "tokenizer.json", "facts.json"):
            (made / name).write_bytes(content[name])
        (made / "pytorch_model.bin").write_bytes(b"cposix\nmkdir\n(V" + str(tmp_path / "ran").encode() + b"\ntR.")

    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert weights.is_file()
    write_directory(folder, write)
    with pytest.raises(UsageError, match="expected a student in"):
        choose(Store.read(run), "kd").network()
    assert not (tmp_path / "ran").exists()


def bomb(folder: Path, suffix: str, line: bytes, count: int) -> Path:
    path = folder / f"test{suffix}"
    content = line * count
    packed = gzip.compress(content) if suffix.endswith("gz") else zstandard.compress(content)
    path.write_bytes(packed)
    return path


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(rows, "SMALL", 100_000)
    bomb(tmp_path, suffix, json.dumps({"func": "int f;", "target": 0}).encode() + b"\n", 60_000)
    with pytest.raises(UsageError, match="expected at most 200 times the size of the file"):
        rows.read_split(tmp_path, "test")
    monkeypatch.setattr(rows, "MOST_EXPANSION", 10_000)
    assert len(rows.read_split(tmp_path, "test")) == 60_000


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
def test_a_line_without_end_is_not_read_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(rows, "LONGEST_LINE", 1_000)
    bomb(tmp_path, suffix, b" " * 10_000, 1)
    with pytest.raises(UsageError, match="rows of at most 1,000 bytes"):
        rows.read_split(tmp_path, "test")


def test_a_parquet_file_that_claims_too_much_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"func": ["int f;" * 1000] * 5000, "target": [0] * 5000})
    pyarrow.parquet.write_table(table, tmp_path / "test.parquet", use_dictionary=False, compression="zstd")
    monkeypatch.setattr(rows, "SMALL", 100_000)
    with pytest.raises(UsageError, match="expected at most 200 times"):
        rows.read_split(tmp_path, "test")


REACHING = r"""
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <unistd.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <utime.h>
static FILE *early;
static void before_main(void) { early = fopen("early", "w"); }
__attribute__((section(".preinit_array"), used)) static void (*const before_all)(void) = before_main;
int main(void) {
    printf("early %d\n", early != NULL);
    printf("utime %d\n", utime("../program.c", NULL));
    printf("shared %d\n", shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600) >= 0);
    printf("socket %d\n", socket(AF_INET, SOCK_STREAM, 0));
    printf("fork %d\n", fork());
    printf("system %d\n", system("true") == 0);
    printf("file %d\n", fopen("made", "w") != NULL);
    printf("unlink %d\n", unlink("../program.c"));
    printf("signal %d\n", kill(getppid(), 0));
    printf("read %d\n", fopen("/proc/self/maps", "r") != NULL);
    return 0;
}
"""


@pytest.fixture(scope="module")
def gcc() -> Gcc:
    found = find_gcc()
    if found is None or not found.confines:
        pytest.skip("no gcc that confines what it builds: no seccomp here")
    return found


def test_a_program_gets_no_network_no_process_and_no_file(gcc: Gcc) -> None:
    observed = gcc.observe(REACHING)
    assert observed.fault == ""
    assert observed.runs[0].output.splitlines() == [
        "early 0",
        "utime -1",
        "shared 0",
        "socket -1",
        "fork -1",
        "system 0",
        "file 0",
        "unlink -1",
        "signal -1",
        "read 1",
    ]


def test_a_source_that_fills_the_disk_is_stopped(gcc: Gcc) -> None:
    assert gcc.fault("char x[1UL << 30] = {1};\nint main(void) { return x[0]; }")


def test_a_compile_command_sees_no_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_command("true {file}; touch ran; $(touch ran) `touch ran` > ran").fault("int x;") == ""
    assert list(tmp_path.iterdir()) == []


HOSTILE = (
    "\\input{/etc/passwd}",
    "100% & $x_1^2$ ~ #",
    "\\\\ \\end{table}",
    "a|b\n|c",
    "<script>x</script>",
    "=1+1",
    "[l](j)",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_name_is_text_in_every_table(text: str) -> None:
    written = escape_latex(text)
    for macro in ("\\input", "\\end", "\\\\"):
        assert macro not in written
    table = Table("t", "T", ("name",), ((text,),))
    row = markdown(table).splitlines()[4]
    assert row.replace("\\|", "").count("|") == 2
    assert "<script>" not in row
    cell = as_csv(table).splitlines()[1]
    assert not cell.startswith(("=", "+", "-", "@"))
