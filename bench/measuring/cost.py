"""Cost of an architecture before anything is built: parameters, megabytes, GFLOPs. Arithmetic only, no torch.

Two accounts stand side by side. `parameters`, `megabytes` and `gflops` are true: what Hugging Face's
RobertaForSequenceClassification with two labels allocates and computes. `paper_parameters` and `paper_gflops` are the
formulas of Compressor and AVATAR (derived from ELECTRA's FLOPs script) with their quirks, because both searches
optimise them. Left out: biases of the tokenizer files and anything else that is not a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.types import Activation, PositionKind, StudentSpec

BYTES_PER_PARAMETER = 4
BYTES_PER_MB = 1e6
"""Not MiB, as in all three papers."""

SIZE_TOLERANCE = 0.02
"""A student may exceed the budget by 2%: the published "3 MB" are truly 3.024 MB (Compressor) and 3.002 MB (AVATAR)."""

LABELS = 2
"""Outputs of the classification head."""

LAYER_NORM_FLOPS = 5
SOFTMAX_FLOPS = 5
TANH_FLOPS = 8
ACTIVATION_FLOPS: Mapping[Activation, int] = {"gelu": 8, "gelu_new": 8, "silu": 5, "relu": 1}
"""Per element; ELECTRA's convention, which counts an exponential or a tanh as a handful of operations."""

RELATIVE_PRODUCTS: Mapping[PositionKind, int] = {"absolute": 0, "relative_key": 1, "relative_key_query": 2}
"""Additional query-by-distance products in every attention (Hugging Face's RobertaSelfAttention)."""

Number = TypeVar("Number", int, NDArray[np.float64])


@dataclass(frozen=True)
class Sizes(Generic[Number]):
    """What the papers' formulas read: one architecture as integers, or n of them as arrays of shape (n,)."""

    vocab_size: Number
    layers: Number
    hidden: Number
    heads: Number
    ffn: Number
    length: Number
    """The papers' s: position rows in Compressor (514), tokens in AVATAR."""


def parameters(spec: StudentSpec) -> int:
    """Return how many parameters the classifier has (no pooler; type table of one row)."""
    h, i = spec.hidden, spec.ffn
    norm = 2 * h
    embeddings = (spec.vocab_size + spec.position_rows + 1) * h + norm
    attention = 4 * (h * h + h) + _distance_table(spec) + norm
    feed_forward = h * i + i + i * h + h + norm
    head = h * h + h + LABELS * h + LABELS
    return embeddings + spec.layers * (attention + feed_forward) + head


def layer_parameters(spec: StudentSpec) -> int:
    """Return the parameters of all layers, tables of relative distances left out: those that every token passes."""
    return layer_parameters_of(_sizes(spec, None))


