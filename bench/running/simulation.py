"""The graph of jobs at a size that nobody has run: how long, how busy, and what gives way first.

A discrete-event simulation of `bench.running.jobs` and `bench.running.executors`: students are trained, each opens its
groups of attacked samples, `AHEAD` jobs a worker are in flight, and one driver keeps every result. Groups go in lumps,
so that a size of 10^8 jobs takes seconds. Durations vary around their mean (log-normal); nothing fails. What it needs
to know comes from measurements (docs/scale.md). Leaves out teachers, clean judgements and the network between the
machines.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush

GROUP = 16
"""Samples of an attack job, as in `bench.running.attacking`."""
AHEAD = 2
"""Jobs in flight per worker, as in `bench.running.executors`."""
EVENTS = 50_000
"""Lumps are made as large as keeps their number near this."""
GANGS = 256
"""More workers than this are put together in gangs."""
SPREAD = 0.5
"""Standard deviation of the logarithm of a job's duration; a lump of n jobs has 1 / sqrt(n) of it."""

MEASURED = {"driver_seconds": 2.2e-4, "job_seconds": 4e-4, "job_bytes": 614.0, "outcome_bytes": 1200.0}
"""What the driver takes (docs/scale.md): 960 outcomes appended and read back, 2,000 empty jobs on loky, the objects of
20,000 jobs; and 377 bytes of an outcome that resisted, with a program of 2,147 bytes in 4 of 10."""


@dataclass(frozen=True)
class Load:
    """What is to be done, and what each piece takes."""

    models: int
    functions: int
    attacks: int
    workers: int
    training_seconds: float
    """Of one student, on one worker."""
    queries: float
    """Per function and attack, on average."""
    queries_per_second: float
    """Of one worker."""
    driver_seconds: float
    """Of the driver, for one outcome."""
    job_seconds: float
    """Of the driver, for one job, besides its outcomes."""
    job_bytes: float
    """Of the driver's memory, for one job that is listed."""
    outcome_bytes: float
    """On disk."""

    @property
    def groups(self) -> int:
        """Attack jobs of one model."""
        return self.attacks * math.ceil(self.functions / GROUP)

    @property
    def outcomes(self) -> int:
        """Judged programs of the whole run."""
        return self.models * self.attacks * self.functions


@dataclass(frozen=True)
class Course:
    """What a simulated run was like."""

    seconds: float
    """Until the last result was kept."""
    worker_seconds: float
    """Work of all workers together."""
    workers_busy: float
    """Share of the time that a worker worked, on average."""
    driver_busy: float
    """Share of the time that the driver kept results."""
    lumps: int


def simulate(load: Load, seed: int = 0) -> Course:
    """Play the run through; the same arguments give the same course."""
    rng = random.Random(seed)  # noqa: S311 - durations, not secrets
    lump = max(1, load.models * load.groups // EVENTS)
    lumps = math.ceil(load.groups / lump)
    gang = math.ceil(load.workers / GANGS)
    gangs = math.ceil(load.workers / gang)
    group_seconds = GROUP * load.queries / load.queries_per_second
    training = _Kind(load.training_seconds, 1, load.job_seconds, SPREAD)
    group = _Kind(
        group_seconds * lump / gang,
        gang,
        lump * (load.job_seconds + GROUP * load.driver_seconds),
        SPREAD / math.sqrt(lump),
    )
    todo = {training: load.models, group: 0}  # trainings first: they open what others can do
    waiting: deque[_Kind] = deque()
    events: list[tuple[float, int, bool, _Kind]] = []  # when, which, whether the driver has kept it, of what kind
    now = driver_free = worked = driven = 0.0
    idle, flying, begun = gangs, 0, 0
    while any(todo.values()) or flying:
        for kind in (training, group):
            taken = min(todo[kind], AHEAD * gangs - flying)
            todo[kind] -= taken
            flying += taken
            waiting.extend([kind] * taken)
        while waiting and idle:
            kind = waiting.popleft()
            seconds = kind.work * rng.lognormvariate(-(kind.spread**2) / 2, kind.spread)
            worked, idle, begun = worked + seconds * kind.workers, idle - 1, begun + 1
            heappush(events, (now + seconds, begun, False, kind))
        now, number, is_kept, kind = heappop(events)
        if is_kept:
            flying -= 1
            todo[group] += lumps if kind is training else 0
        else:
            idle += 1
            driver_free = max(driver_free, now) + kind.keeping
            driven += kind.keeping
            heappush(events, (driver_free, number, True, kind))
    return Course(now, worked, worked / (now * load.workers), driven / now, begun)


@dataclass(frozen=True, eq=False)
class _Kind:
    """A kind of work, in seconds."""

    work: float
    """Of a gang, on average."""
    workers: int
    """Of the gang that have a part in it."""
    keeping: float
    """Of the driver, afterwards."""
    spread: float
    """Standard deviation of the logarithm of `work`."""
