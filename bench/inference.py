"""What a sequence classifier answers, without what its answer does not need.

RoBERTa's head reads the first token only, so the last layer is computed for that token alone: exact, and nearly half of
a student of two layers. Attention is `bench.attention`'s. All else stays transformers' own modules with their weights,
read at each call, so that a model that is still being trained is read as it is. Left out: training, GPUs, relative
positions and all other architectures, for which transformers' own forward is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.functional import linear
from transformers import PreTrainedModel, RobertaForSequenceClassification

from bench.attention import attend

READ = {"input_ids", "attention_mask"}


def logits(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the scores of one batch, shape (batch, labels).

    Args:
        model: any sequence classifier.
        batch: its inputs by name, padded at the end.
    """
    found: torch.Tensor = _of_first_tokens(model, batch) if _plain(model, batch) else model(**batch).logits
    return found


def _plain(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> bool:
    """Whether this is RoBERTa as it was published, at work on a CPU."""
    config = model.config
    return (
        type(model) is RobertaForSequenceClassification
        and not model.training
        and model.device.type == "cpu"
        and batch.keys() <= READ
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
        and not config.is_decoder
    )


def _of_first_tokens(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    lengths = batch["attention_mask"].sum(1) if "attention_mask" in batch else None
    hidden = model.roberta.embeddings(input_ids=batch["input_ids"])
    *layers, last = model.roberta.encoder.layer
    for layer in layers:
        hidden = _layer(layer, hidden, hidden.shape[1], lengths)
    found: torch.Tensor = model.classifier(_layer(last, hidden, 1, lengths))
    return found


def _layer(layer: Any, hidden: torch.Tensor, asked: int, lengths: torch.Tensor | None) -> torch.Tensor:
    """One encoder layer for the first `asked` tokens of each program; shape (batch, asked, hidden)."""
    own = layer.attention.self
    parts = (own.query, own.key, own.value)
    joined = linear(hidden, torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts]))
    mixed = attend(joined, own.num_attention_heads, asked, lengths)
    hidden = layer.attention.output(mixed, hidden[:, :asked])
    found: torch.Tensor = layer.output(layer.intermediate(hidden), hidden)
    return found
