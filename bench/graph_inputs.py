"""GraphCodeBERT's inputs: the tokens of a program, then its variables as nodes, and who may attend to whom.

Follows Guo et al. (ICLR 2021), section 4, as released: `<s>` code `</s>` and one `<unk>` per node; code has positions
from pad + 1 up, nodes have 0; code attends to code, `<s>` and `</s>` to all, a node to its code pieces, they to it, a
node to the nodes that its value comes from and not to itself; a node is embedded as the mean of its code pieces. A
quarter of the window is for nodes (released: 128 of 512). Comments go first, and every C token is set apart by one
blank, so that layout is not seen at all (spec 1.7: collapsed to one line with its comments, half of a program is lost).

It differs in two points: nodes whose pieces lie beyond the window are left out, and the room for code does not depend
on how many nodes there are, so that what reaches the model is the beginning of a program.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from bench.csource import Source, leaves, parse
from bench.dataflow import data_flow
from bench.encode import BOS, EOS, PAD, UNK, Encoded, collapse, padded

if TYPE_CHECKING:
    import torch
    from transformers import RobertaModel

NODE_SHARE = 4
"""One of so many places is for a node."""
NODE_POSITION = 0


@dataclass(frozen=True)
class Line:
    """A program as one line: its tokens, comments left out, with a blank between any two."""

    text: str
    begins: NDArray[np.int64]
    """Shape (tokens,): where each token begins in the text."""
    ends: NDArray[np.int64]
    """Shape (tokens,): where it ends in the program."""
    places: dict[int, int]
    """From `order` of a leaf in the program's tree to the number of its token."""


def one_line(source: Source) -> Line:
    """Put a program on one line."""
    texts: list[str] = []
    begins, ends, at = [], [], 0
    places: dict[int, int] = {}
    for order, begin, end in _tokens(source):
        text = collapse(source.text[begin:end])
        if text:
            places[order] = len(texts)
            texts.append(text)
            begins.append(at)
            ends.append(end)
            at += len(text) + 1
    return Line(" ".join(texts), np.array(begins, dtype=np.int64), np.array(ends, dtype=np.int64), places)


def lines(programs: Sequence[str]) -> list[str]:
    """Put programs on one line each, for a tokenizer to be trained on."""
    return [one_line(parse(program)).text for program in programs]


def _tokens(source: Source) -> Iterator[tuple[int, int, int]]:
    """Yield order, begin and end of every token; what the parser skipped between two is one, of order -1."""
    at = 0
    for leaf in leaves(source):
        yield -1, at, leaf.start
        if leaf.kind != "comment":
            yield leaf.order, leaf.start, leaf.end
        at = leaf.end
    yield -1, at, len(source.text)


