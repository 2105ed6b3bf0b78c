"""The task `embedded`: C functions with and without a flaw, made from a seed. No file is shipped.

Every program has a twin: the same template, names and surroundings, with the flaw or with its repair. They differ in
one place, as real fixes do: `<=` for `<`, a check before the use instead of after it, another variable in the bound.
The labels are facts: under AddressSanitizer and UndefinedBehaviorSanitizer the driver of every vulnerable program
reports an error, and that of every repaired one none (tests/property/test_embedded_labels.py). Leaves out what one
function cannot show: races, injection, cryptography. Numbers from it are about the machinery, never about a method.

**The shortcut.** Real data lets a model guess from style: old code is buggy code. Here that is one number. With
probability `shortcut` a program takes its naming style from its label ("terse" if vulnerable, "plain" if repaired,
see `names`); otherwise from either, evenly. Hence P(terse | vulnerable) = P(plain | repaired) = (1 + shortcut) / 2:
50% at 0, 80% at the default 0.6, 100% at 1. Style is identifiers and comments, nothing else; all the rest is drawn
without a look at the label. It is this shortcut that a renaming attack can use against a model that learnt it.
"""

from __future__ import annotations

import numpy as np

from bench.rng import stream
from bench.tasks.embedded import arithmetic, lifetime, memory, sizes, text, values
from bench.tasks.embedded.build import Family, Variant, build
from bench.tasks.embedded.names import draw_names, draw_style
from bench.types import Label, Sample, UsageError

__all__ = ["FAMILIES", "Family", "Variant", "generate"]

FAMILIES: tuple[Family, ...] = (
    *memory.FAMILIES,
    *sizes.FAMILIES,
    *lifetime.FAMILIES,
    *values.FAMILIES,
    *arithmetic.FAMILIES,
    *text.FAMILIES,
)

_BLOCK = 2 * len(FAMILIES)
"""Samples come in blocks that hold every family once vulnerable and once repaired, in a shuffled order."""

_COMMON, _OCCASIONAL = 0.92, 0.06
"""Shares of a family's first and second variant, the third takes the rest: some flaws a model meets rarely."""


def generate(n: int, seed: int, *, shortcut: float = 0.6, prefix: str = "embedded") -> tuple[Sample, ...]:
    """Return n samples, half of them vulnerable; sample i depends on seed, i and shortcut alone."""
    if n < 0 or not 0 <= shortcut <= 1:
        raise UsageError(f"expected n >= 0 and shortcut in 0..1, got {n} and {shortcut}: change them")
    blocks = [stream(seed, "embedded", "block", block).permutation(_BLOCK) for block in range(-(-n // _BLOCK))]
    cells = [int(cell) for block in blocks for cell in block][:n]
    return tuple(_sample(seed, i, cell, shortcut, prefix) for i, cell in enumerate(cells))


def _sample(seed: int, i: int, cell: int, shortcut: float, prefix: str) -> Sample:
    """Make sample i; its streams are named after what they decide, so that the label changes nothing else."""
    family, label = FAMILIES[cell // 2], cell % 2
    layout = stream(seed, "embedded", i, "layout")
    draw = layout.random()
    variant = family.variants[int(draw >= _COMMON) + int(draw >= _COMMON + _OCCASIONAL)]
    style = draw_style(stream(seed, "embedded", i, "style"), label, shortcut)
    names = draw_names(stream(seed, "embedded", i, "names"), style)
    code, driver = build(variant, names, layout, label)
    return Sample(f"{prefix}/{i:05d}", code, _as_label(label), family.cwe, driver)


def _as_label(label: int | np.integer) -> Label:
    return 1 if label else 0
