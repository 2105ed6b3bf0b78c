"""What batching, lockstep and workers save an attack, as ratios within one run; run with `make bench`.

The victim has Compressor's published architecture (12 layers, 3.02 MB) and random weights: speed does not depend on
them. The plain loop is what the reference attacks do: one program a call, padded to 400 tokens, nothing remembered.
"""

from __future__ import annotations

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
DEVIGN = Path(__file__).parents[3] / "shared" / "data" / "devign"
TASKS = {"embedded": None, "devign": str(DEVIGN)}


@dataclass(frozen=True)
class Setting:
    """A victim, what it judges, and an attack."""

    network: Network
    samples: Sequence[Sample]
    """MANY, labelled as the victim judges them, so that all are attacked."""
    assault: Assault


@pytest.fixture(scope="module", params=TASKS)
def setting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Setting:
    if request.param == "devign" and not DEVIGN.is_dir():
        pytest.skip("needs ../shared/data/devign, the functions of Devign")
    splits = data.load(request.param, TASKS[request.param], data.Limits(500, 1, MANY))
    codes = [sample.code for sample in splits.labelled]
    network = build(COMPRESSOR, Recipe(1, 1e-4), train_tokenizer("bpe", 1000, codes), 0)
    folder = tmp_path_factory.mktemp("victim")
    save(network, folder)
    vulnerable = network.probabilities([sample.code for sample in splits.test])[:, 1] > 0.5
    samples = [replace(one, label=1 if said else 0) for one, said in zip(splits.test, vulnerable, strict=True)]
    attack = CATALOGUE[ATTACK].make(Names(gather_names(codes)))
    return Setting(network, samples, Assault(Stored(str(folder), "cpu"), attack, ATTACK, BUDGET, 0, tuple(CHECKS)))


@dataclass(eq=False)
class Timed:
    """A victim that knows how long it was asked."""

    network: Network
    seconds: float = 0.0

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        started = time.perf_counter()
        rows = self.network.probabilities(programs)
        self.seconds += time.perf_counter() - started
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
def test_queries_per_second_against_the_plain_loop(benchmark, setting: Setting, all_threads: None) -> None:
    found = benchmark.pedantic(attacked(setting, WORKERS), rounds=1)
    rate = sum(outcome.queries for outcome in found) / benchmark.stats.stats.min
    slow = plain(setting.network, [sample.code for sample in setting.samples])
    benchmark.extra_info["queries/s"] = round(rate, 1)
    benchmark.extra_info["plain loop, queries/s"] = round(slow, 1)
    benchmark.extra_info["times faster"] = round(rate / slow, 2)
    assert rate > slow


@pytest.mark.benchmark(group="overhead")
@pytest.mark.parametrize("attack", [ATTACK, "rename-greedy"])
def test_searching_adds_little_to_the_calls_of_the_model(benchmark, setting: Setting, attack: str) -> None:
    victim = Timed(setting.network)
    names = Names(gather_names(sample.code for sample in setting.samples))
    assault = replace(setting.assault, victim=victim, name=attack, attack=CATALOGUE[attack].make(names))
    samples = few(setting).samples
    list(outcomes(replace(assault, budget=3), samples[:2], 0, 1))  # TextAttack is imported
    victim.seconds = 0.0
    benchmark.pedantic(lambda: list(outcomes(assault, samples, 0, 1)), rounds=1)
    overhead = benchmark.stats.stats.min / victim.seconds - 1
    benchmark.extra_info["% on top of the model's calls"] = round(100 * overhead, 1)
    assert overhead < 1


@pytest.mark.benchmark(group="scaling")
def test_attacks_scale_linearly_in_samples(benchmark, setting: Setting) -> None:
    half = few(setting, SAMPLES // 2)
    attacked(few(setting, 1), 1)()  # the victim is loaded
    started = time.perf_counter()
    first = sum(outcome.distinct for outcome in attacked(half, 1)())
    per_query = (time.perf_counter() - started) / first
    found = benchmark.pedantic(attacked(few(setting), 1), rounds=1)
    ratio = benchmark.stats.stats.min / sum(outcome.distinct for outcome in found) / per_query
    benchmark.extra_info["seconds per query, all over half of the samples"] = round(ratio, 2)
    assert ratio < 3
