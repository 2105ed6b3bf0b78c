"""GraphCodeBERT's inputs: the tokens of a program, then its variables as nodes, and who may attend to whom.

Follows Guo et al. (ICLR 2021), section 4, as released: `<s>` code `</s>` and one `<unk>` per node; code has positions
from pad + 1 up, nodes have 0; code attends to code, `<s>` and `</s>` to all, a node to its code pieces, they to it, a
node to the nodes that its value comes from and not to itself; a node is embedded as the mean of its code pieces. A
quarter of the window may be nodes (released: 128 of 512). Comments go first, and every C token is set apart by one
blank, so that layout is not seen at all (spec 1.7: collapsed to one line with its comments, half of a program is lost).

It differs in one point: nodes whose pieces lie beyond the window are left out and take no place of it, so that what
reaches the model is the beginning of a program with its own nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from bench.networks.encode import BOS, EOS, PAD, UNK, Encoded, collapse, padded
from bench.syntax.csource import Source, leaves, parse
from bench.syntax.dataflow import Variable, data_flow

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
class Page:
    """A program as it could be read if windows had no end."""

    ids: list[int]
    """Of all its code pieces."""
    variables: tuple[Variable, ...]
    spans: NDArray[np.int64]
    """Shape (variables, 2): first piece of each, and one past its last."""
    ends: NDArray[np.int64]
    """Shape (pieces,): where the token that a piece belongs to ends in the program."""


def _page(source: Source, line: Line, found: Encoding) -> Page:
    stops = np.array([stop for _, stop in found.offsets], dtype=np.int64)
    # The token that a piece belongs to is the last one that begins before the piece ends.
    owners = np.maximum(np.searchsorted(line.begins, stops, side="left") - 1, 0)
    variables = data_flow(source)
    own = np.array([line.places[one.leaf.order] for one in variables], dtype=np.int64)
    spans = np.stack([np.searchsorted(owners, own, side) for side in ("left", "right")], axis=1)
    return Page(found.ids, variables, spans, line.ends[owners])


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

    def encode(self, programs: Sequence[str]) -> list[Encoded]:
        """Encode each program.

        "input_ids" and "position_ids" have shape (length,); "pieces", shape (p, 2), pairs nodes with their code pieces
        and "sources", shape (s, 2), with the nodes that they come from, all as places in "input_ids".
        """
        return [self._encode(page) for page in self._pages(programs)]

    def visible(self, program: str) -> int:
        """Number of leading characters whose code reaches the model; see `bench.networks.windows.Windowed`.

        What follows them can still tell from which of the nodes before it a value comes.
        """
        (page,) = self._pages([program])
        room = self._room(page)
        return len(program) if room == len(page.ids) else int(page.ends[room - 1])

    def _pages(self, programs: Sequence[str]) -> list[Page]:
        sources = [parse(program) for program in programs]
        on_lines = [one_line(source) for source in sources]
        found = self.tokenizer.encode_batch([line.text for line in on_lines], add_special_tokens=False)
        return [_page(*parts) for parts in zip(sources, on_lines, found, strict=True)]

    def _room(self, page: Page) -> int:
        """Return how many code pieces can be read together with the nodes that begin in them."""
        begun = np.cumsum(np.bincount(page.spans[:, 0], minlength=len(page.ids) + 1)[: len(page.ids)])
        places = np.arange(1, len(page.ids) + 1) + np.minimum(begun, self.max_tokens // NODE_SHARE)
        return int(np.searchsorted(places, self.max_tokens - 2, side="right"))

    def _encode(self, page: Page) -> Encoded:
        room = self._room(page)
        spans = np.minimum(page.spans, room)
        read = np.flatnonzero(spans[:, 0] < spans[:, 1])[: self.max_tokens // NODE_SHARE].tolist()
        first = room + 2
        place = {index: first + node for node, index in enumerate(read)}
        pieces = [(place[index], 1 + piece) for index in read for piece in range(*spans[index])]
        links = [(place[i], place[other]) for i in read for other in page.variables[i].sources if other in place]
        code = [*range(self.pad + 1, self.pad + 1 + first), *[NODE_POSITION] * len(read)]
        return {
            "input_ids": np.array([self.bos, *page.ids[:room], self.eos, *[UNK] * len(read)], dtype=np.int64),
            "position_ids": np.array(code, dtype=np.int64),
            "pieces": np.array(pieces, dtype=np.int64).reshape(-1, 2),
            "sources": np.array(links, dtype=np.int64).reshape(-1, 2),
        }

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
