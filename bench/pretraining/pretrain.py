"""Masked-language modelling: the training loop, what a training is at any moment, and the encoder of a run.

Follows RoBERTa's recipe without dropout, which costs a third of the time on a CPU where programs are passed over only a
few times; the learning rate rises linearly over the first tenth of the steps and falls linearly to 0. It makes teachers
of CodeBERT's architecture where no hub can be reached; they are not Microsoft's weights. `bench pretrain` is
`bench.pretraining.encoder`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, load_model, save_file, save_model
from torch.nn import functional
from transformers import RobertaForMaskedLM

from bench import progress
from bench.networks.encode import SPECIALS, TextInputs
from bench.networks.encoders import Encoder
from bench.networks.graph_inputs import GraphInputs, lines, with_nodes
from bench.networks.models import masked_language_model
from bench.networks.vocabularies import train_tokenizer
from bench.presets import ScratchEncoder
from bench.pretraining.lessons import Lessons, Packed, Questions, Whole, bare
from bench.rng import derive
from bench.types import Recipe, StudentSpec, UsageError

WINDOWS, PROGRAMS = 8, 16
"""Of one step: packed windows, or whole programs that are about half as long."""
WEIGHTS, OPTIMIZER = "model.safetensors", "optimizer.safetensors"


@dataclass
class Training:
    """A language model on its way: everything that the next step depends on, besides the step's questions."""

    model: RobertaForMaskedLM
    optimizer: torch.optim.Optimizer
    step: int = 0
    """Steps done."""
    tokens: int = 0
    """Tokens read in them."""

    def save(self, folder: Path) -> None:
        """Write weights and optimizer as safetensors; the caller keeps `step` and `tokens`."""
        save_model(self.model, str(folder / WEIGHTS))
        states = self.optimizer.state_dict()["state"]
        flat = {f"{i}.{name}": tensor for i, state in states.items() for name, tensor in state.items()}
        save_file(flat, folder / OPTIMIZER)

    def load(self, folder: Path, step: int, tokens: int) -> None:
        """Go on from what `save` wrote after this many steps and tokens."""
        load_model(self.model, folder / WEIGHTS, device=str(self.model.device))
        states: dict[int, dict[str, torch.Tensor]] = {}
        for key, tensor in load_file(folder / OPTIMIZER, device=str(self.model.device)).items():
            place, _, name = key.partition(".")
            states.setdefault(int(place), {})[name] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": states})
        self.step, self.tokens = step, tokens


def start(spec: StudentSpec, recipe: Recipe, seed: int, device: str) -> Training:
    """Make an untrained language model with its optimizer; the same seed gives the same weights."""
    model = masked_language_model(spec, recipe, derive(seed, "initial weights"), device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    return Training(model, optimizer)


def train(
    training: Training, lessons: Lessons, recipe: Recipe, steps: int, after: Callable[[Training], None] | None = None
) -> None:
    """Train in place up to `steps` steps in all; `after` is called after each of them."""
    model = training.model.train()
    while training.step < steps:
        for group in training.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * rate(training.step, steps, recipe.warmup)
        training.optimizer.zero_grad(set_to_none=True)
        asked = lessons.questions(training.step)
        question_loss(model, asked).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        training.optimizer.step()
        training.step, training.tokens = training.step + 1, training.tokens + asked.tokens
        progress.current().advance()
        if after is not None:
            after(training)
    model.eval()


def rate(step: int, steps: int, warmup: float) -> float:
    """Return the learning rate of a step, counted from 0, as a share of the highest."""
    rising = max(1, round(warmup * steps))
    return min((step + 1) / rising, (steps - step) / max(1, steps - rising + 1))


def question_loss(model: RobertaForMaskedLM, asked: Questions) -> torch.Tensor:
    """Mean cross-entropy of the hidden tokens, in nats; the output layer is computed for those alone."""
    device = str(model.device)
    tensors = {name: tensor.to(device, non_blocking=True) for name, tensor in asked.tensors.items()}
    answers = asked.answers.to(device)
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=device.startswith("cuda")):
        states = model.roberta(**with_nodes(model.roberta, tensors)).last_hidden_state
        hidden = answers >= len(SPECIALS)
        scores = model.lm_head(states[hidden]).float()
    return functional.cross_entropy(scores, answers[hidden])


def pretrain(
    programs: Sequence[str], shape: ScratchEncoder, max_tokens: int, seed: int, device: str, *, graph: bool = False
) -> Encoder:
    """Train tokenizer and encoder on unlabelled programs; the same arguments give the same encoder.

    With `graph` it reads data flow as GraphCodeBERT does.

    Raises:
        UsageError: no program has a token.
    """
    tokenizer = train_tokenizer("bpe", shape.vocab_size, lines(programs) if graph else programs)
    inputs = GraphInputs(tokenizer, max_tokens) if graph else TextInputs(tokenizer, max_tokens)
    spec = StudentSpec(tokenizer.get_vocab_size(), shape.layers, shape.hidden, shape.heads, shape.ffn, max_tokens)
    recipe = Recipe(shape.pretrain_epochs, shape.pretrain_learning_rate, hidden_dropout=0.0, attention_dropout=0.0)
    encoded = [one for one in inputs.encode(programs) if len(one["input_ids"]) > 2]
    if not encoded:
        raise UsageError("expected programs to pre-train on, got none with a token: give other data")
    lessons: Lessons = (
        Whole(inputs, encoded, spec.vocab_size, PROGRAMS, seed)
        if graph
        else Packed(bare(encoded), max_tokens, max_tokens, spec.vocab_size, WINDOWS, seed)
    )
    training = start(spec, recipe, seed, device)
    steps = recipe.epochs * lessons.per_epoch
    progress.current().stage("pre-training", steps)
    train(training, lessons, recipe, steps)
    return Encoder(training.model.roberta, inputs, device, training.model)
