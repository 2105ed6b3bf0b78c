"""What batching by length saves, as ratios within one run: absolute times say more about the machine.

Run with `make bench`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bench.distillation.distill import Lesson, fit
from bench.distillation.standard import standard_student
from bench.networks.encode import Encoded, TextInputs
from bench.networks.models import Network, build
from bench.networks.vocabularies import train_tokenizer
from bench.tasks import embedded
from bench.types import Recipe

LONGEST = 400
RECIPE = Recipe(epochs=1, learning_rate=1e-4, batch_size=16)
SAMPLES = embedded.generate(64, 1, prefix="speed")


@dataclass(frozen=True)
class PaddedInputs(TextInputs):
    """As the released baselines do it: every program at the full length."""

    def collate(self, encoded: list[Encoded]) -> dict[str, torch.Tensor]:
        ids = np.full((len(encoded), self.max_tokens), self.pad, dtype=np.int64)
        for row, one in zip(ids, encoded, strict=True):
            row[: len(one["input_ids"])] = one["input_ids"]
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy((ids != self.pad) * 1)}


def made(inputs: type[TextInputs]) -> Network:
    tokenizer = train_tokenizer("bpe", 1000, [sample.code for sample in SAMPLES])
    network = build(standard_student(0.5, LONGEST), RECIPE, tokenizer, 0)
    return Network(network.model, inputs(tokenizer, LONGEST))


def epoch(inputs: type[TextInputs]) -> Callable[[], Network]:
    network = made(inputs)
    targets: NDArray[np.float64] = np.linspace(0, 1, len(SAMPLES))
    lesson = Lesson(network.inputs.encode([sample.code for sample in SAMPLES]), targets, np.ones(len(SAMPLES)))
    return lambda: fit(network, lesson, SAMPLES[:1], RECIPE, 0, "epoch")


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@pytest.mark.benchmark(group="distillation")
def test_an_epoch_in_length_buckets_beats_one_at_full_length(benchmark) -> None:
    bucketed, padded = epoch(TextInputs), epoch(PaddedInputs)
    slow = seconds(padded)
    benchmark.pedantic(bucketed, rounds=3, warmup_rounds=1)
    ratio = slow / benchmark.stats.stats.min
    benchmark.extra_info["times faster than padded to 400"] = round(ratio, 2)
    assert ratio > 1.5


@pytest.mark.benchmark(group="queries")
def test_queries_in_batches_beat_queries_one_by_one(benchmark) -> None:
    victim, programs = made(TextInputs), [sample.code for sample in SAMPLES]
    alone = min(seconds(lambda: [victim.probabilities([program]) for program in programs]) for _ in range(2))
    found = benchmark.pedantic(victim.probabilities, args=(programs,), rounds=3, warmup_rounds=1)
    ratio = alone / benchmark.stats.stats.min
    benchmark.extra_info["queries per second"] = round(len(programs) / benchmark.stats.stats.min)
    benchmark.extra_info["times faster than one by one"] = round(ratio, 2)
    assert found.shape == (len(programs), 2)
    assert ratio > 1.0
