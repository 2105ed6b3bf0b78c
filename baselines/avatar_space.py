"""AVATAR's configuration space: the 13 genes, what prunes it to a size budget, and what a configuration means.

Follows Shi et al., "Greening Large Language Models of Code" (AVATAR), ICSE-SEIS 2024, and its released code. The paper
prunes with an SMT solver, which enumerates a coarse lattice and keeps the least and greatest value of every gene. The
size grows with every gene, so the same box follows exactly from one gene at a time, the others at their least
(`pruned_box`); `baselines.avatar_smt` asks z3 instead, and a test says that both agree. At 3 MB and 512 tokens the box
is the one that the released code has hard-coded.

The box alone lets through mostly configurations that are far too big (96% at 3 MB). By default the space
therefore also demands the budget itself, by the true size; `as_released` keeps the box only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from bench.distillation.space import Candidate, Gene, Space
from bench.measuring import cost
from bench.types import Activation, Budget, PositionKind, Recipe, StudentSpec, TokenizerKind, UsageError

Box: TypeAlias = Mapping[str, tuple[int, int]]
"""Least and greatest value of each gene that the size depends on."""

TOKENIZERS: tuple[TokenizerKind, ...] = ("avatar-bpe", "wordpiece", "unigram", "word")
ACTIVATIONS: tuple[Activation, ...] = ("gelu", "relu", "silu", "gelu_new")
POSITIONS: tuple[PositionKind, ...] = ("absolute", "relative_key", "relative_key_query")
DROPOUTS = (0.2, 0.3, 0.4, 0.5)
"""The released code also draws 0.6 in 11 to 12% of the cases (its bound is off by one step); never here."""
LEARNING_RATES = (1e-3, 1e-4, 5e-5)
BATCH_SIZES = (16, 32, 64)

SHORTEST = 256
LONGEST = 512
"""Tokens; a budget of fewer tokens lowers both."""


def lattice(max_tokens: int) -> dict[str, tuple[int, ...]]:
    """Return the coarse values that the paper's solver enumerates, per gene (released code)."""
    upper = min(LONGEST, max_tokens)
    lower = min(SHORTEST, upper)
    return {
        "vocab_size": tuple(range(1000, 50_266, 1000)),
        "layers": tuple(range(1, 13)),
        "hidden": tuple(range(16, 769, 16)),
        "ffn": tuple(range(32, 3073, 32)),
        "heads": tuple(range(1, 13)),
        "max_tokens": (*range(lower, upper, 16), upper),
    }


def _formula_mb(values: Mapping[str, int]) -> float:
    """Size in MB by the paper's formula; its s is the number of tokens, and heads do not matter."""
    length = values["max_tokens"]
    spec = StudentSpec(**{**values, "heads": 1})  # type: ignore[arg-type]
    return cost.paper_megabytes(spec, length)


def pruned_box(size_mb: float, max_tokens: int) -> dict[str, tuple[int, int]]:
    """Return the least and greatest value of each gene over all lattice points of at most `size_mb` by formula."""
    values = lattice(max_tokens)
    least = {name: axis[0] for name, axis in values.items()}
    if _formula_mb(least) > size_mb:
        raise UsageError(
            f"expected at least {_formula_mb(least):.3f} MB for AVATAR's space, got {size_mb}: raise size_mb"
        )
    box = {}
    for name, axis in values.items():
        fitting = [value for value in axis if _formula_mb({**least, name: value}) <= size_mb]
        box[name] = (axis[0], fitting[-1])
    # Heads do not change the size but must divide some hidden width that fits.
    widths = range(16, box["hidden"][1] + 1, 16)
    divisors = [heads for heads in values["heads"] if any(width % heads == 0 for width in widths)]
    return {**box, "heads": (divisors[0], divisors[-1])}


def configuration_space(box: Box, budget: Budget) -> Space:
    """Return the 13 genes within the box; the coarse steps of the lattice are dropped, as in the released code."""
    genes = (
        Gene("tokenizer", TOKENIZERS, choice=True),
        Gene("vocab_size", _range(box["vocab_size"])),
        Gene("layers", _range(box["layers"])),
        Gene("hidden", _range(box["hidden"])),
        Gene("activation", ACTIVATIONS, choice=True),
        Gene("hidden_dropout", DROPOUTS),
        Gene("ffn", _range(box["ffn"])),
        Gene("heads", _range(box["heads"])),
        Gene("attention_dropout", DROPOUTS),
        Gene("max_tokens", _range(box["max_tokens"])),
        Gene("position", POSITIONS, choice=True),
        Gene("learning_rate", LEARNING_RATES, choice=True),
        Gene("batch_size", BATCH_SIZES, choice=True),
    )
    hidden = _range(box["hidden"])

    def redraw_hidden(candidate: Candidate, rng: np.random.Generator) -> Candidate:
        """Draw the hidden width again among the multiples of the heads, where it is not one."""
        if candidate["hidden"] % candidate["heads"] == 0:
            return candidate
        multiples = [width for width in hidden if width % candidate["heads"] == 0]
        return candidate.but({"hidden": multiples[int(rng.integers(len(multiples)))]}) if multiples else candidate

    def valid(candidate: Candidate) -> bool:
        divisible = candidate["hidden"] % candidate["heads"] == 0
        return divisible and (budget.as_released or cost.fits(student_spec(candidate), budget.size_mb))

    return Space(genes, valid, redraw_hidden)


def _range(bounds: tuple[int, int]) -> range:
    return range(bounds[0], bounds[1] + 1)


def student_spec(candidate: Candidate) -> StudentSpec:
    """Return the architecture of a configuration; the position table has max_tokens + 2 rows."""
    return StudentSpec(
        vocab_size=candidate["vocab_size"],
        layers=candidate["layers"],
        hidden=candidate["hidden"],
        heads=candidate["heads"],
        ffn=candidate["ffn"],
        max_tokens=candidate["max_tokens"],
        tokenizer=candidate["tokenizer"],
        activation=candidate["activation"],
        position=candidate["position"],
    )


RELEASED_INITIALIZER = 0.02
"""RoBERTa's default, kept by the released code for students a hundred times smaller."""


def recipe(candidate: Candidate, budget: Budget, epochs: int) -> Recipe:
    """Return the budget's recipe with the configuration's own learning rate, batch size and dropouts."""
    return replace(
        budget.recipe,
        epochs=epochs,
        learning_rate=budget.learning_rate_scale * candidate["learning_rate"],
        batch_size=candidate["batch_size"],
        hidden_dropout=candidate["hidden_dropout"],
        attention_dropout=candidate["attention_dropout"],
        freeze_bias_and_norm=budget.as_released,
        clip_norm=0.0 if budget.as_released else budget.recipe.clip_norm,
        initializer_range=RELEASED_INITIALIZER if budget.as_released else None,
    )
