"""A task: functions that fill a buffer, half of them one element too far.

A task is a function from --data and the limits of a run to `bench.types.Splits`; `bench.tasks.data.split` makes them
from rows as it does for the tasks of the benchmark: halves, ids and checksum.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.registry import Entry
from bench.rng import stream
from bench.tasks.data import Limits, split
from bench.tasks.rows import Row
from bench.types import Splits, UsageError

SEED = 0
SIZES = (400, 100, 100)
"""Programs of train, validation and test."""
NAMES = ("buf", "out", "dst", "data", "line", "row", "table", "mask")
COUNTS = ("n", "len", "size", "count", "total", "limit")


def _row(rng: np.random.Generator) -> Row:
    vulnerable = bool(rng.integers(2))
    buffer, count = str(rng.choice(NAMES)), str(rng.choice(COUNTS))
    compared = "<=" if vulnerable else "<"
    code = (
        f"void fill_{buffer}(int *{buffer}, int {count})\n{{\n    for (int i = 0; i {compared} {count}; i++)\n"
        f"        {buffer}[i] = {rng.integers(100)};\n}}\n"
    )
    return Row(code, 1 if vulnerable else 0, "off-by-one")


def load(data: str | None, limits: Limits) -> Splits:
    """Generate the rows and divide them."""
    if data is not None:
        raise UsageError("expected no --data with task off-by-one, which is generated: leave it out")
    rng = stream(SEED, "off-by-one")
    train, valid, test = ([_row(rng) for _ in range(size)] for size in SIZES)
    found = split("off-by-one", (train, valid, test), f"off-by-one generator, seed {SEED}", limits)
    return replace(found, synthetic=True)


ENTRY = Entry("loops over a buffer that end in time, or one element too late", "example", load)