def _distance_table(spec: StudentSpec) -> int:
    """Parameters of one layer's table of relative distances; the absolute table stays allocated beside it."""
    if spec.position == "absolute":
        return 0
    return (2 * spec.position_rows - 1) * (spec.hidden // spec.heads)


def megabytes(spec: StudentSpec) -> float:
    """Return the true size in MB (1e6 bytes), at 4 bytes a parameter, embeddings included."""
    return parameters(spec) * BYTES_PER_PARAMETER / BYTES_PER_MB


def fits(spec: StudentSpec, size_mb: float) -> bool:
    """Say whether the true size is within the budget, `SIZE_TOLERANCE` included."""
    return megabytes(spec) <= size_limit(size_mb)


def size_limit(size_mb: float) -> float:
    """Return the largest true size in MB that a budget of `size_mb` accepts."""
    return size_mb * (1 + SIZE_TOLERANCE)


def gflops(spec: StudentSpec, tokens: int | None = None) -> float:
    """Return the GFLOPs of one inference over `tokens` tokens (default: max_tokens).

    A multiply-add is two; looking up an embedding is none; dropout is none; the classifier runs once.
    """
    s = spec.max_tokens if tokens is None else tokens
    return (_outer_flops(spec, s) + spec.layers * s * _token_flops(spec, s)) / 1e9


def answer_gflops(spec: StudentSpec, tokens: int) -> float:
    """Return the GFLOPs that one answer over `tokens` tokens needs.

    The head reads the first token, so of the last layer only keys and values are computed for every token. This is
    what `bench.distillation.training` and `bench.networks.inference` do; `gflops` is the convention of the literature.
    """
    keys_and_values = 2 * (2 * spec.hidden * spec.hidden + spec.hidden)
    last = tokens * keys_and_values + _token_flops(spec, tokens) - keys_and_values
    return (_outer_flops(spec, tokens) + (spec.layers - 1) * tokens * _token_flops(spec, tokens) + last) / 1e9


def _outer_flops(spec: StudentSpec, s: int) -> int:
    """FLOPs of the embeddings of s tokens and of the head, which runs once."""
    h = spec.hidden
    embeddings = s * ((2 if spec.position == "absolute" else 1) * h + LAYER_NORM_FLOPS * h)
    return embeddings + 2 * h * h + h + TANH_FLOPS * h + 2 * LABELS * h + LABELS


def _token_flops(spec: StudentSpec, s: int) -> int:
    """FLOPs of one layer for one of s tokens: attention, then feed-forward, each with residual and LayerNorm."""
    h, i = spec.hidden, spec.ffn
    residual_and_norm = h + LAYER_NORM_FLOPS * h
    relative = RELATIVE_PRODUCTS[spec.position] * (2 * s * h + s * spec.heads)
    scores = 2 * s * h + relative + (2 + SOFTMAX_FLOPS) * s * spec.heads  # scaled, masked, softmax
    attention = 3 * (2 * h * h + h) + scores + 2 * s * h + 2 * h * h + h + residual_and_norm
    feed_forward = 2 * h * i + i + ACTIVATION_FLOPS[spec.activation] * i + 2 * i * h + h + residual_and_norm
    return attention + feed_forward


def paper_parameters(spec: StudentSpec, length: int | None = None) -> int:
    """Return the papers' parameter count; `length` is their s (default: the position rows, as in Compressor)."""
    return paper_parameters_of(_sizes(spec, length))


def paper_megabytes(spec: StudentSpec, length: int | None = None) -> float:
    """Return the papers' size in MB (1e6 bytes); `length` as in `paper_parameters`."""
    return paper_parameters(spec, length) * BYTES_PER_PARAMETER / BYTES_PER_MB


def paper_gflops(spec: StudentSpec, length: int | None = None) -> float:
    """Return the papers' GFLOPs; `length` as in `paper_parameters`."""
    return paper_flops_of(_sizes(spec, length)) / 1e9


def paper_parameters_of(sizes: Sizes[Number]) -> Number:
    """Evaluate the papers' parameter formula.

    Quirks: it counts a pooler (h*h + h) that the model does not have, and no table of relative distances. AVATAR also
    sets s to the tokens, although the model has two more position rows.
    """
    v, h, s = sizes.vocab_size, sizes.hidden, sizes.length
    embeddings = v * h + s * h + 3 * h
    return embeddings + layer_parameters_of(sizes) + 2 * (h * h + h) + 2 * h + 2


def true_parameters_of(sizes: Sizes[Number]) -> Number:
    """Return true parameters where `length` is the position rows and positions are absolute."""
    return paper_parameters_of(sizes) - (sizes.hidden * sizes.hidden + sizes.hidden)


def layer_parameters_of(sizes: Sizes[Number]) -> Number:
    """Return the true parameters of all layers: those that every token passes through; no tables, no head."""
    h, i = sizes.hidden, sizes.ffn
    return sizes.layers * (4 * (h * h + h) + 2 * h * i + i + h + 4 * h)


def paper_flops_of(sizes: Sizes[Number]) -> Number:
    """Evaluate the papers' FLOPs formula.

    Quirks: looking up a token is charged as a product with a one-hot vector (2hv, which dominates for a big
    vocabulary), dropout is charged at inference, the second LayerNorm is charged 5 instead of 5h, and the classifier s
    times.
    """
    h, a, i, s = sizes.hidden, sizes.heads, sizes.ffn, sizes.length
    block = 8 * h * h + 4 * h * s + 10 * s * a + 4 * h * i + 9 * i + 20 * h + 5
    embeddings = 2 * h * sizes.vocab_size + 2 * h * (s + 2) + 2 * h + 5 * h + 4 * h
    classifier = 2 * h * h + h + 12 * h + 2 * h
    return sizes.layers * s * block + s * embeddings + s * classifier


def _sizes(spec: StudentSpec, length: int | None) -> Sizes[int]:
    return Sizes(
        vocab_size=spec.vocab_size,
        layers=spec.layers,
        hidden=spec.hidden,
        heads=spec.heads,
        ffn=spec.ffn,
        length=spec.position_rows if length is None else length,
    )
