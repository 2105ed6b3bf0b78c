"""Who runs the jobs of a graph: this process, loky's processes on this machine, or the workers of a Dask cluster.

Every job runs alone in its process and on a fixed number of threads, which is what makes results the same bytes under
each of the three (D58). Values travel by cloudpickle between processes of one user; nothing is unpickled from files.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Any, TypeVar

from joblib.externals.loky.process_executor import TerminatedWorkerError

from bench.running.jobs import Executor
from bench.types import UsageError

AHEAD = 2
"""Jobs in flight per worker, so that none waits for the next."""
PATIENCE = 10
"""Seconds in which a scheduler must answer and have a worker."""
WATCH = 1.0
"""Seconds between two looks of a worker at whether its driver lives."""
OUT_OF_MEMORY = ("not enough memory", "allocate memory", "CUDA out of memory")
"""What torch says of a CPU and of a GPU."""

Value = TypeVar("Value")


@contextmanager
def executor(workers: int = 1, scheduler: str | None = None) -> Iterator[Executor]:
    """Open the executor that was asked for, and end what it started.

    Args:
        workers: processes of this machine; 1 is this process itself.
        scheduler: address of a Dask scheduler, whose workers take their place.

    Raises:
        UsageError: no such scheduler, or one without usable workers.
    """
    if scheduler is not None:
        with _dask(scheduler) as found:
            yield found
    elif workers == 1:
        yield InProcess()
    else:
        with _local(workers) as made:
            yield made


class InProcess:
    """Runs a job when it is submitted."""

    sees_files = True
    lost: tuple[type[BaseException], ...] = ()

    def capacity(self) -> int:
        """One: its result is kept before the next begins."""
        return 1

    def share(self, value: object) -> object:
        """Return the value."""
        return value

    def submit(self, function: Callable[..., object], *arguments: object) -> Future[Any]:
        """Run, and let what goes wrong come through."""
        future: Future[Any] = Future()
        future.set_result(alone(function, *arguments))
        return future


class Local:
    """Runs jobs in loky's processes."""

    sees_files = True
    lost: tuple[type[BaseException], ...] = (TerminatedWorkerError,)

    def __init__(self, pool: Any, workers: int) -> None:
        """Use a pool of so many workers."""
        self._pool, self._workers = pool, workers

    def capacity(self) -> int:
        """As many as keep all workers busy."""
        return AHEAD * self._workers

    def share(self, value: object) -> object:
        """Return the value: it travels with every job, through a pipe."""
        return value

    def submit(self, function: Callable[..., object], *arguments: object) -> Future[Any]:
        """Hand the job to the next free process; its future tells if a worker has died before, as of jobs that ran."""
        future: Future[Any]
        try:
            future = self._pool.submit(alone, function, *arguments)
        except self.lost as error:
            future = Future()
            future.set_exception(error)
        return future


@contextmanager
def _local(workers: int) -> Iterator[Local]:
    from joblib.externals.loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(workers, initializer=_begin, initargs=(os.getpid(),))
    with warnings.catch_warnings():
        # loky replaces a worker whose memory has grown; nothing is lost, and nobody need know.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs", category=UserWarning)
        try:
            yield Local(pool, workers)
        finally:
            pool.shutdown(wait=True, kill_workers=True)


class Dask:
    """Runs jobs on a Dask cluster, which runs those of a worker that died again on another."""

    sees_files = False

    def __init__(self, client: Any) -> None:
        """Use a connected client."""
        from distributed.scheduler import KilledWorker

        self.lost: tuple[type[BaseException], ...] = (KilledWorker, CancelledError)
        self._client, self._pool = client, client.get_executor(pure=False)

    def capacity(self) -> int:
        """As many as keep the workers of this moment busy; without any, a few wait for one to come."""
        threads = self._client.nthreads()
        if any(count != 1 for count in threads.values()):
            raise UsageError(
                f"expected Dask workers of one thread, got one of {max(threads.values())}: start more of them with "
                "--nthreads 1, because jobs set random seeds and threads for their whole process"
            )
        return AHEAD * max(len(threads), 1)

    def share(self, value: object) -> object:
        """Return a future of the value: a worker fetches it once, and it outlives the worker that has it."""
        return self._client.submit(_itself, value, pure=False)

    def submit(self, function: Callable[..., object], *arguments: object) -> Future[Any]:
        """Let the scheduler choose a worker."""
        future: Future[Any] = self._pool.submit(alone, function, *arguments)
        return future


@contextmanager
def _dask(address: str) -> Iterator[Dask]:
    try:
        from distributed import Client
        from distributed.utils import LoopRunner
    except ImportError as error:
        raise UsageError("--executor dask needs an extra: pip install 'moekd-bench[dask]'") from error
    try:
        # A client that finds no scheduler is never closed, and waits when it is collected, in whichever thread that is.
        LoopRunner().run_sync(_identify, address)
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"expected a Dask scheduler at --scheduler {address}, got {_reason(error)}: give an address such as "
            "tcp://10.0.0.1:8786"
        ) from error
    with client, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise UsageError(
                f"expected workers at the Dask scheduler {address}, got none in {PATIENCE} s: start some with "
                f"`dask worker {address} --nthreads 1`"
            ) from error
        yield Dask(client)


async def _identify(address: str) -> None:
    """Raise OSError or ValueError unless a Dask scheduler answers at the address."""
    from distributed.core import rpc
    from distributed.security import Security

    async with rpc(address, timeout=PATIENCE, connection_args=Security().get_connection_args("client")) as remote:
        found = await asyncio.wait_for(remote.identity(), PATIENCE)
    if found["type"] != "Scheduler":
        raise ValueError(f"the address of a {found['type']}")


def alone(function: Callable[..., Value], *arguments: object) -> Value:
    """Run a job while no other runs in this process.

    Raises:
        UsageError: there is not enough memory for it.
    """
    with _ONE_AT_A_TIME:
        try:
            return function(*arguments)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, MemoryError) or any(sign in str(error) for sign in OUT_OF_MEMORY):
                raise UsageError(
                    f"expected memory for a job, got {_reason(error)}: give fewer --workers or another machine; the "
                    "same command goes on from here"
                ) from error
            raise


_ONE_AT_A_TIME = threading.Lock()
"""A Dask worker that joins late may have several threads."""


def _begin(driver: int) -> None:
    """Prepare a worker: what it would share with further processes it does itself, because all cores have workers."""
    os.environ["LOKY_MAX_CPU_COUNT"] = "1"
    end_with(driver)


def end_with(driver: int) -> None:
    """Let this process die soon after its parent `driver`: what it computes would be lost, and it is in the way."""

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(WATCH)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _itself(value: Value) -> Value:
    return value


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
