"""Networks built, stored and loaded as `Classifier`. Only this, `encoders` and `hub` load weights.

A model is a Hugging Face directory (config.json, model.safetensors, tokenizer.json), so plain transformers can load
it too. The head is a true two-way softmax whose column k is P(label == k); the released models train column 0 only
and read it as "vulnerable" (spec 0.2). Weights are read as safetensors or weights-only; no code comes from a model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import (
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
)

from bench.networks.encode import BOS, EOS, PAD, Encoded, Inputs, Known, TextInputs, in_batches
from bench.networks.graph_inputs import GraphInputs, with_nodes
from bench.networks.hub import quietly
from bench.networks.inference import logits
from bench.results import Training
from bench.types import Probabilities, Recipe, StudentSpec, UsageError

LABELS = {0: "safe", 1: "vulnerable"}
INPUTS_FILE = "inputs.json"
TRAINING_FILE = "training.json"
READERS: dict[str, type[TextInputs] | type[GraphInputs]] = {"text": TextInputs, "graph": GraphInputs}
"""Inputs by the kind that stands in their file."""


@dataclass(frozen=True)
class Constant:
    """The classifier that answers the same for every program."""

    vulnerable: float
    """P(label == 1)."""

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Answer for n programs, shape (n, 2)."""
        return np.tile([1.0 - self.vulnerable, self.vulnerable], (len(programs), 1))


@dataclass(frozen=True)
class Network:
    """A RoBERTa classifier with its inputs and its device."""

    model: RobertaForSequenceClassification
    inputs: Inputs
    device: str = "cpu"
    batch_size: int = 32
    valid_accuracy: float = float("nan")
    """Accuracy on validation at the epoch that was kept, as a share."""
    valid_auroc: float = float("nan")
    """The same for the order in which validation programs are put."""
    training: Training | None = None
    """What its training took, where it is known."""
    known: Known | None = None
    """Answers that are kept; None keeps none."""

    def remembering(self) -> Network:
        """Return the same network, which computes equal inputs once for as long as it lives."""
        return replace(self, known={})

    def logits(self, programs: Sequence[str]) -> NDArray[np.float64]:
        """Shape (n,): log-odds of "vulnerable" at temperature 1."""
        return self.logits_of(self.inputs.encode(programs))

    def logits_of(self, encoded: Sequence[Encoded]) -> NDArray[np.float64]:
        """The same for encoded programs."""
        if self.model.training:
            self.model.eval()
        return in_batches(encoded, self.batch_size, self._margins, known=self.known)

    @torch.inference_mode()
    def _margins(self, batch: list[Encoded]) -> NDArray[np.float64]:
        pairs = forward(self.model, self.inputs, batch, self.device).double()
        return np.asarray((pairs[:, 1] - pairs[:, 0]).cpu())

    def visible(self, program: str) -> int:
        """Number of leading characters that reach the model; see `bench.networks.windows.Windowed`."""
        return self.inputs.visible(program)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge n programs, shape (n, 2)."""
        vulnerable = 1.0 / (1.0 + np.exp(-self.logits(programs)))
        return np.stack([1.0 - vulnerable, vulnerable], axis=1)


def forward(
    model: RobertaForSequenceClassification, inputs: Inputs, encoded: Sequence[Encoded], device: str
) -> torch.Tensor:
    """Raw scores of one batch, shape (batch, 2), float32; bf16 autocast on a GPU."""
    batch = {name: tensor.to(device, non_blocking=True) for name, tensor in inputs.collate(encoded).items()}
    faster = torch.autocast("cuda", dtype=torch.bfloat16) if device.startswith("cuda") else nullcontext()
    with faster:
        return logits(model, with_nodes(model.roberta, batch)).float()


def roberta_config(spec: StudentSpec, recipe: Recipe) -> RobertaConfig:
    """Hugging Face's configuration of an architecture; dropouts and initial weights are the recipe's."""
    return RobertaConfig(
        vocab_size=spec.vocab_size,
        hidden_size=spec.hidden,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        intermediate_size=spec.ffn,
        max_position_embeddings=spec.position_rows,
        hidden_act=spec.activation,
        hidden_dropout_prob=recipe.hidden_dropout,
        attention_probs_dropout_prob=recipe.attention_dropout,
        position_embedding_type=spec.position,
        initializer_range=recipe.initializer_range or 0.02 * (768 / spec.hidden) ** 0.5,
        type_vocab_size=1,
        bos_token_id=BOS,
        pad_token_id=PAD,
        eos_token_id=EOS,
        num_labels=2,
        id2label=LABELS,
        label2id={name: label for label, name in LABELS.items()},
        attn_implementation=attention_of(spec.position),
    )


def attention_of(position: str) -> str:
    """Relative positions exist only in the eager attention of transformers."""
    return "sdpa" if position == "absolute" else "eager"


Model = TypeVar("Model", bound=torch.nn.Module)


def place(model: Model, device: str) -> Model:
    """Move a model to its device, ready to judge, with weights in memory of their own.

    A checkpoint is loaded as views of the mapped file, at odd addresses, where some processors sum in another order:
    the last bit of an answer would tell whether a network was trained or loaded.
    """
    torch.nn.Module.to(model, device)
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    return model.eval()


def build(spec: StudentSpec, recipe: Recipe, tokenizer: Tokenizer, seed: int, device: str = "cpu") -> Network:
    """Make a randomly initialised student; the same seed gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = RobertaForSequenceClassification(roberta_config(spec, recipe))
    return Network(place(model, device), TextInputs(tokenizer, spec.max_tokens), device)


