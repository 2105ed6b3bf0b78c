"""Models as Hugging Face users publish them: weights, fast tokenizer, and how much of a program they can read.

From a local directory, or from the hub at a revision. Weights are read as safetensors or weights-only; no code comes
from a model. What a model is used for is decided above: `bench.networks.encoders`, `bench.networks.victims`,
`bench.networks.fillmask`.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from bench.networks.encode import Encoded, collapse, padded, uncollapse
from bench.types import UsageError

SHORTEST = 8
"""Tokens of a useful window, special tokens included."""
UNBOUNDED = 1_000_000
"""Transformers writes 1e30 where a tokenizer names no longest input."""


@dataclass(frozen=True)
class Pretrained:
    """A model and its tokenizer, as they were found."""

    source: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast

    @property
    def longest(self) -> int | None:
        """Most tokens of an input, special ones included; None where neither model nor tokenizer says."""
        named = int(min(self.tokenizer.model_max_length, UNBOUNDED))
        found = [rows for rows in (named, _positions(self.model)) if rows and rows < UNBOUNDED]
        return min(found, default=None)


def load_pretrained(
    auto: Any, source: str, revision: str | None, what: str, advice: str, optional: str = "\0"
) -> Pretrained:
    """Load weights and tokenizer with one of the Auto classes of transformers.

    Args:
        auto: the class, such as `AutoModel`.
        source: a local directory, or a hub id.
        revision: commit, tag or branch on the hub.
        what: what it is to be, and `advice`: what to give instead, for messages.
        optional: weights whose names begin so may be missing, and are then random.

    Raises:
        UsageError: unreachable, unreadable, incomplete, weights that hold code, or no fast tokenizer that fits.
    """
    try:
        with quietly():
            # transformers reads .bin weights-only, so that no checkpoint can run code.
            model, found = auto.from_pretrained(
                source, revision=revision, trust_remote_code=False, output_loading_info=True
            )
            tokenizer = AutoTokenizer.from_pretrained(source, revision=revision, use_fast=True, trust_remote_code=False)
            rows = model.get_input_embeddings().weight.shape[0]
    except Exception as error:
        raise UsageError(
            f"cannot load the {what} {source!r} ({type(error).__name__}: {_first_line(error)}): connect to the hub, or "
            f"give {advice}"
        ) from error
    if absent := sorted(name for name in found["missing_keys"] if not name.startswith(optional)):
        raise UsageError(
            f"expected all weights of the {what} in {source!r}, got none for {absent[0]}: train or copy it"
        )
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(
            f"expected a fast tokenizer in {source!r}, got {type(tokenizer).__name__}: add its tokenizer.json"
        )
    entries = max(tokenizer.get_vocab().values(), default=-1) + 1
    if not 0 < entries <= rows:
        raise UsageError(f"expected a tokenizer of 1 to {rows} entries in {source!r}, got {entries}: take its own")
    return Pretrained(source, model, tokenizer)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")[:120]


@contextmanager
def quietly() -> Iterator[None]:
    """Silence warnings about weights and connections while loading: what matters is examined, and told, by us."""
    loggers = [logging.getLogger(name) for name in ("transformers", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _positions(model: PreTrainedModel) -> int | None:
    """Tokens that the position table has rows for; RoBERTa's kind begins after the row of the padding."""
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(part, torch.nn.Embedding):
            return part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1)
    longest: int = getattr(model.config, "max_position_embeddings", None) or 0
    return longest if longest > 0 else None  # XLNet says -1: any length


@dataclass(frozen=True)
class OwnInputs:
    """Inputs as a model's own tokenizer makes them: its special tokens, its types, its padding; cut at the end."""

    tokenizer: Tokenizer
    """With its post-processor; it truncates to `max_tokens`."""
    max_tokens: int
    pad: int | None
    """None: the model knows no padding, so that programs cannot be batched."""
    collapsed: bool = False
    """Whether white space is collapsed first, as for our own models."""
    typed: bool = False
    """Whether the model reads "token_type_ids"."""

    def encode(self, programs: Sequence[str]) -> list[Encoded]:
        """Encode each program, as long as it is and not longer; a program without tokens is one padding."""
        encoded = []
        for found in self.tokenizer.encode_batch([self._text(program) for program in programs]):
            one = {"input_ids": np.array(found.ids or [self.pad or 0], dtype=np.int64)}
            if self.typed:
                one["token_type_ids"] = np.array(found.type_ids or [0], dtype=np.int64)
            encoded.append(one)
        return encoded

    def collate(self, encoded: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        """Pad to the longest; see `bench.networks.encode.padded`."""
        return padded(encoded, {"input_ids": self.pad or 0, "token_type_ids": 0})

    def batch_size(self, most: int) -> int:
        """Programs that the model can read at once."""
        return 1 if self.pad is None else most

    def visible(self, program: str) -> int:
        """Number of leading characters that reach the model; see `bench.networks.windows.Windowed`."""
        found = self.tokenizer.encode(self._text(program))
        if not found.overflowing:
            return len(program)
        end = max(stop for _, stop in found.offsets)
        return uncollapse(program, end) if self.collapsed else end

    def _text(self, program: str) -> str:
        return collapse(program) if self.collapsed else program


def own_inputs(found: Pretrained, max_tokens: int | None = None, *, collapsed: bool = False) -> OwnInputs:
    """Return the inputs of a loaded model, as long as it can read or at most `max_tokens`.

    Raises:
        UsageError: no window is known, or not that long a one, or a tokenizer that cuts the beginning off.
    """
    wanted = found.longest if max_tokens is None else max_tokens
    if wanted is None:
        raise UsageError(f"expected a longest input in {found.source!r}, got none: give --max-tokens")
    longest = found.longest or UNBOUNDED
    if not SHORTEST <= wanted <= longest:
        raise UsageError(f"expected {SHORTEST} to {longest} tokens for {found.source!r}, got {wanted}: give another")
    if found.tokenizer.truncation_side != "right":
        raise UsageError(
            f"expected a tokenizer that cuts at the end, got {found.source!r}: set truncation_side to right"
        )
    tokenizer = Tokenizer.from_str(found.tokenizer.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.enable_truncation(wanted)
    names = inspect.signature(found.model.forward).parameters
    typed = "token_type_ids" in names and "token_type_ids" in found.tokenizer.model_input_names
    # A model that judges by the last token looks for its configuration's padding, and refuses batches without one.
    known = found.model.config.pad_token_id
    pad = known if known is None or found.tokenizer.pad_token_id is None else int(found.tokenizer.pad_token_id)
    return OwnInputs(tokenizer, wanted, pad, collapsed, typed)
