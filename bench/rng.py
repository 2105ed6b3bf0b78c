"""One seed to named, independent streams: `stream(seed, "moekd", "router")`.

A part that draws more or fewer numbers never changes what another part draws.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive(seed: int, *names: object) -> int:
    """Return a 63-bit seed that depends on `seed` and on every name, in order."""
    text = "\x1f".join([str(seed), *(str(name) for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *names: object) -> np.random.Generator:
    """Return the generator that belongs to these names under this seed."""
    return np.random.default_rng(derive(seed, *names))
