"""Programs to tensors, and the inputs of a plain-text encoder.

How a model turns programs into tensors is its own business (`Inputs`): GraphCodeBERT's data flow is another `Inputs`.
Special ids are Compressor's and AVATAR's: `<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3 (spec 1.3, 2.5). The tokenizers are
trained in `bench.networks.vocabularies`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

if TYPE_CHECKING:
    import torch

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
BOS, PAD, EOS, UNK, MASK = range(5)

LETTERS = 6
"""Characters a token of code that fill most windows: what is behind them need not be read. A vocabulary of 1,000 makes
2.1 of them a token, whole words 3.7 (Devign)."""

Encoded = dict[str, NDArray[np.int64]]
"""One program: at least "input_ids", shape (length,)."""


class Inputs(Protocol):
    """Turns programs into what one model reads."""

    @property
    def max_tokens(self) -> int:
        """Longest input in tokens; what follows is cut off."""
        ...

    def encode(self, programs: Sequence[str]) -> list[Encoded]:
        """Encode each program, as long as it is and not longer."""
        ...

    def collate(self, encoded: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        """Pad a batch to its longest member; shapes (batch, longest)."""
        ...

    def visible(self, program: str) -> int:
        """Number of leading characters that reach the model; see `bench.networks.windows.Windowed`."""
        ...


def collapse(code: str) -> str:
    """Make every run of white space one blank: formatting must not give the label away (protocol, "Data")."""
    return " ".join(code.split())


def uncollapse(code: str, end: int) -> int:
    """Return how many leading characters of `code` became the first `end` characters of its collapsed text."""
    begin = 0
    for word in re.finditer(r"\S+", code):
        if end <= begin + len(word[0]):
            return word.start() + end - begin
        begin += len(word[0]) + 1
    return len(code)


def beginning(text: str, least: int) -> str:
    """Cut a collapsed text at its first blank from `least` characters on: no token of ours reaches over a blank, so the
    tokens of what is left are the first of those of the text."""
    end = text.find(" ", least)
    return text if end < 0 else text[:end]


def padded(encoded: Sequence[Encoded], fills: Mapping[str, int]) -> dict[str, torch.Tensor]:
    """Pad a batch to its longest member with a number per tensor; "attention_mask" only where something was padded."""
    import torch

    lengths = np.array([len(one["input_ids"]) for one in encoded])
    # By length: a program may itself spell "<pad>", and is judged the same in every company.
    attended = np.arange(lengths.max()) < lengths[:, None]
    batch: dict[str, torch.Tensor] = {}
    for name in encoded[0]:
        table = np.full(attended.shape, fills[name], dtype=np.int64)
        table[attended] = np.concatenate([one[name] for one in encoded])
        batch[name] = torch.from_numpy(table)
    return batch if attended.all() else {**batch, "attention_mask": torch.from_numpy(attended.astype(np.int64))}


Known = dict[tuple[bytes, ...], NDArray[np.float64]]
"""Answers of a model by the digests of its input's tensors."""


def in_batches(
    encoded: Sequence[Encoded],
    size: int,
    work: Callable[[list[Encoded]], NDArray[np.float64]],
    shape: tuple[int, ...] = (),
    known: Known | None = None,
) -> NDArray[np.float64]:
    """Let `work` answer for n programs, shape (n, *shape): programs of similar length together, equal ones once.

    Programs are equal to a model if their tensors are: names that differ in case, or beyond the window, often are.
    What is in `known` is not computed again; what is computed is added to it.
    """
    known = {} if known is None else known
    keys = [tuple(blake2b(part.tobytes(), digest_size=16).digest() for part in one.values()) for one in encoded]
    fresh = {key: one for key, one in zip(keys, encoded, strict=True) if key not in known}
    ordered = sorted(fresh, key=lambda key: len(fresh[key]["input_ids"]))
    for start in range(0, len(ordered), size):
        chosen = ordered[start : start + size]
        known.update(zip(chosen, work([fresh[key] for key in chosen]), strict=True))
    return np.array([known[key] for key in keys], dtype=np.float64).reshape(len(encoded), *shape)


@dataclass(frozen=True)
class TextInputs:
    """A plain-text encoder's inputs: `<s>` tokens `</s>`, cut at the end."""

    tokenizer: Tokenizer
    """Of the `tokenizers` library, without truncation, padding or post-processor."""
    max_tokens: int
    bos: int = BOS
    eos: int = EOS
    pad: int = PAD

    def encode(self, programs: Sequence[str]) -> list[Encoded]:
        """Encode each program; "input_ids" holds at most `max_tokens` ids."""
        room, texts = self.max_tokens - 2, [collapse(program) for program in programs]
        begun = [beginning(text, LETTERS * room) for text in texts]
        found = [one.ids for one in self.tokenizer.encode_batch(begun, add_special_tokens=False)]
        for place, (text, part) in enumerate(zip(texts, begun, strict=True)):
            if len(part) < len(text) and len(found[place]) < room:
                found[place] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return [{"input_ids": np.array([self.bos, *ids[:room], self.eos], dtype=np.int64)} for ids in found]

    def collate(self, encoded: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        """Pad to the longest; "attention_mask" is left out where nothing was padded."""
        return padded(encoded, {"input_ids": self.pad})

    def visible(self, program: str) -> int:
        """Number of leading characters that reach the model; see `bench.networks.windows.Windowed`."""
        one, room = self.tokenizer.encode(collapse(program), add_special_tokens=False), self.max_tokens - 2
        return len(program) if len(one.ids) <= room else uncollapse(program, one.offsets[room - 1][1])
