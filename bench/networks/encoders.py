"""Pre-trained encoders: what teachers and experts are fine-tuned from.

Loaded from the Hugging Face hub at a pinned revision, from a local directory, or as `bench.pretraining.pretrain` made
them. Weights are read as safetensors or weights-only; no code comes from a model (`bench.networks.hub`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, processors
from transformers import (
    AutoModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    RobertaModel,
)

from bench.networks.encode import BOS, EOS, SPECIALS, Encoded, Inputs, TextInputs, in_batches, padded
from bench.networks.graph_inputs import GraphInputs, with_nodes
from bench.networks.hub import OwnInputs, load_pretrained, own_inputs, quietly
from bench.networks.models import INPUTS_FILE, LABELS, Network, load_inputs, place, save_inputs
from bench.types import Recipe, UsageError

FACTS_FILE = "facts.json"


@dataclass(frozen=True)
class Encoder:
    """A pre-trained encoder, before fine-tuning, with the inputs that it was trained on."""

    model: RobertaModel
    inputs: Inputs
    device: str = "cpu"
    language_model: RobertaForMaskedLM | None = None
    """The encoder with the head that it was pre-trained under, where that was here: a source of names for attacks."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """What its maker wants known of it."""

    def classifier(self, recipe: Recipe, seed: int) -> Network:
        """Copy the encoder and put a fresh classification head on it."""
        config = RobertaConfig.from_dict(self.model.config.to_dict())
        config.update(
            {
                "num_labels": 2,
                "id2label": LABELS,
                "label2id": {name: label for label, name in LABELS.items()},
                "hidden_dropout_prob": recipe.hidden_dropout,
                "attention_probs_dropout_prob": recipe.attention_dropout,
            }
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = RobertaForSequenceClassification(config)
        # A plain encoder may carry a pooler, which the classifier does not have; everything else must fit.
        missing, unexpected = model.roberta.load_state_dict(self.model.state_dict(), strict=False)
        if missing or any(not name.startswith("pooler.") for name in unexpected):
            raise RuntimeError(f"encoder and classifier differ: {missing} {unexpected}")
        return Network(place(model, self.device), self.inputs, self.device)

    def embed(self, programs: Sequence[str], batch_size: int = 32) -> NDArray[np.float64]:
        """Mean-pooled last layer, shape (n, hidden)."""
        self.model.eval()
        encoded = self.inputs.encode(programs)
        return in_batches(encoded, batch_size, self._pooled, (self.model.config.hidden_size,))

    @torch.inference_mode()
    def _pooled(self, encoded: list[Encoded]) -> NDArray[np.float64]:
        batch = {name: tensor.to(self.device) for name, tensor in self.inputs.collate(encoded).items()}
        states = self.model(**with_nodes(self.model, batch)).last_hidden_state.float()
        return np.asarray(_mean(states, batch.get("attention_mask")).double().cpu())


def _mean(states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    if mask is None:
        return states.mean(dim=1)
    if mask.dim() == 3:
        mask = mask[:, 0]  # `<s>` attends to all that is no padding
    weights = mask.unsqueeze(-1).float()
    return (states * weights).sum(dim=1) / weights.sum(dim=1)


@dataclass(frozen=True)
class NameSpace:
    """Names as points, each the mean of its sub-tokens in the last layer (RNNS, EMNLP Findings 2023, as released).

    Implements `attacks.names.Embed` with any Hugging Face encoder. The special tokens around a name are read and not
    counted. To other processes it travels as the address of its weights, which each of them loads once.
    """

    source: str
    revision: str | None = None
    device: str = "cpu"

    def embed(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Shape (n, hidden), one row per name."""
        model, inputs = load_name_space(self)
        found = inputs.tokenizer.encode_batch(list(names))
        encoded = [{"input_ids": np.array(x.ids), "own": 1 - np.array(x.special_tokens_mask)} for x in found]
        work = functools.partial(_own_means, model, inputs, self.device)
        return in_batches(encoded, inputs.batch_size(256), work, (model.config.hidden_size,))


