"""Attack many samples: in lockstep, over several processes, with the same outcomes whatever their number.

Samples go in fixed groups. A group is attacked side by side against a victim of its own, on one thread of a CPU, so
that its batches, and with them the last bit of every score, depend on nothing but the group. Workers take whole groups
(`bench.running.jobs`); their outcomes come back in the order of the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Generic, Protocol, TypeVar, runtime_checkable

from attacks.checks import Check
from attacks.judge import judge
from attacks.lockstep import side_by_side
from bench.measuring.measure import one_thread
from bench.results import Outcome
from bench.rng import stream
from bench.running.executors import executor
from bench.running.jobs import Job, execute
from bench.types import Attack, Classifier, Sample

GROUP = 16
"""Samples that share their batches. A run that is killed loses the groups that were under attack, or finished before
one that comes earlier."""

Value = TypeVar("Value")
Source = Callable[[], Classifier]
"""Loads a victim; it travels to workers, the victim does not."""


@dataclass(frozen=True)
class Assault:
    """One attack on one victim."""

    victim: Source
    attack: Attack
    name: str
    """Registry name of the attack: part of the seed."""
    budget: int
    """Queries per sample."""
    seed: int
    checks: tuple[Check, ...]


@runtime_checkable
class _Remembers(Protocol):
    """A classifier that can keep what it has computed."""

    def remembering(self) -> Classifier:
        """Return the same classifier with a memory of its own."""
        ...


def outcomes(assault: Assault, samples: Sequence[Sample], done: int, workers: int) -> Iterator[Outcome]:
    """Judge the samples from number `done` on, in order; a group that was begun is attacked again as a whole.

    Raises:
        UsageError: the victim misbehaves, or a worker died; what was yielded before stays good.
    """
    order, ready = InOrder[Outcome](done), list[Outcome]()

    def keep(place: int, found: Sequence[Outcome]) -> None:
        ready.extend(order.add(place, found))

    jobs = [
        Job(f"group {place}", attack_group, partial(_both, assault, group), partial(keep, place))
        for place, group in enumerate(groups(samples, done))
    ]
    with executor(min(workers, max(len(jobs), 1))) as crew:
        for _ in execute(jobs, crew):
            yield from ready
            ready.clear()


def groups(samples: Sequence[Sample], done: int) -> list[Sequence[Sample]]:
    """Return the groups that are not finished when `done` samples are."""
    return [samples[start : start + GROUP] for start in range(done - done % GROUP, len(samples), GROUP)]


class InOrder(Generic[Value]):
    """Hands on what groups give in the order of the samples, whichever group is finished first."""

    def __init__(self, done: int) -> None:
        """Expect the groups that follow `done` samples."""
        self._skip, self.handed_on = done % GROUP, 0
        self._early: dict[int, Sequence[Value]] = {}

    def add(self, place: int, found: Sequence[Value]) -> list[Value]:
        """Take what one group gives; return those whose turn has come and that were not there before."""
        self._early[place] = found if place else found[self._skip :]
        ready: list[Value] = []
        while self.handed_on in self._early:
            ready.extend(self._early.pop(self.handed_on))
            self.handed_on += 1
        return ready


def attack_group(assault: Assault, samples: Sequence[Sample]) -> list[Outcome]:
    """Attack one group, in whatever process this is."""
    with one_thread():
        apart = loaded(assault.victim)
        victim = apart.remembering() if isinstance(apart, _Remembers) else apart
        tasks = [partial(_trial, assault, sample) for sample in samples]
        names = [sample.id for sample in samples]
        found = side_by_side(victim, tasks, apart, names=names)
        return [replace(outcome, seconds=seconds) for outcome, seconds in found]


def _both(assault: Assault, group: Sequence[Sample]) -> tuple[Assault, Sequence[Sample]]:
    return assault, group


def _trial(assault: Assault, sample: Sample, victim: Classifier) -> Outcome:
    rng = stream(assault.seed, "attack", assault.name, sample.id)
    return judge(assault.attack, victim, sample, assault.budget, rng, assault.checks)


@lru_cache(maxsize=1)
def loaded(source: Source) -> Classifier:
    """Load a victim once per process: sources that are equal load the same."""
    return source()
