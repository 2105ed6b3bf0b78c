"""The layers of a plain RoBERTa for its first row, by a compiled kernel of ours where it runs.

`bench/networks/kernel/layers.h` says what it does and follows. Built with the package where there is a C compiler, it
takes float32 on one thread of a CPU with AVX2 or AVX-512 (as attacks, judgements and timed calls run), heads of at
most 64 numbers. Everywhere else the layers are torch's (`bench.networks.inference`); the two agree to rounding.
Weights are read in place at each call, so that a model that is still being trained is read as it is.
"""

from __future__ import annotations

import ctypes
import importlib.util
from functools import lru_cache
from typing import Any

import torch

LIBRARY = "bench.networks._encoder"
WIDEST = 64
"""Numbers of a head that the kernel has room for."""
ACTIVATIONS = ("gelu", "relu", "silu", "gelu_new")
"""As the kernel numbers them."""


class _Shape(ctypes.Structure):
    """What the kernel knows of a model."""

    _fields_ = (
        ("hidden", ctypes.c_int64),
        ("heads", ctypes.c_int64),
        ("ffn", ctypes.c_int64),
        ("layers", ctypes.c_int64),
        ("activation", ctypes.c_int64),
        ("epsilon", ctypes.c_float),
    )


def suits(model: Any) -> bool:
    """Whether the kernel can take the layers of this plain RoBERTa, here and now."""
    config = model.config
    return (
        torch.get_num_threads() == 1
        and not torch.is_grad_enabled()
        and model.device.type == "cpu"
        and model.dtype == torch.float32
        and config.hidden_act in ACTIVATIONS
        and config.hidden_size <= WIDEST * config.num_attention_heads
        and kernel() is not None
    )


def first_rows(model: Any, hidden: torch.Tensor, attended: torch.Tensor | None) -> torch.Tensor:
    """Return the first row of the last layer, shape (batch, 1, hidden).

    Args:
        model: a plain RoBERTa that the kernel suits.
        hidden: embedded tokens, shape (batch, longest, hidden).
        attended: shape (batch, longest), 1 for tokens and 0 for padding at the end; None: nothing is padded.
    """
    encode, config = kernel(), model.config
    assert encode is not None
    batch, longest, width = hidden.shape
    hidden, layers = hidden.contiguous(), model.roberta.encoder.layer
    lengths = torch.full((batch,), longest) if attended is None else attended.sum(dim=1, dtype=torch.int64)
    weights = [tensor.contiguous() for layer in layers for tensor in _parameters(layer)]
    pointers = (ctypes.c_void_p * len(weights))(*(tensor.data_ptr() for tensor in weights))
    activation = ACTIVATIONS.index(config.hidden_act)
    heads, ffn = config.num_attention_heads, config.intermediate_size
    shape = _Shape(width, heads, ffn, len(layers), activation, config.layer_norm_eps)
    out = hidden.new_empty(batch, 1, width)
    places = (hidden.data_ptr(), lengths.data_ptr(), out.data_ptr())
    if encode(pointers, ctypes.byref(shape), *places, batch, longest):
        raise MemoryError(f"no memory for the layers over {longest} tokens")
    return out


def _parameters(layer: Any) -> list[torch.Tensor]:
    """Weights and biases in the order in which the kernel expects them."""
    looking, own = layer.attention, layer.attention.self
    parts = [own.query, own.key, own.value, looking.output.dense, looking.output.LayerNorm]
    parts += [layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm]
    return [tensor for part in parts for tensor in (part.weight, part.bias)]


@lru_cache
def kernel(name: str = "encode") -> Any | None:
    """Return the kernel, or None where it was not built or the processor lacks its instructions.

    Args:
        name: `encode` for the best instructions that this processor has; `encode_avx2`, `encode_avx512` for these.
    """
    found = importlib.util.find_spec(LIBRARY)
    if found is None or found.origin is None:
        return None
    library = ctypes.CDLL(found.origin)
    if not library.supported():
        return None
    function = getattr(library, name)
    function.argtypes = [ctypes.c_void_p] * 5 + [ctypes.c_int64] * 2
    function.restype = ctypes.c_int
    return function
