"""The graph of jobs: order, room, keeping, faults; and the three executors behind one protocol."""

from __future__ import annotations

import os
import socket
import threading
import time
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from joblib import cpu_count
from joblib.externals.loky.process_executor import TerminatedWorkerError

from bench.running import executors
from bench.running.executors import InProcess, executor
from bench.running.jobs import Job, execute
from bench.types import UsageError


class Slow:
    """Finishes jobs in an order of its own, and remembers how many were in flight."""

    sees_files = True
    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)

    def __init__(self, room: int) -> None:
        self.room, self.begun = room, list[str]()
        self.most = self.now = 0

    def capacity(self) -> int:
        return self.room

    def share(self, value: object) -> object:
        return value

    def submit(self, function: Any, *arguments: object) -> Future[Any]:
        future: Future[Any] = Future()
        self.begun.append(str(arguments[0]))
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def upper(name: str) -> str:
    return name.upper()


def broken(name: str) -> str:
    raise {"usage": UsageError("mend it"), "dead": BrokenExecutor("gone")}[name]


def job(name: str, *needs: str, kept: list[str], function: Any = upper, crew: Slow | None = None) -> Job:
    def keep(found: str) -> None:
        kept.append(found)
        if crew is not None:
            crew.now -= 1

    return Job(name, function, lambda: (name,), keep, needs)


def test_each_job_comes_after_those_it_needs_and_the_first_of_the_list_first() -> None:
    kept: list[str] = []
    crew = Slow(1)
    jobs = [job(*one, kept=kept) for one in (("d", "b", "c"), ("b", "a"), ("a",), ("c", "a"), ("x",))]
    assert [one.name for one in execute(jobs, crew)] == ["a", "b", "c", "d", "x"]
    assert kept == ["A", "B", "C", "D", "X"]


@pytest.mark.parametrize("room", [1, 2, 5])
def test_no_more_are_in_flight_than_there_is_room_for(room: int) -> None:
    kept: list[str] = []
    crew = Slow(room)
    assert len(list(execute([job(str(n), kept=kept, crew=crew) for n in range(9)], crew))) == 9
    assert crew.most == room


def test_arguments_are_made_when_what_is_needed_is_kept() -> None:
    kept: list[str] = []
    late = Job("late", upper, lambda: (kept[0],), kept.append, ("early",))
    assert len(list(execute([late, job("early", kept=kept)], Slow(4)))) == 2
    assert kept == ["EARLY", "EARLY"]


def test_a_job_that_fails_takes_no_finished_one_with_it() -> None:
    kept: list[str] = []
    jobs = [job("usage", kept=kept, function=broken), job("a", kept=kept), job("b", kept=kept)]
    with pytest.raises(UsageError, match="mend it"):
        list(execute(jobs, Slow(3)))
    assert kept == ["A", "B"]


def test_a_lost_worker_is_one_clear_line() -> None:
    with pytest.raises(UsageError, match="give fewer --workers; the same command goes on from here"):
        list(execute([job("dead", kept=[], function=broken)], Slow(1)))


@pytest.mark.parametrize(
    "needs", [[("a", "nobody")], [("a", "a")], [("a", "b"), ("b", "a")], [("a",), ("a",)]], ids=str
)
def test_a_graph_that_cannot_be_done_is_a_mistake(needs: list[tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match="expected jobs"):
        list(execute([job(*one, kept=[]) for one in needs], Slow(1)))


def test_no_jobs_are_done_at_once() -> None:
    assert list(execute([], Slow(1))) == []


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")]
)
def test_want_of_memory_is_one_clear_line(error: Exception) -> None:
    def work() -> None:
        raise error

    with pytest.raises(UsageError, match="expected memory for a job"):
        InProcess().submit(work)


def test_a_mistake_of_ours_stays_one() -> None:
    def work() -> None:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        InProcess().submit(work)


def test_one_worker_is_this_process() -> None:
    with executor() as crew:
        assert crew.submit(os.getpid).result() == os.getpid()


def test_processes_end_with_their_driver() -> None:
    child = os.fork()
    if child == 0:
        executors.end_with(os.getpid())  # somebody who is not the parent: as if the parent had died
        time.sleep(30)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


@pytest.mark.slow
def test_two_workers_are_two_other_processes_that_are_gone_afterwards(tmp_path: Path) -> None:
    def met() -> int:
        """Wait for the other worker, however long it takes to start."""
        (tmp_path / str(os.getpid())).touch()
        for _ in range(1200):
            if len(list(tmp_path.iterdir())) == 2:
                break
            time.sleep(0.05)
        return os.getpid()

    seen: list[int] = []
    with executor(2) as crew:
        assert len(list(execute([Job(str(n), met, tuple, seen.append) for n in range(6)], crew))) == 6
        assert crew.submit(cpu_count).result() == 1  # what a job shares with further processes, it does itself
    assert len(set(seen)) == 2
    assert os.getpid() not in seen
    assert not [pid for pid in set(seen) if _alive(pid)]


@pytest.mark.slow
def test_a_worker_that_ends_itself_is_one_clear_line() -> None:
    with executor(2) as crew, pytest.raises(UsageError, match="give fewer --workers"):
        list(execute([Job("end", os._exit, lambda: (9,), print)], crew))


@pytest.mark.slow
def test_a_worker_that_died_between_two_jobs_is_the_same_line() -> None:
    with executor(2) as crew:
        with suppress(TerminatedWorkerError):
            crew.submit(os._exit, 9).result()
        with pytest.raises(UsageError, match="give fewer --workers"):
            list(execute([Job("late", os.getpid, tuple, print)], crew))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("address", ["nowhere", "tcp://127.0.0.1:1", "carrier-pigeon://coop:1", ""])
def test_a_bad_scheduler_address_is_one_clear_line(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    monkeypatch.setattr(executors, "PATIENCE", 1)
    expected = r"expected a Dask scheduler at --scheduler .* give an address such as"
    before = set(threading.enumerate())
    with pytest.raises(UsageError, match=expected), executor(scheduler=address):
        pass
    assert not [one for one in threading.enumerate() if one.name == "IO loop" and one not in before], "all is closed"


def test_a_port_where_something_else_listens_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    monkeypatch.setattr(executors, "PATIENCE", 1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(UsageError, match="expected a Dask scheduler"), executor(scheduler=address):
            pass


def test_without_the_extra_dask_the_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'moekd-bench\[dask\]'"), executor(scheduler="tcp://x:1"):
        pass