@functools.lru_cache(maxsize=1)
def load_name_space(where: NameSpace) -> tuple[PreTrainedModel, OwnInputs]:
    """Load an encoder with a fast tokenizer, local or from the hub; once per process.

    Raises:
        UsageError: it cannot be loaded.
    """
    advice = "a local Hugging Face directory, or --substitutes near, which needs neither"
    found = load_pretrained(AutoModel, where.source, where.revision, "encoder", advice, optional="pooler.")
    return place(found.model, where.device), own_inputs(found)


@torch.inference_mode()
def _own_means(model: PreTrainedModel, inputs: OwnInputs, device: str, encoded: list[Encoded]) -> NDArray[np.float64]:
    batch = padded(encoded, {"input_ids": inputs.pad or 0, "own": 0})
    batch = {name: tensor.to(device) for name, tensor in batch.items()}
    own = batch.pop("own")
    return np.asarray(_mean(model(**batch).last_hidden_state.float(), own).double().cpu())


def load_encoder(
    source: str, revision: str | None, max_tokens: int, device: str = "cpu", *, graph: bool | None = None
) -> Encoder:
    """Load a pre-trained RoBERTa encoder: a local Hugging Face directory, or a hub id at a pinned revision.

    `graph` says whether it reads data flow as well; None: what `bench pretrain` noted beside it, otherwise not.

    Raises:
        UsageError: unreachable, unreadable, or not of RoBERTa's architecture.
    """
    advice = "--teachers a local Hugging Face directory, or codebert-scratch, which needs neither"
    found = load_pretrained(AutoModel, source, revision, "teacher", advice, optional="pooler.")
    model, tokenizer = found.model, found.tokenizer
    if not isinstance(model, RobertaModel):
        raise UsageError(f"expected a RoBERTa encoder, got {type(model).__name__} in {source!r}: choose another")
    longest = model.config.max_position_embeddings - model.config.pad_token_id - 1
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_truncation()
    backend.no_padding()
    ids = (int(tokenizer.cls_token_id), int(tokenizer.sep_token_id), int(tokenizer.pad_token_id))
    reader = GraphInputs if (reads_graph(source) if graph is None else graph) else TextInputs
    return Encoder(place(model, device), reader(backend, min(max_tokens, longest), *ids), device)


def reads_graph(source: str) -> bool:
    """Whether `bench pretrain` noted beside an encoder that it reads data flow."""
    path = Path(source) / INPUTS_FILE
    return path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("kind") == "graph"


def save_encoder(encoder: Encoder, folder: Path) -> None:
    """Write an encoder as a Hugging Face directory; one that was pre-trained here keeps its language model's head.

    The Auto classes of transformers then read the encoder, the language model and the tokenizer.
    """
    (encoder.language_model or encoder.model).save_pretrained(folder, safe_serialization=True)
    save_inputs(encoder.inputs, folder)
    (folder / FACTS_FILE).write_text(json.dumps(dict(encoder.facts)) + "\n", encoding="utf-8")
    if encoder.language_model is not None:
        published_tokenizer(load_inputs(folder)).save_pretrained(folder)


def published_tokenizer(inputs: TextInputs | GraphInputs) -> PreTrainedTokenizerFast:
    """Return a tokenizer of ours as `AutoTokenizer` shall find it; collapsing white space is left to its user."""
    backend = Tokenizer.from_str(inputs.tokenizer.to_str())
    bos, pad, eos, unk, mask = SPECIALS
    backend.post_processor = processors.TemplateProcessing(f"{bos} $A {eos}", None, [(bos, BOS), (eos, EOS)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=inputs.max_tokens,
        model_input_names=["input_ids", "attention_mask"],
        add_prefix_space=True,
        bos_token=bos,
        cls_token=bos,
        eos_token=eos,
        sep_token=eos,
        pad_token=pad,
        unk_token=unk,
        mask_token=mask,
    )


def load_own_encoder(folder: Path, device: str) -> Encoder:
    """Read what `save_encoder` wrote."""
    with quietly():  # weights of a pooler that nobody reads may be there
        model = RobertaModel.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, add_pooling_layer=False
        )
    if not (folder / FACTS_FILE).is_file():
        raise UsageError(
            f"expected {FACTS_FILE} in {folder}, got an encoder of an older version: give another --output"
        )
    facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
    return Encoder(place(model, device), load_inputs(folder), device, facts=facts)
