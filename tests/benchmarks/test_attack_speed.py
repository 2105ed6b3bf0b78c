"""What batching, lockstep and workers save an attack, as ratios within one run; run with `make bench`.

The bars are asserted on the embedded task, the default. On Devign they are told only: its mean function fills 353 of
the 400 tokens, so that the plain loop wastes little, and tenfold is known not to be reached there.

The victim has Compressor's published architecture (12 layers, 3.02 MB) and random weights: speed does not depend on
them. The plain loop is what the reference attacks do: one program a call, padded to 400 tokens, nothing remembered.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from attacks.catalogue import CATALOGUE, Names
from attacks.checks import CHECKS
from attacks.rename import gather_names
from bench.networks.encode import PAD
from bench.networks.models import Network, build, save
from bench.networks.vocabularies import train_tokenizer
from bench.results import Outcome
from bench.running.attacking import Assault, outcomes
from bench.running.students import Stored
from bench.tasks import data
from bench.types import Probabilities, Recipe, Sample, StudentSpec

LONGEST = 400
COMPRESSOR = StudentSpec(1000, 12, 96, 8, 64, LONGEST)
ATTACK, BUDGET, WORKERS = "alert-greedy", 200, 2
SAMPLES = 32
MANY = 4 * SAMPLES
"""So many that the start of the workers, and the last group, for which one waits, weigh little, as in a real run."""
TEST_SPLIT = 2732
"""Functions in Devign's test split."""
LINEAR = 1.25
"""A query costs the same among twice as many samples, which are other programs and therefore not quite as long."""
DEVIGN = Path(__file__).parents[3] / "shared" / "data" / "devign"
TASKS = {"embedded": None, "devign": str(DEVIGN)}


@dataclass(frozen=True)
class Setting:
    """A victim, what it judges, and an attack."""

    network: Network
    samples: Sequence[Sample]
    """MANY, labelled as the victim judges them, so that all are attacked."""
    assault: Assault
    task: str

    @property
    def asserted(self) -> bool:
        return self.task == "embedded"


@pytest.fixture(scope="module", params=TASKS)
def setting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return made(request.param, MANY, tmp_path_factory.mktemp("victim"))


def made(task: str, count: int, folder: Path) -> Setting:
    """Return so many samples of a task and a victim for them, which is saved in the folder."""
    if task == "devign" and not DEVIGN.is_dir():
        pytest.skip("needs ../shared/data/devign, the functions of Devign")
    splits = data.load(task, TASKS[task], data.Limits(500, 1, count))
    codes = [sample.code for sample in splits.labelled]
    network = build(COMPRESSOR, Recipe(1, 1e-4), train_tokenizer("bpe", 1000, codes), 0)
    save(network, folder)
    vulnerable = network.probabilities([sample.code for sample in splits.test])[:, 1] > 0.5
    samples = [replace(one, label=1 if said else 0) for one, said in zip(splits.test, vulnerable, strict=True)]
    attack = CATALOGUE[ATTACK].make(Names(gather_names(codes)))
    assault = Assault(Stored(str(folder), "cpu"), attack, ATTACK, BUDGET, 0, tuple(CHECKS))
    return Setting(network, samples, assault, task)


@dataclass(eq=False)
class Timed:
    """A victim that knows how many seconds of the processor its answers took."""

    network: Network
    seconds: float = 0.0

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        started = time.process_time()
        rows = self.network.probabilities(programs)
        self.seconds += time.process_time() - started
        return rows

    def __call__(self) -> Timed:
        return self


@pytest.fixture
def all_threads() -> Iterator[None]:
    """The plain loop gets every core, as it would have."""
    before = torch.get_num_threads()
    torch.set_num_threads(WORKERS)
    yield
    torch.set_num_threads(before)