@dataclass(frozen=True)
class GraphInputs:
    """The inputs of an encoder that was trained on code and data flow."""

    tokenizer: Tokenizer
    """Of the `tokenizers` library, without truncation, padding or post-processor."""
    max_tokens: int
    """Code, special tokens and nodes together."""
    bos: int = BOS
    eos: int = EOS
    pad: int = PAD

    @property
    def room(self) -> int:
        """Most code pieces that are read."""
        return self.max_tokens - self.max_tokens // NODE_SHARE - 2

    def encode(self, programs: Sequence[str]) -> list[Encoded]:
        """Encode each program.

        "input_ids" and "position_ids" have shape (length,); "pieces", shape (p, 2), pairs nodes with their code pieces
        and "sources", shape (s, 2), with the nodes that they come from, all as places in "input_ids".
        """
        sources = [parse(program) for program in programs]
        lines = [one_line(source) for source in sources]
        found = self.tokenizer.encode_batch([line.text for line in lines], add_special_tokens=False)
        return [self._encode(*parts) for parts in zip(sources, lines, found, strict=True)]

    def _encode(self, source: Source, line: Line, found: Encoding) -> Encoded:
        ids = found.ids[: self.room]
        nodes, pieces, links = self._graph(source, line, _owners(line, found)[: self.room])
        first = len(ids) + 2
        code = np.arange(self.pad + 1, self.pad + 1 + first)
        return {
            "input_ids": np.array([self.bos, *ids, self.eos, *[UNK] * nodes], dtype=np.int64),
            "position_ids": np.concatenate([code, np.full(nodes, NODE_POSITION)]).astype(np.int64),
            "pieces": np.array([(first + node, 1 + piece) for node, piece in pieces], dtype=np.int64).reshape(-1, 2),
            "sources": np.array([(first + node, first + other) for node, other in links], dtype=np.int64).reshape(
                -1, 2
            ),
        }

    def _graph(
        self, source: Source, line: Line, owners: NDArray[np.int64]
    ) -> tuple[int, list[tuple[int, int]], list[tuple[int, int]]]:
        """Return the number of nodes that can be read, their (node, piece) and their (node, source node) pairs."""
        pieces_of: dict[int, list[int]] = {}
        for piece, owner in enumerate(owners.tolist()):
            pieces_of.setdefault(owner, []).append(piece)
        variables = data_flow(source)
        seen = [i for i, one in enumerate(variables) if line.places[one.leaf.order] in pieces_of]
        number = {index: node for node, index in enumerate(seen[: self.max_tokens // NODE_SHARE])}
        pieces, links = [], []
        for index, node in number.items():
            pieces += [(node, piece) for piece in pieces_of[line.places[variables[index].leaf.order]]]
            links += [(node, number[other]) for other in variables[index].sources if other in number]
        return len(number), pieces, links

    def collate(self, encoded: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        """Pad to the longest; "attention_mask" has shape (batch, longest, longest): whom a row attends to."""
        import torch

        names = ("input_ids", "position_ids")
        batch = padded([{name: one[name] for name in names} for one in encoded], dict.fromkeys(names, self.pad))
        masks = np.stack([self._mask(one, batch["input_ids"].shape[1]) for one in encoded])
        return {**batch, "attention_mask": torch.from_numpy(masks)}

    def _mask(self, one: Encoded, longest: int) -> NDArray[np.bool_]:
        length = len(one["input_ids"])
        code = int(np.count_nonzero(one["position_ids"] != NODE_POSITION))
        allowed = np.zeros((longest, longest), dtype=np.bool_)
        allowed[:code, :code] = True
        allowed[[0, code - 1], :length] = True
        nodes, pieces = one["pieces"].T
        allowed[nodes, pieces] = allowed[pieces, nodes] = True
        allowed[tuple(one["sources"].T)] = True
        allowed[length:, 0] = True  # a row that attends to nothing has no value
        return allowed

    def visible(self, program: str) -> int:
        """Number of leading characters whose code reaches the model; see `bench.types.Windowed`.

        What follows them can still tell from which of the nodes before it a value comes.
        """
        line = one_line(parse(program))
        owners = _owners(line, self.tokenizer.encode(line.text, add_special_tokens=False))
        return len(program) if len(owners) <= self.room else int(line.ends[owners[self.room - 1]])


def _owners(line: Line, found: Encoding) -> NDArray[np.int64]:
    """Return the number of the token that each piece belongs to: the last that begins before the piece ends."""
    ends = np.array([end for _, end in found.offsets], dtype=np.int64)
    return np.maximum(np.searchsorted(line.begins, ends, side="left") - 1, 0)


def with_nodes(encoder: RobertaModel, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return what `encoder` reads of a batch of `GraphInputs`, on its device; any other batch as it is."""
    mask = batch.get("attention_mask")
    if mask is None or mask.dim() < 3:
        return batch
    positions = batch["position_ids"]
    embedded = encoder.embeddings.word_embeddings(batch["input_ids"])
    node, code = positions == NODE_POSITION, positions > (encoder.config.pad_token_id or 0)
    weights = (mask * node[:, :, None] * code[:, None, :]).to(embedded.dtype)
    means = weights @ embedded / weights.sum(dim=2, keepdim=True).clamp(min=1)
    return {
        "inputs_embeds": embedded.where(~node[:, :, None], means),
        "position_ids": positions,
        "attention_mask": mask,
    }
