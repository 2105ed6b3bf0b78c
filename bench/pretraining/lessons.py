"""What a masked language model is asked, step by step: packed windows, or whole programs, with hidden tokens.

Follows RoBERTa: dynamic masking of 15% of the tokens (80% mask, 10% random, 10% kept), and windows filled with several
programs (its FULL-SENTENCES), `<s> program </s><s> program </s>`, so that no work goes to padding. A step's questions
depend on its number and the seed alone, so a training can go on anywhere. Leaves out next-sentence prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from bench.distillation.distill import batches
from bench.networks.encode import BOS, EOS, MASK, PAD, SPECIALS, Encoded, Inputs
from bench.rng import stream

MASKED_SHARE = 0.15


@dataclass(frozen=True)
class Questions:
    """One step's."""

    tensors: dict[str, torch.Tensor]
    """What the encoder reads."""
    answers: torch.Tensor
    """Shape of "input_ids": the hidden tokens, and a special id wherever nothing is asked."""
    tokens: int
    """How many tokens are read, padding left out."""


class Lessons(Protocol):
    """A source of questions."""

    @property
    def per_epoch(self) -> int:
        """Steps in which every program is seen once."""
        ...

    def questions(self, step: int) -> Questions:
        """Return those of a step, counted from 0 over all epochs; always the same ones."""
        ...


@dataclass
class Packed:
    """Windows of equal length, cut from programs that are put one after the other in an order of each epoch's own."""

    programs: Sequence[NDArray[np.int32]]
    """Token ids without special tokens."""
    window: int
    max_tokens: int
    """Rows of the position table that shall train, of which a window takes `window` in a row: see `_first_row`."""
    vocab_size: int
    batch_size: int
    seed: int
    _epoch: tuple[int, NDArray[np.int32]] | None = field(default=None, repr=False)

    @property
    def per_epoch(self) -> int:
        """Steps in which every program is seen once; the last one is filled up with the first programs."""
        return -(-self._windows // self.batch_size)

    @cached_property
    def _windows(self) -> int:
        return -(-sum(len(ids) + 2 for ids in self.programs) // (self.window - 2))

    def questions(self, step: int) -> Questions:
        """Return the masked windows of a step."""
        epoch, place = divmod(step, self.per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = epoch, self._packed(epoch)
        windows = self._epoch[1][place * self.batch_size : (place + 1) * self.batch_size].astype(np.int64)
        noise = stream(self.seed, "masks", step)
        hidden, answers = mask(windows, self.vocab_size, noise)
        rows = PAD + 1 + self._first_row(len(windows), noise)[:, None] + np.arange(self.window)
        tensors = {"input_ids": torch.from_numpy(hidden), "position_ids": torch.from_numpy(rows)}
        return Questions(tensors, torch.from_numpy(answers), windows.size)

    def _packed(self, epoch: int) -> NDArray[np.int32]:
        """Shape (steps x batch, window)."""
        order = stream(self.seed, "order", epoch).permutation(len(self.programs))
        between = np.array([EOS, BOS], dtype=np.int32)
        text = np.concatenate([part for i in order for part in (self.programs[i], between)])
        room = self.window - 2
        # np.resize goes round: what is left of the last batch is filled with the first programs.
        inner = np.resize(text, (self.per_epoch * self.batch_size, room))
        begun = np.pad(inner, ((0, 0), (1, 0)), constant_values=BOS)
        return np.pad(begun, ((0, 0), (0, 1)), constant_values=EOS)

    def _first_row(self, count: int, noise: np.random.Generator) -> NDArray[np.int64]:
        """Draw where windows begin, shape (count,): a quarter of short ones at either end, so that every row trains."""
        spare = self.max_tokens - self.window
        if not spare:
            return np.zeros(count, dtype=np.int64)
        drawn = noise.integers(-(spare // 2), spare + spare // 2, size=count, endpoint=True)
        return np.clip(drawn, 0, spare)


@dataclass
class Whole:
    """Programs as they are, a batch of similar length together: for inputs that cannot be packed."""

    inputs: Inputs
    encoded: Sequence[Encoded]
    vocab_size: int
    batch_size: int
    seed: int
    _epoch: tuple[int, list[NDArray[np.int64]]] | None = field(default=None, repr=False)

    @property
    def per_epoch(self) -> int:
        """Steps in which every program is seen once."""
        return -(-len(self.encoded) // self.batch_size)

    def questions(self, step: int) -> Questions:
        """Return the masked programs of a step; nodes of a graph are never hidden."""
        epoch, place = divmod(step, self.per_epoch)
        if self._epoch is None or self._epoch[0] != epoch:
            order = stream(self.seed, "order", epoch)
            self._epoch = epoch, list(batches(self.encoded, self.batch_size, order))
        noise = stream(self.seed, "masks", step)
        chosen = [self.encoded[i] for i in self._epoch[1][place]]
        hidden, answers = zip(*(mask(one["input_ids"], self.vocab_size, noise) for one in chosen), strict=True)
        read = [{**one, "input_ids": ids} for one, ids in zip(chosen, hidden, strict=True)]
        tensors = self.inputs.collate(read)
        asked = np.zeros(tensors["input_ids"].shape, dtype=np.int64)
        for row, found in zip(asked, answers, strict=True):
            row[: len(found)] = found
        return Questions(tensors, torch.from_numpy(asked), sum(map(len, hidden)))


def mask(
    ids: NDArray[np.int64], vocab_size: int, noise: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hide 15% of the ordinary tokens, at least one; the second array holds them, and a special id elsewhere.

    Both have the shape of `ids`.
    """
    ordinary = np.flatnonzero(ids >= len(SPECIALS))
    hidden, answers = ids.copy(), np.zeros_like(ids)
    if not len(ordinary):
        return hidden, answers
    chosen = noise.choice(ordinary, size=max(1, round(MASKED_SHARE * len(ordinary))), replace=False)
    answers.flat[chosen] = ids.flat[chosen]
    fate = noise.random(len(chosen))
    hidden.flat[chosen[fate < 0.8]] = MASK
    random = chosen[fate >= 0.9]
    hidden.flat[random] = noise.integers(len(SPECIALS), vocab_size, size=len(random))
    return hidden, answers


def bare(encoded: Sequence[Encoded]) -> list[NDArray[np.int32]]:
    """Return programs without the special tokens around them, empty ones left out."""
    return [one["input_ids"][1:-1].astype(np.int32) for one in encoded if len(one["input_ids"]) > 2]
