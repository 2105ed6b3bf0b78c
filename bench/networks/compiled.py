"""The encoder of a plain RoBERTa for its first row, by a compiled kernel of ours where it runs.

`bench/networks/kernel/layers.h` says what it does and follows. Built with the package where there is a C compiler, it
takes float32 on one thread of a CPU with AVX2 or AVX-512 (as attacks, judgements and timed calls run), heads of at
most 64 numbers. Everywhere else the layers are torch's (`bench.networks.inference`); the two agree to rounding.
Weights are read in place at each call, so that a model that is still being trained is read as it is.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch

LIBRARY = "bench.networks._encoder"
WIDEST = 64
"""Numbers of a head that the kernel has room for."""
ACTIVATIONS = ("gelu", "relu", "silu", "gelu_new")
"""As the kernel numbers them."""
NO_ROW = 2
"""What the kernel returns for a token that has no embedding."""
NUMBERS = ("words", "places", "types", "padding", "hidden", "heads", "ffn", "layers", "activation")


class _Shape(ctypes.Structure):
    """What the kernel knows of a model; see `bench/networks/kernel/encoder.h`."""

    _fields_ = (*((name, ctypes.c_int64) for name in NUMBERS), ("epsilon", ctypes.c_float))


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


def first_rows(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the first row of the last layer, shape (batch, 1, hidden).

    Args:
        model: a plain RoBERTa that the kernel suits.
        batch: "input_ids", perhaps "token_type_ids" and "attention_mask", shape (batch, longest), padded at the end.

    Raises:
        IndexError: a token that the model has no embedding for, or more tokens than it has places.
    """
    encode, config, parts = kernel(), model.config, model.roberta.embeddings
    assert encode is not None
    ids, types, attended = batch["input_ids"].contiguous(), batch.get("token_type_ids"), batch.get("attention_mask")
    types = None if types is None else types.contiguous()
    count, longest = ids.shape
    lengths = torch.full((count,), longest) if attended is None else attended.sum(dim=1, dtype=torch.int64)
    tables = [tensor.contiguous() for tensor in _tables(parts)]
    weights = [tensor.contiguous() for layer in model.roberta.encoder.layer for tensor in _parameters(layer)]
    rows = (len(table) for table in tables[:3])
    sizes = (config.hidden_size, config.num_attention_heads, config.intermediate_size, config.num_hidden_layers)
    activation = ACTIVATIONS.index(config.hidden_act)
    shape = _Shape(*rows, parts.padding_idx, *sizes, activation, config.layer_norm_eps)
    out = torch.empty(count, 1, config.hidden_size)
    places = (ids.data_ptr(), None if types is None else types.data_ptr(), lengths.data_ptr(), out.data_ptr())
    state = encode(_pointers(tables), _pointers(weights), ctypes.byref(shape), *places, count, longest)
    if state == NO_ROW:
        raise IndexError("expected tokens and places that the model has embeddings for")
    if state:
        raise MemoryError(f"no memory for the layers over {longest} tokens")
    return out


def _tables(parts: Any) -> list[torch.Tensor]:
    found = [parts.word_embeddings, parts.position_embeddings, parts.token_type_embeddings]
    return [*(part.weight for part in found), parts.LayerNorm.weight, parts.LayerNorm.bias]


def _parameters(layer: Any) -> list[torch.Tensor]:
    """Weights and biases in the order in which the kernel expects them."""
    looking, own = layer.attention, layer.attention.self
    parts = [own.query, own.key, own.value, looking.output.dense, looking.output.LayerNorm]
    parts += [layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm]
    return [tensor for part in parts for tensor in (part.weight, part.bias)]


def _pointers(tensors: Sequence[torch.Tensor]) -> Any:
    return (ctypes.c_void_p * len(tensors))(*(tensor.data_ptr() for tensor in tensors))


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
    function.argtypes = [ctypes.c_void_p] * 7 + [ctypes.c_int64] * 2
    function.restype = ctypes.c_int
    return function
