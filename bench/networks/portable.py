"""A network as others read it: a Hugging Face directory for plain transformers, or ONNX for onnxruntime.

What `bench.networks.encode.TextInputs` does by hand is built into the tokenizer that is written: white space is
collapsed, the program stands between `<s>` and `</s>`, and is cut at the end. So whoever calls it in the usual way
gives the model the same tensors as this benchmark does. One difference is left: a special token that a program spells
in capitals ("<S>") is read as that token, where a byte-level tokenizer lowers case.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, normalizers, processors
from transformers import PreTrainedTokenizerFast, RobertaForSequenceClassification

from bench.networks.encode import TextInputs
from bench.networks.models import Network
from bench.types import UsageError

WHITE_SPACE = r"[\s\x{1c}-\x{1f}]+"
"""What Python's str.split() splits at: Unicode's white space and the four separators of ASCII."""
TOLERANCE = 1e-5
"""Largest difference between the probabilities of an export and ours, on a CPU; tests hold every export to it."""
TOKENIZER = "tokenizer.json"
ONNX = "model.onnx"


def tokenizer(inputs: TextInputs) -> Tokenizer:
    """Return a tokenizer that does all that these inputs do; it neither cuts nor pads unless told to."""
    parts = json.loads(inputs.tokenizer.to_str())
    strips = '"Strip"' in json.dumps(parts["normalizer"])
    for token in parts["added_tokens"]:
        # Beside a special token that a program spells, blanks are dropped if the tokenizer strips, and count if not:
        # then such tokens may be looked for only after white space is collapsed.
        token["normalized"] = not strips
    made = Tokenizer.from_str(json.dumps(parts))
    collapse: list[normalizers.Normalizer] = [normalizers.Replace(Regex(WHITE_SPACE), " "), normalizers.Strip()]
    made.normalizer = normalizers.Sequence([*collapse, *([made.normalizer] if made.normalizer else [])])
    begin, end = ((str(made.id_to_token(number)), number) for number in (inputs.bos, inputs.eos))
    made.post_processor = processors.TemplateProcessing(f"{begin[0]} $A {end[0]}", None, [begin, end])
    return made


def save_transformers(network: Network, folder: Path) -> None:
    """Write a directory that AutoModelForSequenceClassification and AutoTokenizer read."""
    inputs = _text_inputs(network)
    made = tokenizer(inputs)
    begin, end, pad = (made.id_to_token(number) for number in (inputs.bos, inputs.eos, inputs.pad))
    others = {"unk_token": "<unk>", "mask_token": "<mask>"}
    network.model.save_pretrained(folder, safe_serialization=True)
    PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=inputs.max_tokens,
        model_input_names=["input_ids", "attention_mask"],
        add_prefix_space=_begins_with_blank(made),
        bos_token=begin,
        cls_token=begin,
        eos_token=end,
        sep_token=end,
        pad_token=pad,
        **{role: token for role, token in others.items() if made.token_to_id(token) is not None},
    ).save_pretrained(folder)


def save_onnx(network: Network, folder: Path) -> None:
    """Write model.onnx, from "input_ids" and "attention_mask" to "probabilities", and a tokenizer that cuts and pads.

    Batch and length are free. Nothing about this machine is kept in the graph.

    Raises:
        UsageError: the extra `onnx` is not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401 - what torch writes ONNX with
    except ImportError as error:
        raise UsageError(f"expected the extra onnx, got none ({error}): pip install 'moekd-bench[onnx]'") from error
    inputs = _text_inputs(network)
    made = tokenizer(inputs)
    made.enable_truncation(inputs.max_tokens)
    made.enable_padding(pad_id=inputs.pad, pad_token=str(made.id_to_token(inputs.pad)))
    made.save(str(folder / TOKENIZER))
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    ids = torch.full((2, 8), inputs.eos)
    mask = torch.ones_like(ids)
    mask[1, 4:] = 0
    with _without_advice():
        written = torch.onnx.export(
            _Judge(network.model).eval(),
            (ids, mask),
            dynamo=True,
            input_names=["input_ids", "attention_mask"],
            output_names=["probabilities"],
            dynamic_shapes={"input_ids": free, "attention_mask": free},
            verbose=False,
        )
    if written is None:
        raise RuntimeError("expected torch.onnx to return a program")
    graph = written.model_proto
    for part in (graph, graph.graph, *graph.graph.node, *graph.graph.value_info, *graph.functions):
        part.ClearField("metadata_props")  # names files of this machine
    onnx.checker.check_model(graph)
    onnx.save_model(graph, folder / ONNX)


class _Judge(torch.nn.Module):
    """The network with its softmax, as a function of two tensors."""

    def __init__(self, model: RobertaForSequenceClassification) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.model(input_ids=input_ids, attention_mask=attention_mask).logits.float(), dim=1)


def _text_inputs(network: Network) -> TextInputs:
    if not isinstance(network.inputs, TextInputs):
        raise UsageError(f"expected a network that reads text alone, got {type(network.inputs).__name__}: give another")
    return network.inputs


def _begins_with_blank(made: Tokenizer) -> bool:
    """Whether the tokenizer puts a blank before a text: transformers sets that anew unless it is told."""
    found = json.loads(made.to_str())["pre_tokenizer"] or {}
    return bool(found.get("add_prefix_space", False))


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep quiet about torchvision and about what changes in torch itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=FutureWarning)
            warnings.simplefilter("ignore", category=DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
