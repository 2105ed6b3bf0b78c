"""The one training loop: fine-tuning, supervised students and every method's distillation.

Loss: T^2 KL(target || student at T) over the two classes, the cross-entropy's gradient (Hinton et al. 2015;
Compressor, eq. 2). A hard label is a target of 0 or 1 at T = 1, so one loop serves teachers and students. Unlike the
released baselines, all parameters train (spec 0.3), batches are padded to their longest program, and length buckets
keep padding small. Programs are tokenized once; on a GPU, batches are pinned and copied while the one before is taught.
Validation picks the epoch (ties: the later one); nothing here ever sees a test program.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch.nn import functional
from transformers import RobertaForSequenceClassification, get_linear_schedule_with_warmup

from bench import progress
from bench.distillation.effort import trained
from bench.distillation.training import scores
from bench.measuring.hardware import synchronise
from bench.measuring.metrics import auroc
from bench.networks.encode import Encoded
from bench.networks.models import Network, build
from bench.networks.vocabularies import train_tokenizer
from bench.rng import derive, stream
from bench.types import Recipe, Sample, StudentSpec, TokenizerKind

BUCKET = 16
"""Batches whose programs are sorted by length together."""


@dataclass(frozen=True)
class Lesson:
    """What a network is taught: n encoded programs, their targets and their weights."""

    encoded: list[Encoded]
    targets: NDArray[np.float64]
    """Shape (n,): P(vulnerable) at the recipe's temperature."""
    weights: NDArray[np.float64]
    """Shape (n,): share of each program in the loss, relative to the others."""


class Batch(NamedTuple):
    """What one step is taught, on the device of the network."""

    target: torch.Tensor
    weight: torch.Tensor
    tensors: dict[str, torch.Tensor]
    """Collated inputs."""