def parameters(model: torch.nn.Module) -> int:
    """Number of trainable numbers in a model."""
    return sum(parameter.numel() for parameter in model.parameters())


def save(classifier: object, folder: Path) -> None:
    """Write a `Network` as a Hugging Face directory, a `Constant` as one number.

    Raises:
        TypeError: any other classifier; it cannot be replayed from a run directory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(classifier, Constant):
        (folder / INPUTS_FILE).write_text(json.dumps({"kind": "constant", "vulnerable": classifier.vulnerable}) + "\n")
    elif isinstance(classifier, Network):
        classifier.model.save_pretrained(folder, safe_serialization=True)
        save_inputs(classifier.inputs, folder)
        if classifier.training is not None:
            (folder / TRAINING_FILE).write_text(json.dumps(asdict(classifier.training)) + "\n")
    else:
        raise TypeError(f"expected a Network or a Constant, got {type(classifier).__name__}")


def load(folder: Path, device: str = "cpu") -> Network | Constant:
    """Read back what `save` wrote.

    Raises:
        UsageError: a network without its head, such as an encoder, or one that its inputs do not fit.
    """
    facts = json.loads((folder / INPUTS_FILE).read_text())
    if facts["kind"] == "constant":
        return Constant(float(facts["vulnerable"]))
    config = RobertaConfig.from_pretrained(folder, local_files_only=True)
    with quietly():
        model, found = RobertaForSequenceClassification.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            attn_implementation=attention_of(config.position_embedding_type),
            output_loading_info=True,
        )
    if found["missing_keys"]:
        raise UsageError(
            f"expected a classifier in {folder}, got no weights for {min(found['missing_keys'])}: train it"
        )
    inputs = load_inputs(folder)
    _fit(inputs, config, folder)
    known = folder / TRAINING_FILE
    training = Training(**json.loads(known.read_text())) if known.is_file() else None
    return Network(place(model, device), inputs, device, training=training)


def _fit(inputs: TextInputs | GraphInputs, config: RobertaConfig, folder: Path) -> None:
    """Refuse inputs that ask for embeddings which the network has not."""
    ids = (inputs.bos, inputs.eos, inputs.pad, inputs.tokenizer.get_vocab_size() - 1)
    longest = config.max_position_embeddings - config.pad_token_id - 1
    if min(ids) < 0 or max(ids) >= config.vocab_size or not 0 < inputs.max_tokens <= longest:
        raise UsageError(f"expected inputs within the embeddings of {folder}, got others: copy or make it again")


def save_inputs(inputs: Inputs, folder: Path) -> None:
    """Write what turns programs into tensors beside the weights."""
    kind = next((name for name, made in READERS.items() if type(inputs) is made), None)
    if kind is None or not isinstance(inputs, TextInputs | GraphInputs):
        raise TypeError(f"expected TextInputs or GraphInputs, got {type(inputs).__name__}")
    facts = {
        "kind": kind,
        "max_tokens": inputs.max_tokens,
        "bos": inputs.bos,
        "eos": inputs.eos,
        "pad": inputs.pad,
    }
    inputs.tokenizer.save(str(folder / "tokenizer.json"))
    (folder / INPUTS_FILE).write_text(json.dumps(facts) + "\n")


def load_inputs(folder: Path) -> TextInputs | GraphInputs:
    """Read what `save_inputs` wrote."""
    facts: dict[str, Any] = json.loads((folder / INPUTS_FILE).read_text())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    numbers = (int(facts[name]) for name in ("max_tokens", "bos", "eos", "pad"))
    return READERS[facts["kind"]](tokenizer, *numbers)


def masked_language_model(spec: StudentSpec, recipe: Recipe, seed: int, device: str) -> RobertaForMaskedLM:
    """Make an untrained masked language model of this architecture."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return place(RobertaForMaskedLM(roberta_config(spec, recipe)), device)
