"""Several attacks side by side, so that the victim is asked in full batches.

Every attack sees a victim of its own and never knows of the others: it runs in a thread that sleeps while its question
is open. One thread runs at a time, always in the same order; when all of them wait, their questions go to the real
victim as one. So the same tasks always give the same batches, and outcomes to the last bit. Any `Attack` will do,
TextAttack's searches included. Left out: which tasks run together (bench/running/attacking.py).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Semaphore, Thread
from typing import Generic, TypeVar

import numpy as np

from bench.measuring.metrics import checked
from bench.networks.windows import Windowed
from bench.plugins import PluginError
from bench.types import Classifier, Probabilities

T = TypeVar("T")
WIDTH = 8
"""Attacks that run side by side."""
PATIENCE = 10.0
"""Seconds for an attack to end that is no longer wanted; its thread dies with the process at the latest."""


class _ClosedError(BaseException):
    """Ends an attack whose answer will never come; no attack may catch it."""


@dataclass
class _Lane(Generic[T]):
    """One attack in its thread, and the victim that it sees."""

    task: Callable[[Classifier], T]
    victim: Classifier
    name: str = ""
    """Of the sample that it attacks, for errors."""
    question: list[str] = field(default_factory=list)
    alone: bool = False
    """Whether the question is to be put without anybody else's."""
    answer: Probabilities = field(default_factory=lambda: np.empty((0, 2)))
    result: T | None = None
    error: BaseException | None = None
    seconds: float = 0.0
    """Its own work, and its share of the victim's."""
    done: bool = False
    closed: bool = False
    _turn: Semaphore = field(default_factory=lambda: Semaphore(0))
    _parked: Semaphore = field(default_factory=lambda: Semaphore(0))

    def __post_init__(self) -> None:
        if isinstance(self.victim, Windowed):
            self.visible = self.victim.visible
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def resume(self) -> None:
        """Let it run until it asks or ends."""
        started = time.perf_counter()
        self._turn.release()
        self._parked.acquire()
        self.seconds += time.perf_counter() - started

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge programs; see `bench.types.Classifier`. Called in this lane's thread."""
        return self._wait(programs, alone=False)

    def by_itself(self, program: str) -> Probabilities:
        """Judge one program in a batch of its own."""
        return self._wait([program], alone=True)

    def _wait(self, programs: Sequence[str], *, alone: bool) -> Probabilities:
        self._end_if_closed()
        if not programs:
            return np.empty((0, 2))
        self.question, self.alone = list(programs), alone
        self._parked.release()
        self._turn.acquire()
        self._end_if_closed()
        return self.answer

    def _end_if_closed(self) -> None:
        if self.closed:
            raise _ClosedError

    def close(self) -> None:
        """End it where it stands."""
        if not self.done:
            self.closed = True
            self._turn.release()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        self._turn.acquire()
        try:
            if not self.closed:
                self.result = self.task(self)
        except BaseException as error:  # handed on by `side_by_side`
            self.error = error
        self.done = True
        self._parked.release()


def side_by_side(
    victim: Classifier,
    tasks: Sequence[Callable[[Classifier], T]],
    apart: Classifier | None = None,
    width: int = WIDTH,
    names: Sequence[str] = (),
) -> Iterator[tuple[T, float]]:
    """Run every task against the victim, at most `width` at a time; yield results and seconds in the order of tasks.

    Questions that are put by themselves go to `apart`, where that is given: the victim without its memory.

    The error of a task is raised where its result was due, that of the victim at once; either ends all of them. Where a
    plug-in failed, it says on which sample, by the tasks' `names`.
    """
    waiting = deque(zip(tasks, names or [""] * len(tasks), strict=True))
    lanes = deque[_Lane[T]]()
    try:
        while waiting or lanes:
            while waiting and sum(not lane.done for lane in lanes) < width:
                task, name = waiting.popleft()
                lanes.append(_Lane(task, victim, name))
                lanes[-1].resume()
            while lanes and lanes[0].done:
                yield _result(lanes.popleft())
            _ask(victim, apart or victim, [lane for lane in lanes if not lane.done])
    finally:
        for lane in lanes:
            lane.close()


def _result(lane: _Lane[T]) -> tuple[T, float]:
    if lane.error is not None:
        raise lane.error.about(lane.name) if isinstance(lane.error, PluginError) else lane.error
    return lane.result, lane.seconds  # type: ignore[return-value]  # a task without error has returned


def _ask(victim: Classifier, apart: Classifier, lanes: Sequence[_Lane[T]]) -> None:
    """Put all open questions as one, each program once, and let the lanes go on, one after the other."""
    _answer(victim, [lane for lane in lanes if not lane.alone])
    for lane in lanes:
        if lane.alone:
            _answer(apart, [lane])
    for lane in lanes:
        lane.resume()


def _answer(victim: Classifier, lanes: Sequence[_Lane[T]]) -> None:
    programs = list(dict.fromkeys(program for lane in lanes for program in lane.question))
    if not programs:
        return
    started = time.perf_counter()
    try:
        found = victim.probabilities(programs)
    except PluginError as error:
        if error.place is None:
            raise
        failing = programs[error.place]
        raise error.about(next(lane.name for lane in lanes if failing in lane.question)) from error
    rows = dict(zip(programs, checked(found, len(programs)), strict=True))
    each = (time.perf_counter() - started) / sum(len(lane.question) for lane in lanes)
    for lane in lanes:
        lane.answer = np.array([rows[program] for program in lane.question])
        lane.seconds += each * len(lane.question)