def soft_targets(logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Shape (n,): P(vulnerable) of a teacher's log-odds at this temperature."""
    return 1.0 / (1.0 + np.exp(-logits / temperature))


def distill(
    spec: StudentSpec,
    recipe: Recipe,
    *,
    programs: Sequence[str],
    targets: NDArray[np.float64],
    valid: Sequence[Sample],
    seed: int,
    device: str = "cpu",
    label: str = "student",
) -> Network:
    """Train a student of this architecture on programs with soft targets.

    Args:
        spec: the architecture; its tokenizer is trained on `programs`.
        recipe: epochs, learning rate, temperature and the like.
        programs: n programs.
        targets: shape (n,), P(vulnerable) at `recipe.temperature`.
        valid: labelled programs that pick the epoch.
        seed: of the initial weights, the order and the dropout.
        device: "cpu" or "cuda".
        label: what the progress bar says.
    """
    tokenizer = Tokenizer.from_str(_tokenizer(spec.tokenizer, spec.vocab_size, tuple(programs)))
    network = build(spec, recipe, tokenizer, derive(seed, "initial weights"), device)
    lesson = Lesson(network.inputs.encode(programs), np.asarray(targets), np.ones(len(programs)))
    return fit(network, lesson, valid, recipe, seed, label)


@functools.lru_cache(maxsize=8)
def _tokenizer(kind: TokenizerKind, vocab_size: int, programs: tuple[str, ...]) -> str:
    text: str = train_tokenizer(kind, vocab_size, programs).to_str()
    return text


def fit(network: Network, lesson: Lesson, valid: Sequence[Sample], recipe: Recipe, seed: int, label: str) -> Network:
    """Train `network` in place and return it with the weights of its best validation epoch."""
    model, order = network.model, stream(seed, "order")
    optimizer = torch.optim.AdamW(
        _trained(model, recipe), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    steps = recipe.epochs * -(-len(lesson.encoded) // recipe.batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, round(recipe.warmup * steps), steps)
    lesson = replace(lesson, weights=lesson.weights / max(lesson.weights.mean(), 1e-12))
    truth = np.array([sample.label for sample in valid])
    examined = network.inputs.encode([sample.code for sample in valid])
    best, ordered, kept = -1.0, float("nan"), _weights(model)
    progress.current().stage(label, steps)
    score, seconds = torch.compile(scores, dynamic=True) if recipe.compiled else scores, 0.0
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, "dropout"))
        for _ in range(recipe.epochs):
            model.train()
            started = time.perf_counter()
            for batch in _fed(network, lesson, batches(lesson.encoded, recipe.batch_size, order)):
                _step(model, score, batch, recipe, optimizer)
                schedule.step()
                progress.current().advance()
            synchronise(network.device)
            seconds += time.perf_counter() - started
            margins = network.logits_of(examined)
            accuracy = float(np.mean((margins > 0) == truth)) if len(valid) else 0.0
            if accuracy >= best:
                best, ordered, kept = accuracy, auroc(truth, margins), _weights(model)
    model.load_state_dict(kept)
    model.eval()
    record = trained(network, lesson.encoded, recipe.epochs, seconds)
    return replace(network, valid_accuracy=best, valid_auroc=ordered, training=record)


def _fed(network: Network, lesson: Lesson, order: Iterable[NDArray[np.int64]]) -> Iterator[Batch]:
    """Yield batches on the network's device; the copy to a GPU does not wait, and nobody waits for it."""
    on_gpu = network.device.startswith("cuda")
    for rows in order:
        tensors = network.inputs.collate([lesson.encoded[i] for i in rows])
        tensors |= {"target": torch.from_numpy(lesson.targets[rows]), "weight": torch.from_numpy(lesson.weights[rows])}
        placed = {
            name: (tensor.pin_memory() if on_gpu else tensor).to(network.device, non_blocking=True)
            for name, tensor in tensors.items()
        }
        yield Batch(placed.pop("target").float(), placed.pop("weight").float(), placed)


def _step(
    model: RobertaForSequenceClassification,
    score: Callable[..., torch.Tensor],
    batch: Batch,
    recipe: Recipe,
    optimizer: torch.optim.Optimizer,
) -> None:
    loss = distillation_loss(score(model, batch.tensors), batch.target, batch.weight, recipe.temperature, recipe.cosine)
    model.zero_grad(set_to_none=True)  # frozen ones too: their gradients count in the clipping
    loss.backward()
    if recipe.clip_norm:
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
    optimizer.step()


def distillation_loss(
    pairs: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, temperature: float, cosine: float = 0.0
) -> torch.Tensor:
    """T^2 times the mean of weight x (KL(target || student at T) + cosine x (1 - their cosine)).

    Args:
        pairs: raw scores of the student, shape (n, 2).
        target: P(vulnerable), shape (n,).
        weight: shape (n,), 1 on average over all that is taught.
        temperature: T.
        cosine: weight of the second term, which MORPH adds.
    """
    student = functional.log_softmax(pairs / temperature, dim=1)
    both = torch.stack([1.0 - target, target], dim=1)
    divergence = functional.kl_div(student, both, reduction="none").sum(dim=1)
    if cosine:
        divergence = divergence + cosine * (1.0 - functional.cosine_similarity(student.exp(), both, dim=1))
    return temperature**2 * (weight * divergence).sum() / len(weight)


def batches(encoded: Sequence[Encoded], size: int, order: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield every index once, in random batches of programs of similar length."""
    shuffled = order.permutation(len(encoded))
    lengths = np.array([len(one["input_ids"]) for one in encoded])
    cut: list[NDArray[np.int64]] = []
    for start in range(0, len(shuffled), size * BUCKET):
        bucket = shuffled[start : start + size * BUCKET]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        cut.extend(bucket[i : i + size] for i in range(0, len(bucket), size))
    for i in order.permutation(len(cut)):
        yield cut[i]


def _trained(model: torch.nn.Module, recipe: Recipe) -> list[torch.nn.Parameter]:
    frozen = ("bias", "LayerNorm.weight") if recipe.freeze_bias_and_norm else ()
    return [parameter for name, parameter in model.named_parameters() if not any(part in name for part in frozen)]


def _weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
