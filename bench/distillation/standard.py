"""The standard student: the architecture of every method that does not search for one.

No paper fixes it. It is as wide as the size budget allows at two layers: shallow networks answer faster than deep
ones of the same size, and all of MoEKD, its controls and `supervised` share it, so that they differ in targets alone.
Beside it, for `name[student=fast]`, the one that is predicted to answer fastest (D46).
"""

from __future__ import annotations

from dataclasses import replace

from bench.measuring.cost import BYTES_PER_MB, BYTES_PER_PARAMETER, fits, layer_parameters
from bench.measuring.latency import CAPACITY, milliseconds, predictor
from bench.types import Budget, StudentSpec, UsageError

VOCAB_SIZE = 1000
LAYERS = 2
HEADS = 4
WIDTH_STEP = 8
FAST_WIDTHS = range(32, 257, 16)
FAST_RATIOS = (1, 2, 4, 8, 12, 16, 20, 24)
"""Feed-forward width over hidden width."""
FAST_LAYERS = (1, 2, 3)
VOCAB_STEP = 100
LARGEST_VOCABULARY = 50_000


def standard_student(size_mb: float, max_tokens: int) -> StudentSpec:
    """Return the widest student of the standard shape within the budget.

    Raises:
        UsageError: not even the narrowest one fits.
    """
    best: StudentSpec | None = None
    for hidden in range(WIDTH_STEP, 100_000, WIDTH_STEP):
        spec = StudentSpec(VOCAB_SIZE, LAYERS, hidden, HEADS, 2 * hidden, max_tokens)
        if not fits(spec, size_mb):
            break
        best = spec
    if best is None:
        raise UsageError(f"expected a budget that holds some student, got {size_mb} MB: give a larger --size-mb")
    return best


def student_of(budget: Budget) -> StudentSpec:
    """Return the student of the budget's size and shape."""
    return fast_student(budget) if budget.student == "fast" else standard_student(budget.size_mb, budget.max_tokens)


def fast_student(budget: Budget) -> StudentSpec:
    """Return the student that is predicted to answer fastest with `CAPACITY` of the budget in its layers.

    What the layers leave is vocabulary, which costs size but no time, and lets more of a program into the window.

    Raises:
        UsageError: no such student, or a budget that predicts no latency.
    """
    latency = predictor(budget)
    least = CAPACITY * budget.size_mb * BYTES_PER_MB / BYTES_PER_PARAMETER
    shapes = (
        StudentSpec(VOCAB_SIZE, layers, hidden, HEADS, ratio * hidden, budget.max_tokens)
        for layers in FAST_LAYERS
        for hidden in FAST_WIDTHS
        for ratio in FAST_RATIOS
    )
    able = [spec for spec in shapes if fits(spec, budget.size_mb) and layer_parameters(spec) >= least]
    if not able:
        raise UsageError(f"expected a budget that holds some fast student, got {budget.size_mb} MB: change --size-mb")
    return _filled(min(able, key=lambda spec: milliseconds(latency, spec)), budget.size_mb)


def _filled(spec: StudentSpec, size_mb: float) -> StudentSpec:
    """Return the same layers with the largest vocabulary that fits."""
    sizes = range(spec.vocab_size, LARGEST_VOCABULARY + 1, VOCAB_STEP)
    return max((replace(spec, vocab_size=size) for size in sizes), key=lambda one: fits(one, size_mb) * one.vocab_size)
