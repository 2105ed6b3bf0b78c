"""Every fault a run meets: afterwards the same command completes with the same tables and says what it repaired.

Times tried and losses are printed by `pytest -s`; the full table is made by running this folder once.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.config import Experiment
from bench.progress import Silent
from bench.run import run
from bench.types import UsageError

Tables = Callable[[Path], dict[str, bytes]]
Start = Callable[..., "subprocess.Popen[bytes]"]
Whole = tuple[Path, dict[str, bytes]]

KILLS = 20
pytestmark = pytest.mark.slow


@dataclass
class Steps(Silent):
    """Does something at the n-th event of a run, and keeps what it is told."""

    at: int = -1
    act: Callable[[], None] = lambda: None
    seen: int = 0
    notes: list[str] = field(default_factory=list)

    def _event(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            self.act()

    def stage(self, title: str, total: int) -> None:
        self._event()

    def advance(self, steps: int = 1) -> None:
        self._event()

    def finished(self, title: str) -> None:
        self._event()

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def copied(whole: Whole, tmp_path: Path) -> Path:
    """A finished run to damage."""
    return Path(shutil.copytree(whole[0], tmp_path / "run"))


@pytest.fixture
def repaired(tiny: Experiment, whole: Whole, tables: Tables) -> Callable[[Path], list[str]]:
    """Give the same command again; return what it said, after its tables were found to be the same."""

    def again(root: Path) -> list[str]:
        listener = Steps()
        run(tiny, root, listener)
        assert tables(root) == whole[1]
        return listener.notes

    return again


def test_killed_at_twenty_random_moments(tiny: Experiment, whole: Whole, tables: Tables, tmp_path: Path) -> None:
    """Each run is a fork of this process, so that the moments are those of the run and not of imports.

    A run that was finished before its moment came is followed by one from nothing, until so many were killed.
    """
    counted = Steps()
    run(tiny, tmp_path / "counted", counted)
    rng, root, kills = random.Random(0), tmp_path / "run", 0
    while kills < KILLS:
        if _killed(tiny, root, rng.randint(1, max(counted.seen // 8, 2)), rng.uniform(0, 0.1)):
            kills += 1
        else:
            assert tables(root) == whole[1]
            shutil.rmtree(root)
    run(tiny, root, Silent())
    assert tables(root) == whole[1]


def _killed(tiny: Experiment, root: Path, step: int, seconds: float) -> bool:
    """Run until so long after so many events; tell whether it was still running."""
    child = os.fork()
    if child == 0:
        timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
        try:
            run(tiny, root, Steps(step, timer.start))
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _one(folder: Path, pattern: str) -> Path:
    return next(iter(sorted(folder.glob(pattern))))


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("artifacts/*-kd-s0-clean-*/model.safetensors", _flip),
        ("artifacts/*-kd-s0-clean-*/tokenizer.json", _half),
        ("artifacts/teacher-*/network/model.safetensors", _half),
    ],
)
def test_a_damaged_artifact_is_made_again(
    copied: Path, repaired: Callable[[Path], list[str]], file: str, damage: Callable[[Path], None]
) -> None:
    damage(_one(copied, file))
    for cell in [*(copied / "records").glob("*.kd.*"), *(copied / "outcomes").glob("*.kd.*")]:
        cell.unlink()  # so that the artifact is needed again
    if "teacher" in file:
        shutil.rmtree(_one(copied, "artifacts/*-kd-s0-clean-*"))
    assert any("does not match its checksums: made again" in note for note in repaired(copied))


@pytest.mark.parametrize(("kind", "damage"), [("clean", _half), ("attack.rename-greedy", _flip)])
def test_damaged_records_are_computed_again(
    copied: Path, repaired: Callable[[Path], list[str]], kind: str, damage: Callable[[Path], None]
) -> None:
    path = _one(copied, f"records/*.kd.s0.{kind}.json")
    damage(path)
    assert f"{path.name} is damaged: counted as not finished" in repaired(copied)


def test_damaged_outcomes_are_judged_again(copied: Path, repaired: Callable[[Path], list[str]]) -> None:
    path = _one(copied, "outcomes/*.kd.*.jsonl")
    _one(copied, "records/*.kd.s0.attack.rename-greedy.json").unlink()
    _half(path)
    assert f"{path.name} ends in a damaged line: counted as not finished from there" in repaired(copied)


@pytest.mark.parametrize("damage", ["a line less", "another verdict"])
def test_outcomes_that_do_not_match_their_records_are_judged_again(
    copied: Path, repaired: Callable[[Path], list[str]], damage: str
) -> None:
    path = _one(copied, "outcomes/*.kd.*.jsonl")
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"{")] if damage == "a line less" else content.replace(b"1", b"2", 1))
    assert f"{path.name} does not match its records: attacked again" in repaired(copied)


def test_two_runs_at_once(tiny: Experiment, whole: Whole, tables: Tables, tmp_path: Path) -> None:
    root = tmp_path / "run"
    refused: list[str] = []

    def second() -> None:
        with pytest.raises(UsageError, match="another run is writing to") as error:
            run(tiny, root, Silent())
        refused.append(str(error.value))

    run(tiny, root, Steps(5, second))
    assert len(refused) == 1
    assert tables(root) == whole[1]


@pytest.mark.parametrize("jump", [-10 * 365 * 86400.0, 10 * 365 * 86400.0], ids=["back", "ahead"])
def test_a_clock_that_jumps(
    tiny: Experiment, whole: Whole, tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    true, offset = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: true() + offset[0])

    def leap() -> None:
        offset[0] += jump
        for path in tmp_path.rglob("*"):
            if path.is_file():
                os.utime(path, (max(true() + jump, 0), max(true() + jump, 0)))
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run(tiny, tmp_path / "run", Steps(10, leap))
    run(tiny, tmp_path / "run", Silent())
    assert tables(tmp_path / "run") == whole[1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 MB: room enough to begin, and then it is filled."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300m", "none", str(place)]
    mounted = subprocess.run(command, check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a tmpfs ({mounted.stderr.decode().strip()})")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)  # models that were loaded keep their files open


@pytest.mark.parametrize("at", [3, 20])
def test_a_full_disk(tiny: Experiment, small_disk: Path, repaired: Callable[[Path], list[str]], at: int) -> None:
    filler = small_disk / "filler"

    def fill() -> None:
        with suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(b"\0" * 65536)

    with pytest.raises(UsageError, match="no space left"):
        run(tiny, small_disk / "run", Steps(at, fill))
    with pytest.raises(UsageError, match="no space left"):
        run(tiny, small_disk / "run", Silent())
    filler.unlink()
    repaired(small_disk / "run")


def test_a_file_size_limit_is_one_clear_line(
    start: Start, tmp_path: Path, repaired: Callable[[Path], list[str]]
) -> None:
    """As a quota: no file may grow beyond 20,000 bytes; artifacts are larger."""
    before = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    before += "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))"
    with start(tmp_path / "run", before) as child:
        _, said = child.communicate()
    assert child.returncode == 2, said
    assert b"no space left" in said
    repaired(tmp_path / "run")


def test_a_worker_out_of_memory(tiny: Experiment, tmp_path: Path, repaired: Callable[[Path], list[str]]) -> None:
    """The kernel kills a worker when memory is short: as SIGKILL does, here to each worker as soon as it is seen."""
    me, root = os.getpid(), tmp_path / "run"

    def kill_a_worker() -> None:
        for _ in range(600):
            children = Path(f"/proc/{me}/task/{me}/children").read_text().split()
            workers = [int(pid) for pid in children if b"loky" in Path(f"/proc/{pid}/cmdline").read_bytes()]
            if workers:
                os.kill(workers[-1], signal.SIGKILL)
                return
            time.sleep(0.05)

    with pytest.raises(UsageError, match="give fewer --workers; the same command goes on from here"):
        run(tiny, root, Steps(3, kill_a_worker), workers=2)
    repaired(root)
