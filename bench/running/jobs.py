"""A graph of jobs: each is begun as soon as those it needs are done, wherever there is room.

joblib's `Parallel` takes a list, not a graph, so its engines are used directly (`bench.running.executors`): this module
decides what may begin, and they run it. Arguments are made and results are kept in the process that calls `execute`,
which is therefore the only one that writes. Which job is finished first depends on the machine; what it returns must
not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any, Protocol

from bench.types import UsageError


@dataclass(frozen=True)
class Job:
    """One piece of work."""

    name: str
    """Its own among all jobs of a graph."""
    function: Callable[..., Any]
    """At the top of a module, so that it can travel."""
    arguments: Callable[[], tuple[object, ...]]
    """Called when the job begins: by then, what it needs is kept."""
    keep: Callable[[Any], None]
    """Called with what the function returned."""
    needs: tuple[str, ...] = ()
    """Names of jobs that come before."""


class Executor(Protocol):
    """Somebody who runs functions, here or elsewhere."""

    sees_files: bool
    """Whether the functions see the files that the caller sees."""
    lost: tuple[type[BaseException], ...]
    """Errors of a future that mean that a worker died, not that the work is wrong."""

    def capacity(self) -> int:
        """Return how many jobs may be begun and not finished at this moment."""
        ...

    def share(self, value: object) -> object:
        """Return what stands for a value that many jobs get among their arguments."""
        ...

    def submit(self, function: Callable[..., object], *arguments: object) -> Future[Any]:
        """Begin."""
        ...


def execute(jobs: Sequence[Job], executor: Executor) -> Iterator[Job]:
    """Run all jobs, the earlier in the list the sooner, and yield each when its result is kept.

    Raises:
        ValueError: a job needs one that is not there, or itself.
        UsageError: a worker died. Whatever else a job raises comes through; the results before it are kept.
    """
    places = {job.name: place for place, job in enumerate(jobs)}
    missing = [len(set(job.needs)) for job in jobs]
    followers: dict[str, list[int]] = {}
    for place, job in enumerate(jobs):
        for name in dict.fromkeys(job.needs):
            followers.setdefault(name, []).append(place)
    if len(places) != len(jobs) or not followers.keys() <= places.keys():
        raise ValueError("expected jobs with names of their own that need one another only")
    ready = [place for place, count in enumerate(missing) if count == 0]
    heapify(ready)
    running: dict[Future[Any], int] = {}
    done = 0
    while ready or running:
        while ready and len(running) < executor.capacity():
            place = heappop(ready)
            running[executor.submit(jobs[place].function, *jobs[place].arguments())] = place
        for future in _finished(running):
            job = jobs[running.pop(future)]
            job.keep(_result(future, executor))
            done += 1
            for place in followers.get(job.name, ()):
                missing[place] -= 1
                if missing[place] == 0:
                    heappush(ready, place)
            yield job
    if done < len(jobs):
        raise ValueError("expected jobs that can begin, got some that need one another in a circle")


def _finished(running: dict[Future[Any], int]) -> list[Future[Any]]:
    """Wait for at least one; those that failed come last, so that they take nothing with them."""
    futures, _ = wait(running, return_when=FIRST_COMPLETED)
    return sorted(futures, key=lambda one: (one.cancelled() or one.exception() is not None, running[one]))


def _result(future: Future[Any], executor: Executor) -> Any:
    try:
        return future.result()
    except executor.lost as error:
        raise UsageError(
            "expected the workers to live, got one that died, perhaps for want of memory: give fewer --workers; the "
            "same command goes on from here"
        ) from error
