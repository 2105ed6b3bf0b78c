"""Attack many samples: in lockstep, over several processes, with the same outcomes whatever their number.

Samples go in fixed groups. A group is attacked side by side against a victim of its own, on one thread of a CPU, so
that its batches, and with them the last bit of every score, depend on nothing but the group. Workers take whole groups
(joblib, loky); their outcomes come back in the order of the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Protocol, runtime_checkable

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from attacks.checks import Check
from attacks.judge import judge
from attacks.lockstep import side_by_side
from bench.measure import one_thread
from bench.results import Outcome
from bench.rng import stream
from bench.types import Attack, Classifier, Sample, UsageError

GROUP = 16
"""Samples that share their batches. A run that is killed loses the groups that were under attack, or finished before
one that comes earlier."""

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
    groups = [samples[start : start + GROUP] for start in range(done - done % GROUP, len(samples), GROUP)]
    skip = done % GROUP
    parallel = Parallel(n_jobs=min(workers, max(len(groups), 1)), return_as="generator", batch_size=1)
    try:
        for found in parallel(delayed(_group)(assault, group) for group in groups):
            yield from found[skip:]
            skip = 0
    except TerminatedWorkerError as error:
        raise UsageError(
            "expected the workers to live, got one that died, perhaps for want of memory: give fewer --workers; the "
            "same command goes on from here"
        ) from error


def _group(assault: Assault, samples: Sequence[Sample]) -> list[Outcome]:
    """Attack one group, in whatever process this is."""
    with one_thread():
        apart = _load(assault.victim)
        victim = apart.remembering() if isinstance(apart, _Remembers) else apart
        tasks = [partial(_trial, assault, sample) for sample in samples]
        return [replace(outcome, seconds=seconds) for outcome, seconds in side_by_side(victim, tasks, apart)]


def _trial(assault: Assault, sample: Sample, victim: Classifier) -> Outcome:
    rng = stream(assault.seed, "attack", assault.name, sample.id)
    return judge(assault.attack, victim, sample, assault.budget, rng, assault.checks)


@lru_cache(maxsize=1)
def _load(source: Source) -> Classifier:
    """Load a victim once per process: sources that are equal load the same."""
    return source()
