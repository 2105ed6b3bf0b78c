"""A Dask cluster on loopback: the same tables, also when a worker is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.config import Experiment
from bench.progress import Silent
from bench.run import run

pytest.importorskip("distributed", reason="needs the extra dask")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers in processes of their own: its address, and the workers."""
    file, quiet = tmp_path / "scheduler.json", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--host", "127.0.0.1"]
    scheduler = subprocess.Popen([*command, "--port", "0", "--scheduler-file", str(file)], **quiet)
    command = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard", "--no-nanny", "--nthreads", "1"]
    local = ["--local-directory", str(tmp_path), "--scheduler-file", str(file)]
    workers = [subprocess.Popen([*command, *local], **quiet) for _ in range(2)]
    try:
        yield _address(file), workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def _address(file: Path) -> str:
    import json

    for _ in range(600):
        try:
            return str(json.loads(file.read_text())["address"])
        except (OSError, ValueError):
            time.sleep(0.1)
    raise AssertionError("the scheduler did not start")


class Killer(Silent):
    """Kills a process when the first cell is stored."""

    def __init__(self, victim: subprocess.Popen[bytes]) -> None:
        self.victim, self.cells = victim, 0

    def finished(self, title: str) -> None:
        if self.cells == 0:
            os.kill(self.victim.pid, signal.SIGKILL)
            assert self.victim.wait() == -signal.SIGKILL
        self.cells += 1


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_changes_no_table(
    tiny: Experiment,
    whole: tuple[Path, dict[str, bytes]],
    tables: Callable[[Path], dict[str, bytes]],
    cluster: tuple[str, list[subprocess.Popen[bytes]]],
    tmp_path: Path,
) -> None:
    from distributed import Client

    address, workers = cluster
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    killer = Killer(workers[0])
    run(tiny, tmp_path / "run", killer, scheduler=address)
    assert killer.cells > 1
    assert workers[1].poll() is None
    assert tables(tmp_path / "run") == whole[1]
