"""An encoder from scratch: byte-level BPE and masked-language modelling on the task's training code.

Follows RoBERTa: dynamic masking of 15% of the tokens (80% mask, 10% random, 10% kept), no next-sentence task; without
dropout, which costs a third of the time on a CPU where programs are passed over only a few times. It makes a teacher
of CodeBERT's architecture where no hub can be reached; it is small, and it is not Microsoft's weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import RobertaForMaskedLM, get_linear_schedule_with_warmup

from bench import progress
from bench.config import ScratchEncoder
from bench.distill import batches
from bench.encode import MASK, SPECIALS, Encoded, TextInputs, train_tokenizer
from bench.encoders import Encoder
from bench.models import masked_language_model
from bench.rng import derive, stream
from bench.types import Recipe, StudentSpec

MASKED_SHARE = 0.15
BATCH_SIZE = 16


def pretrain(programs: Sequence[str], shape: ScratchEncoder, max_tokens: int, seed: int, device: str) -> Encoder:
    """Train tokenizer and encoder on unlabelled programs; the same arguments give the same encoder."""
    tokenizer = train_tokenizer("bpe", shape.vocab_size, programs)
    inputs = TextInputs(tokenizer, max_tokens)
    spec = StudentSpec(tokenizer.get_vocab_size(), shape.layers, shape.hidden, shape.heads, shape.ffn, max_tokens)
    recipe = Recipe(
        shape.pretrain_epochs, shape.pretrain_learning_rate, BATCH_SIZE, hidden_dropout=0.0, attention_dropout=0.0
    )
    model = masked_language_model(spec, recipe, derive(seed, "initial weights"), device)
    _train(model, inputs, inputs.encode(programs), recipe, seed, device)
    return Encoder(model.roberta, inputs, device, model)


def _train(
    model: RobertaForMaskedLM, inputs: TextInputs, encoded: list[Encoded], recipe: Recipe, seed: int, device: str
) -> None:
    order, noise = stream(seed, "order"), stream(seed, "masks")
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    steps = recipe.epochs * -(-len(encoded) // recipe.batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, round(recipe.warmup * steps), steps)
    progress.current().stage("pre-training", steps)
    model.train()
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, "dropout"))
        for _ in range(recipe.epochs):
            for chosen in batches(encoded, recipe.batch_size, order):
                loss = _loss(model, inputs, [encoded[i] for i in chosen], noise, device)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
                optimizer.step()
                schedule.step()
                progress.current().advance()
    model.eval()


def _loss(
    model: RobertaForMaskedLM,
    inputs: TextInputs,
    encoded: list[Encoded],
    noise: np.random.Generator,
    device: str,
) -> torch.Tensor:
    """Cross-entropy of the hidden tokens; the output layer is computed for those alone."""
    hidden, answers = zip(*(mask(one["input_ids"], model.config.vocab_size, noise) for one in encoded), strict=True)
    batch = {name: t.to(device) for name, t in inputs.collate([{"input_ids": ids} for ids in hidden]).items()}
    wanted = inputs.collate([{"input_ids": ids} for ids in answers])["input_ids"].to(device)
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=device.startswith("cuda")):
        states = model.roberta(**batch).last_hidden_state
        asked = wanted >= len(SPECIALS)
        scores = model.lm_head(states[asked]).float()
    return functional.cross_entropy(scores, wanted[asked])


def mask(
    ids: NDArray[np.int64], vocab_size: int, noise: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hide 15% of one program's tokens, at least one; the second array holds them, and a special id elsewhere."""
    ordinary = np.flatnonzero(ids >= len(SPECIALS))
    if not len(ordinary):
        return ids, np.zeros_like(ids)
    chosen = noise.choice(ordinary, size=max(1, round(MASKED_SHARE * len(ordinary))), replace=False)
    answers = np.zeros_like(ids)
    answers[chosen] = ids[chosen]
    fate = noise.random(len(chosen))
    hidden = ids.copy()
    hidden[chosen[fate < 0.8]] = MASK
    random = chosen[fate >= 0.9]
    hidden[random] = noise.integers(len(SPECIALS), vocab_size, size=len(random))
    return hidden, answers
