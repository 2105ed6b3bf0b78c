"""Latency and energy as values with units: warm-up, synchronise, repeat, interleave.

Follows the protocol, "Metrics", and what a busy machine teaches: batch 1 on one thread, the students take turns call by
call, so that a slow minute hits all of them, and CPU time stands beside wall time. Energy is read from RAPL or NVML
(through codecarbon) where there is such a counter; elsewhere it is CPU time times a stated power, and says so.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from bench import progress
from bench.measuring.evaluate import Measured
from bench.measuring.hardware import synchronise
from bench.types import Classifier

WARM_UP = 5
"""Untimed calls of each student."""
REPETITIONS = 3
"""Timed calls with all programs at once."""
WATTS_PER_CORE = 10.0
"""Stated power of one busy core, where no counter can be read."""
RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
JOULES_PER_KWH = 3.6e6


def speed(
    classifiers: Mapping[str, Classifier], programs: Sequence[str], rounds: int, device: str
) -> dict[str, list[Measured]]:
    """Time each classifier on one thread; returns latency at batch 1 (ms), throughput, energy (J per 1,000 inferences).

    Args:
        classifiers: by name; they take turns.
        programs: drawn on in turn; every classifier gets the same ones.
        rounds: timed calls of each.
        device: "cpu" or "cuda"; a GPU is synchronised before every reading of the clock.
    """
    progress.current().stage("latency", (WARM_UP + rounds) * len(classifiers))
    wall: dict[str, list[float]] = {name: [] for name in classifiers}
    cpu: dict[str, list[float]] = {name: [] for name in classifiers}
    with one_thread():
        for turn in range(WARM_UP + rounds):
            for name, classifier in classifiers.items():
                seconds, busy = _timed(classifier, [programs[turn % len(programs)]], device)
                progress.current().advance()
                if turn >= WARM_UP:
                    wall[name].append(1e3 * seconds)
                    cpu[name].append(1e3 * busy)
        return {
            name: [
                *_percentiles(wall[name], cpu[name]),
                throughput(classifier, programs, device),
                energy(
                    partial(_repeat, classifier, programs, rounds, device), float(np.mean(cpu[name])), rounds, device
                ),
            ]
            for name, classifier in classifiers.items()
        }


def _percentiles(wall: Sequence[float], cpu: Sequence[float]) -> list[Measured]:
    """Wall times at three percentiles and the median CPU time, in ms."""
    found = [
        Measured(f"latency_p{share}", float(np.percentile(wall, share)), "ms", len(wall)) for share in (50, 90, 99)
    ]
    return [*found, Measured("cpu_p50", float(np.percentile(cpu, 50)), "ms", len(cpu))]


def throughput(classifier: Classifier, programs: Sequence[str], device: str) -> Measured:
    """Programs per second when all are put at once, in batches of the classifier's own size; median of repetitions."""
    seconds = [_timed(classifier, programs, device)[0] for _ in range(REPETITIONS)]
    return Measured("throughput", len(programs) / float(np.median(seconds)), "1/s", len(programs))


def energy(work: Callable[[], None], cpu_ms: float, calls: int, device: str) -> Measured:
    """Energy of `work`, which makes `calls` inferences, in J per 1,000 inferences, with its source.

    `cpu_ms` is the mean CPU time of one inference, from which energy is estimated where no counter can be read.
    """
    readable = RAPL.exists() and _readable(RAPL)
    if not (readable or device.startswith("cuda")) or importlib.util.find_spec("codecarbon") is None:
        return _estimated(cpu_ms, calls)
    from codecarbon import OfflineEmissionsTracker

    tracker = OfflineEmissionsTracker(
        country_iso_code="USA", tracking_mode="machine", save_to_file=False, log_level="error", allow_multiple_runs=True
    )
    tracker.start()
    work()
    tracker.stop()
    found = getattr(tracker, "final_emissions_data", None)
    if found is None:  # codecarbon could not start, and said so
        return _estimated(cpu_ms, calls)
    joules = JOULES_PER_KWH * (found.cpu_energy * readable + found.gpu_energy)
    source = "+".join(name for name, there in (("RAPL", readable), ("NVML", device.startswith("cuda"))) if there)
    return Measured("energy", 1e3 * joules / calls, "J", calls, source=f"{source} (whole machine)")


def _estimated(cpu_ms: float, calls: int) -> Measured:
    source = f"estimated from CPU time at {WATTS_PER_CORE:g} W a core"
    return Measured("energy", cpu_ms * WATTS_PER_CORE, "J", calls, source=source)


def _timed(classifier: Classifier, programs: Sequence[str], device: str) -> tuple[float, float]:
    synchronise(device)
    wall, cpu = time.perf_counter(), time.process_time()
    classifier.probabilities(programs)
    synchronise(device)
    return time.perf_counter() - wall, time.process_time() - cpu


def _repeat(classifier: Classifier, programs: Sequence[str], calls: int, device: str) -> None:
    for turn in range(calls):
        classifier.probabilities([programs[turn % len(programs)]])
    synchronise(device)


def _readable(path: Path) -> bool:
    try:
        return bool(path.read_text())
    except OSError:
        return False


def one_thread() -> AbstractContextManager[None]:
    """Let torch and numpy use one thread of the CPU inside the block."""
    return threads(1)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch and numpy use so many threads of the CPU inside the block: they change the last bits of results."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)
