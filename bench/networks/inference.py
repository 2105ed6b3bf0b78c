"""What a sequence classifier answers, without what its answer does not need.

RoBERTa's head reads the first token only, so the last layer is computed for that row alone: exact, and nearly half of a
student of two layers. On a CPU the encoder is that of `bench.networks.compiled` where it suits, else transformers' own
modules with torch's attention; `bench.distillation.training` goes the same way with an attention of its own. Left out:
GPUs, relative positions and all other architectures, for which transformers' own forward is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn.functional import linear, scaled_dot_product_attention
from transformers import PreTrainedModel, RobertaForSequenceClassification

from bench.networks import compiled

READ = {"input_ids", "token_type_ids", "attention_mask"}

Attention = Callable[[Any, torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
"""From a layer's own attention module, the rows that look, shape (batch, rows, hidden), all rows of that layer, and
which of them are no padding (shape (batch, longest), or None for all) to the heads' means, of the first one's shape."""


def logits(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the scores of one batch, shape (batch, labels).

    Args:
        model: any sequence classifier.
        batch: its inputs by name, padded at the end.
    """
    if not plain(model, batch) or model.training or model.device.type != "cpu":
        scored: torch.Tensor = model(**batch).logits
        return scored
    return _compiled(model, batch) if compiled.suits(model) else of_first_rows(model, batch, _looking)


def plain(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> bool:
    """Whether this is RoBERTa as it was published, reading text."""
    return (
        type(model) is RobertaForSequenceClassification
        and batch.keys() <= READ
        and getattr(model.config, "position_embedding_type", "absolute") == "absolute"
        and not model.config.is_decoder
    )


def _compiled(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    scored: torch.Tensor = model.classifier(compiled.first_rows(model, batch))
    return scored


def of_first_rows(model: Any, batch: Mapping[str, torch.Tensor], attention: Attention) -> torch.Tensor:
    """Return what the head of a plain model makes of the first rows, with this attention in all layers."""
    attended = batch.get("attention_mask")
    hidden = model.roberta.embeddings(input_ids=batch["input_ids"], token_type_ids=batch.get("token_type_ids"))
    *inner, last = model.roberta.encoder.layer
    for layer in inner:
        hidden = _layer(layer, hidden, hidden, attended, attention)
    scored: torch.Tensor = model.classifier(_layer(last, hidden[:, :1], hidden, attended, attention))
    return scored


def _layer(
    layer: Any, asking: torch.Tensor, hidden: torch.Tensor, attended: torch.Tensor | None, attention: Attention
) -> torch.Tensor:
    """Compute the rows `asking` of a layer, shape (batch, rows, hidden), over all of `hidden`."""
    rows = layer.attention.output(attention(layer.attention.self, asking, hidden, attended), asking)
    made: torch.Tensor = layer.output(layer.intermediate(rows), rows)
    return made


def _looking(own: Any, asking: torch.Tensor, hidden: torch.Tensor, attended: torch.Tensor | None) -> torch.Tensor:
    """Torch's attention without dropout; one matrix product for queries, keys and values."""
    parts = (own.query, own.key, own.value)
    joined = linear(hidden, torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts]))
    q, k, v = joined.unflatten(2, (3, own.num_attention_heads, -1)).permute(2, 0, 3, 1, 4)
    mask = None if attended is None else attended[:, None, None] > 0
    return scaled_dot_product_attention(q[:, :, : asking.shape[1]], k, v, attn_mask=mask).transpose(1, 2).flatten(2)
