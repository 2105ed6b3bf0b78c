"""Names that a masked language model expects: ALERT's generation of substitutes, with any Hugging Face masked model.

Follows Yang et al. (ICSE 2022), 3.1, as released (spec/attacks.md, 1.1): the model reads the program without masks, as
tokens joined by blanks, comments left out, cut at its window; at each occurrence of a name the 60 likeliest words per
sub-token are put in its place, the 30 whose contextual embedding stays nearest by cosine are kept, and names of several
sub-tokens are combined from the 4 best of each and sorted by perplexity. It differs from ALERT in these points:

- names and their occurrences are identifiers of the tree-sitter tree, so fields and labels of that spelling are none;
- of each name the first `OCCURRENCES` in the window are asked, not all: each costs 60 passes of the model;
- an occurrence that the window cuts in two is left out, and so is one whose sub-tokens reach into its neighbours;
- what several occurrences propose is merged best rank first, and not left in the order of a set;
- leading blanks, an artefact of decoding, go; what no local may be called, and the name itself, go here and not later.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from tokenizers import Encoding
from torch.nn import functional
from transformers import AutoModelForMaskedLM, PreTrainedModel

from bench.networks.encode import collapse
from bench.networks.hub import OwnInputs, load_pretrained, own_inputs
from bench.networks.models import place
from bench.syntax.cnames import is_legal_local
from bench.syntax.csource import leaves, parse

WORDS = 60
"""Predictions per sub-token (ALERT: 60)."""
NEAREST = 30
"""Of which the nearest by contextual embedding stay (ALERT: 30)."""
OCCURRENCES = 3
BEST, PIECES, COMBINATIONS = 4, 12, 24
"""Names of several sub-tokens: words per sub-token, most sub-tokens, most combinations (ALERT: 4, 12, 24)."""
REMEMBERED = 256
"""Programs whose names are kept: every attack, seed and victim asks for the same ones."""

Span = tuple[int, int]
Names = dict[str, tuple[str, ...]]
"""For each name, its substitutes, best first."""


@dataclass(frozen=True)
class _Page:
    """A program as the model read it once; `length` counts its sub-tokens in the window."""

    ids: torch.Tensor
    """Shape (length,)."""
    likeliest: torch.Tensor
    """Shape (length, `WORDS`), best first."""
    states: torch.Tensor
    """Shape (length, hidden): the last layer."""


@dataclass(frozen=True)
class MaskedNames:
    """A masked language model as a source of names; implements `attacks.names.Suggest`.

    To other processes it travels as the address of its weights, which each of them loads once.
    """

    source: str
    revision: str | None = None
    device: str = "cpu"

    def suggest(self, program: str, names: Sequence[str], count: int) -> Sequence[Sequence[str]]:
        """For each name, at most `count` legal ones for its places, best first; none for a name beyond the window."""
        found = _remembered(self, program, tuple(dict.fromkeys(names)))
        return [found.get(name, ())[:count] for name in names]


@lru_cache(maxsize=REMEMBERED)
def _remembered(where: MaskedNames, program: str, names: tuple[str, ...]) -> Names:
    return reader(where).find(program, names)


@lru_cache(maxsize=1)
def reader(where: MaskedNames) -> Reader:
    """Load a masked language model with a fast tokenizer, local or from the hub; once per process.

    Raises:
        UsageError: it cannot be loaded, or is an encoder without the head that predicts words.
    """
    advice = "a local Hugging Face directory, such as the encoder of a run, or --substitutes corpus"
    found = load_pretrained(AutoModelForMaskedLM, where.source, where.revision, "masked language model", advice)
    return Reader(place(found.model, where.device), own_inputs(found), where.device)


@dataclass(frozen=True)
class Reader:
    """A masked language model that reads programs."""

    model: PreTrainedModel
    inputs: OwnInputs
    device: str = "cpu"
    batch_size: int = 64
    occurrences: int = OCCURRENCES

    @torch.inference_mode()
    def find(self, program: str, names: tuple[str, ...]) -> Names:
        """Propose legal names for those that the window shows, best first."""
        text, places = joined(program, names)
        encoding = self.inputs.tokenizer.encode(text)
        pieces = {name: _pieces(encoding, spans)[: self.occurrences] for name, spans in places.items()}
        if not any(pieces.values()):
            return {}
        page = self._read(torch.tensor(encoding.ids, device=self.device))
        return {name: _merged(name, [self._proposed(page, span) for span in found]) for name, found in pieces.items()}

    def _read(self, ids: torch.Tensor) -> _Page:
        scores = self.model(input_ids=ids[None]).logits[0]
        return _Page(ids, scores.topk(min(WORDS, scores.shape[1])).indices, self._states(ids[None])[0])

    def _states(self, ids: torch.Tensor) -> torch.Tensor:
        """Last layer, shape (n, length, hidden), of n programs of one length."""
        parts = [self.model.base_model(input_ids=part).last_hidden_state for part in ids.split(self.batch_size)]
        return torch.cat(parts).float()

    def _proposed(self, page: _Page, span: Span) -> list[str]:
        """Return what the model expects at one occurrence, best first."""
        first, last = span
        words = page.likeliest[first:last]
        variants = page.ids.repeat(words.shape[1], 1)
        variants[:, first:last] = words.T
        nearness = functional.cosine_similarity(self._states(variants)[:, first:last], page.states[first:last], dim=2)
        kept = words[:, nearness.mean(dim=1).argsort(descending=True, stable=True)[:NEAREST]]
        found = kept.T.tolist() if last - first == 1 else self._combined(kept)
        return [self.inputs.tokenizer.decode(ids, skip_special_tokens=False) for ids in found]

    def _combined(self, words: torch.Tensor) -> list[list[int]]:
        """Combine words per sub-token, shape (pieces, k); sorted by the perplexity of the bare combination."""
        product = itertools.product(*words[:PIECES, :BEST].tolist())
        ids = torch.tensor(list(itertools.islice(product, COMBINATIONS)), device=self.device)
        scores = self.model(input_ids=ids).logits.float()
        loss = functional.cross_entropy(scores.transpose(1, 2), ids, reduction="none").mean(dim=1)
        sorted_ids: list[list[int]] = ids[loss.argsort(stable=True)].tolist()
        return sorted_ids


def joined(program: str, names: Sequence[str]) -> tuple[str, dict[str, list[Span]]]:
    """Return a program's tokens joined by blanks, without comments, and where in that text each name stands."""
    places: dict[str, list[Span]] = {name: [] for name in names}
    words: list[str] = []
    source, end = parse(program), 0
    for leaf in leaves(source):
        word = collapse(source.words(leaf))
        if leaf.kind == "comment" or not word:
            continue
        if leaf.kind == "identifier" and word in places:
            places[word].append((end, end + len(word)))
        words.append(word)
        end += len(word) + 1
    # Half of a surrogate pair is no text to a tokenizer; its replacement is as long.
    return " ".join(words).encode("utf-8", "replace").decode("utf-8"), places


def _pieces(encoding: Encoding, spans: Sequence[Span]) -> list[Span]:
    """Return the sub-tokens of each occurrence, from and to; those that are not whole in the window are left out."""
    found = []
    offsets = [
        (-1, -1) if special else at for at, special in zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
    ]
    for start, end in spans:
        own = [i for i, (begin, stop) in enumerate(offsets) if begin < end and stop > start]
        # A sub-token may begin with the blank before the name.
        if own and offsets[own[0]][0] >= start - 1 and offsets[own[-1]][1] == end:
            found.append((own[0], own[-1] + 1))
    return found


def _merged(name: str, proposals: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Take the best of every occurrence, then the second best, and so on; legal ones, each once."""
    ranked = (text.strip() for rank in itertools.zip_longest(*proposals, fillvalue="") for text in rank)
    return tuple(text for text in dict.fromkeys(ranked) if text != name and is_legal_local(text))
