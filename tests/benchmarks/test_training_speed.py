"""What a step of training saves, and how much of a GPU it uses: ratios within one run.

The released baselines pad every program to 400 tokens and take transformers' own forward pass; so does the rival here,
in the same loop, with the same dropout. Lengths are Devign's, of a byte-level tokenizer of 1,000 entries trained on it:
the 5% quantiles of 3,000 training functions. Run with `make bench`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models

from bench.distillation import distill
from bench.distillation.distill import Lesson, fit
from bench.distillation.standard import standard_student
from bench.measuring.measure import one_thread
from bench.networks.encode import PAD, Encoded, TextInputs
from bench.networks.models import Network, build
from bench.types import Recipe, StudentSpec

LONGEST = 400
DEVIGN = (13, 57, 78, 100, 123, 148, 177, 210, 245, 285, 330, 386, 448, 520, 612, 744, 910, 1148, 1469, 2346, 44774)
DEEP = StudentSpec(1000, 12, 96, 8, 64, LONGEST, 514)
RECIPE = Recipe(epochs=1, learning_rate=1e-4, batch_size=16, temperature=10.0)
BASE = StudentSpec(50_265, 12, 768, 12, 3072, 512)


class PaddedInputs(TextInputs):
    """As the released baselines do it: every program at the full length."""

    def collate(self, encoded: list[Encoded]) -> dict[str, torch.Tensor]:
        ids = np.full((len(encoded), self.max_tokens), PAD, dtype=np.int64)
        for row, one in zip(ids, encoded, strict=True):
            row[: len(one["input_ids"])] = one["input_ids"]
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy((ids != PAD) * 1)}


def lesson(count: int) -> Lesson:
    """Programs of Devign's lengths; which tokens they have costs no time."""
    rng = np.random.default_rng(0)
    lengths = np.interp(rng.uniform(size=count), np.linspace(0, 1, len(DEVIGN)), DEVIGN).astype(int)
    encoded = [{"input_ids": rng.integers(5, 1000, min(length, LONGEST))} for length in lengths]
    return Lesson(encoded, rng.uniform(size=count), np.ones(count))


def busy(work: Callable[[], object]) -> float:
    """CPU seconds on one thread: other processes do not count."""
    started = time.process_time()
    work()
    return time.process_time() - started


def epoch(spec: StudentSpec, taught: Lesson, inputs: type[TextInputs]) -> Network:
    tokenizer = Tokenizer(models.BPE())
    network = build(spec, RECIPE, tokenizer, 0)
    return fit(Network(network.model, inputs(tokenizer, LONGEST)), taught, (), RECIPE, 0, "epoch")


@pytest.mark.benchmark(group="distillation")
@pytest.mark.parametrize(
    ("spec", "count"), [(standard_student(3.0, LONGEST), 192), (DEEP, 48)], ids=["standard", "twelve layers"]
)
def test_an_epoch_of_distillation_beats_one_padded_to_400(
    benchmark, bar, monkeypatch, spec: StudentSpec, count: int
) -> None:
    taught = lesson(count)
    with one_thread():
        epoch(spec, lesson(16), TextInputs)  # warm-up, and the peak is measured
        ours = benchmark.pedantic(busy, args=(lambda: epoch(spec, taught, TextInputs),))
        with monkeypatch.context() as released:
            released.setattr(distill, "scores", lambda model, batch: model(**batch).logits)
            unpadded = busy(lambda: epoch(spec, taught, TextInputs))
            padded = busy(lambda: epoch(spec, taught, PaddedInputs))
    benchmark.extra_info["of which buckets alone"] = round(padded / unpadded, 2)
    what = f"distillation, {spec.layers} layers: over an epoch padded to 400"
    bar(what, padded / ours, least=3, unit=" times")


@pytest.mark.benchmark(group="utilisation")
@pytest.mark.skipif(not torch.cuda.is_available(), reason="the bar is of a GPU, and torch sees none")
def test_fine_tuning_a_base_encoder_uses_a_third_of_the_gpu(benchmark, bar) -> None:
    rng = np.random.default_rng(0)
    encoded = [{"input_ids": rng.integers(5, BASE.vocab_size, BASE.max_tokens)} for _ in range(64 * 60)]
    taught = Lesson(encoded, rng.uniform(size=len(encoded)), np.ones(len(encoded)))
    recipe = Recipe(epochs=1, learning_rate=2e-5, batch_size=64)
    network = build(BASE, recipe, Tokenizer(models.BPE()), 0, "cuda")
    fit(network, Lesson(encoded[:640], taught.targets[:640], taught.weights[:640]), (), recipe, 0, "warm-up")
    trained = benchmark.pedantic(fit, args=(network, taught, (), recipe, 0, "fine-tuning"))
    assert trained.training is not None
    bar("fine-tuning: share of the GPU's measured bf16 peak", trained.training.utilisation, least=0.35)
