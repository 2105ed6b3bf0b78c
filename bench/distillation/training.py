"""The forward pass of a training step: the scores that transformers would give, for less work.

Two things differ from `RobertaForSequenceClassification`'s own pass, and neither changes what is computed. The
classifier reads the first position only, so the last layer asks for that row alone (`bench.networks.inference`). And on
a CPU, where torch has no fused attention with dropout and would make each random mask and each product in full,
attention goes through `dropped_attention`: program by program, as long as it is, nothing of size length x length kept
(recomputed in the backward pass, after FlashAttention, Dao et al. 2022). Models that are not plain (relative positions,
other inputs than text) take their own pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call
from torch.nn import functional
from transformers import RobertaForSequenceClassification

from bench.networks.graph_inputs import with_nodes
from bench.networks.inference import of_first_rows, plain


def scores(model: RobertaForSequenceClassification, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Raw scores of a collated batch on the model's device, shape (batch, 2), float32, with gradients."""
    on_gpu = next(iter(batch.values())).device.type == "cuda"
    return (in_halves(model, batch) if on_gpu else _pass(model, batch)).float()


def in_halves(model: RobertaForSequenceClassification, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Raw scores of a pass in bfloat16 through float32 weights, which get the gradients; shape (batch, 2), bfloat16.

    Autocast would keep what LayerNorm makes, and with it every residual sum, in float32: a quarter of the time of a
    base-size encoder's step on an H100.
    """
    made = _Pass(model)
    halves = {name: weight.to(torch.bfloat16) for name, weight in made.named_parameters()}
    return torch.as_tensor(functional_call(made, halves, (batch,)))


class _Pass(torch.nn.Module):
    """A model's forward pass as a module, whose weights can be exchanged."""

    def __init__(self, model: RobertaForSequenceClassification) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return _pass(self.model, batch)


def _pass(model: RobertaForSequenceClassification, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    if plain(model, batch):
        return of_first_rows(model, batch, _looking)
    return torch.as_tensor(model(**with_nodes(model.roberta, batch)).logits)


def _looking(own: Any, asking: torch.Tensor, hidden: torch.Tensor, attended: torch.Tensor | None) -> torch.Tensor:
    """Attention, with dropout while the model trains."""
    shape = (len(hidden), -1, own.num_attention_heads, own.attention_head_size)
    parts = (own.query(asking), own.key(hidden), own.value(hidden))
    query, key, value = (part.view(shape).transpose(1, 2) for part in parts)
    dropout = own.dropout.p if own.training else 0.0
    if dropout and hidden.device.type == "cpu":
        mixed = dropped_attention(query, key, value, attended, dropout)
    else:
        allowed = None if attended is None else attended[:, None, None, :].bool()
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed, dropout_p=dropout)
    return mixed.transpose(1, 2).flatten(2)


def dropped_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attended: torch.Tensor | None, dropout: float
) -> torch.Tensor:
    """Attention with dropout on its weights; torch's generator decides which are dropped.

    Args:
        query: shape (batch, heads, rows, width).
        key: shape (batch, heads, length, width).
        value: as `key`.
        attended: shape (batch, length), 1 up to each program's end; None where all are equally long.
        dropout: chance of each weight to be dropped, to the nearest of 65,536 steps; below 1.

    Returns:
        Shape of `query`; rows past a program's end are zero.
    """
    seed = int(torch.randint(2**62, ()))
    lengths = [key.shape[2]] * len(key) if attended is None else attended.sum(dim=1).tolist()
    found: torch.Tensor = _DroppedAttention.apply(query, key, value, lengths, dropout, seed)  # type: ignore[no-untyped-call]
    return found


class _DroppedAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        lengths: list[int],
        dropout: float,
        seed: int,
    ) -> torch.Tensor:
        ctx.save_for_backward(query, key, value)
        ctx.settings = (lengths, dropout, seed)
        made, rng = torch.zeros_like(query), np.random.Generator(np.random.SFC64(seed))
        for row, n in enumerate(lengths):
            weights = _weights(query[row, :, :n], key[row, :, :n])
            made[row, :, :n] = weights.mul_(_kept(weights, dropout, rng)) @ value[row, :, :n]
        return made

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = gradients
        lengths, dropout, seed = ctx.settings
        query, key, value = ctx.saved_tensors
        found, rng = [torch.zeros_like(one) for one in (query, key, value)], np.random.Generator(np.random.SFC64(seed))
        for row, n in enumerate(lengths):
            q, k, v, g = query[row, :, :n], key[row, :, :n], value[row, :, :n], gradient[row, :, :n]
            weights = _weights(q, k)
            kept = _kept(weights, dropout, rng)
            wanted = (g @ v.transpose(1, 2)).mul_(kept)
            found[2][row, :, :n] = kept.mul_(weights).transpose(1, 2) @ g
            # The softmax's own gradient, then that of the scaled products.
            inner = torch._softmax_backward_data(wanted, weights, -1, weights.dtype).mul_(q.shape[-1] ** -0.5)
            found[0][row, :, :n] = inner @ k
            found[1][row, :, :n] = inner.transpose(1, 2) @ q
        return (*found, None, None, None)


def _weights(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    return torch.softmax((query * query.shape[-1] ** -0.5) @ key.transpose(1, 2), dim=-1)


def _kept(weights: torch.Tensor, dropout: float, rng: np.random.Generator) -> torch.Tensor:
    """Return 0 where a weight is dropped and 1 / (1 - dropout) elsewhere; a quarter of the time of torch's own."""
    words: NDArray[np.uint64] = rng.integers(0, 2**64, -(-weights.numel() // 4), dtype=np.uint64)
    drawn = torch.from_numpy(words.view(np.int16)[: weights.numel()]).view(weights.shape)
    dropped = round(dropout * 65_536)
    return (drawn >= dropped - 32_768).to(weights.dtype).mul_(65_536 / (65_536 - dropped))