def plain(network: Network, programs: Sequence[str]) -> float:
    """Queries per second of the plain loop."""
    started = time.perf_counter()
    for program in programs:
        ids = np.full((1, LONGEST), PAD, dtype=np.int64)
        found = network.inputs.encode([program])[0]["input_ids"]
        ids[0, : len(found)] = found
        with torch.inference_mode():
            network.model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy((ids != PAD) * 1))
    return len(programs) / (time.perf_counter() - started)


def few(setting: Setting, count: int = SAMPLES) -> Setting:
    return replace(setting, samples=setting.samples[:count])


def attacked(setting: Setting, workers: int) -> Callable[[], list[Outcome]]:
    return lambda: list(outcomes(setting.assault, setting.samples, 0, workers))


@pytest.mark.benchmark(group="queries under attack")
def test_queries_per_second_against_the_plain_loop(benchmark, bar, setting: Setting, all_threads: None) -> None:
    codes = [sample.code for sample in setting.samples]
    before = plain(setting.network, codes)
    found = benchmark.pedantic(attacked(setting, WORKERS), rounds=1)
    rate = sum(outcome.queries for outcome in found) / benchmark.stats.stats.min
    slow = (before + plain(setting.network, codes)) / 2  # whoever else uses the machine, uses it all the time
    benchmark.extra_info["queries/s"] = round(rate, 1)
    benchmark.extra_info["plain loop, queries/s"] = round(slow, 1)
    what = f"{setting.task}: queries/s over those of the plain loop"
    bar(what, rate / slow, least=10, unit=" times", asserted=setting.asserted)
    assert rate > slow


@pytest.mark.benchmark(group="overhead", timer=time.process_time)
@pytest.mark.parametrize("attack", [ATTACK, "rename-greedy"])
def test_searching_adds_little_to_the_calls_of_the_model(benchmark, bar, setting: Setting, attack: str) -> None:
    victim = Timed(setting.network)
    names = Names(gather_names(sample.code for sample in setting.samples))
    assault = replace(setting.assault, victim=victim, name=attack, attack=CATALOGUE[attack].make(names))
    samples = few(setting).samples
    list(outcomes(replace(assault, budget=3), samples[:2], 0, 1))  # TextAttack is imported
    victim.seconds = 0.0
    benchmark.pedantic(lambda: list(outcomes(assault, samples, 0, 1)), rounds=1)
    overhead = 100 * (benchmark.stats.stats.min / victim.seconds - 1)
    what = f"{setting.task}: {attack} on top of the model's calls"
    bar(what, overhead, most=25, unit=" %", asserted=setting.asserted)


@pytest.mark.benchmark(group="scaling", timer=time.process_time)
def test_attacks_scale_linearly_in_samples(benchmark, bar, setting: Setting) -> None:
    half = few(setting, SAMPLES // 2)
    attacked(few(setting, 1), 1)()  # the victim is loaded
    started = time.process_time()
    first = sum(outcome.distinct for outcome in attacked(half, 1)())
    per_query = (time.process_time() - started) / first
    found = benchmark.pedantic(attacked(few(setting), 1), rounds=1)
    ratio = benchmark.stats.stats.min / sum(outcome.distinct for outcome in found) / per_query
    what = f"{setting.task}: seconds per query, all over half of the samples"
    bar(what, ratio, most=LINEAR, asserted=setting.asserted)


@pytest.mark.benchmark(group="memory")
def test_the_whole_test_split_of_devign_fits_into_memory(benchmark, bar, tmp_path: Path) -> None:
    setting, file = made("devign", TEST_SPLIT, tmp_path), tmp_path / "assault.pickle"
    assert len(setting.samples) == TEST_SPLIT
    file.write_bytes(pickle.dumps((setting.assault, setting.samples)))
    command = [sys.executable, str(Path(__file__).with_name("peak.py")), str(file)]
    done = benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True, text=True), rounds=1)
    bar(f"devign: peak memory of one process, {TEST_SPLIT} samples", float(done.stdout), most=2, unit=" GB")
