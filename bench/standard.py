"""The standard student: the architecture of every method that does not search for one.

No paper fixes it. It is as wide as the size budget allows at two layers: shallow networks answer faster than deep
ones of the same size, and all of MoEKD, its controls and `supervised` share it, so that they differ in targets alone.
"""

from __future__ import annotations

from bench.cost import fits
from bench.types import StudentSpec, UsageError

VOCAB_SIZE = 1000
LAYERS = 2
HEADS = 4
WIDTH_STEP = 8


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
