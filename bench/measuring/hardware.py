"""What the device does: waiting for it, and its measured rate of matrix products."""

from __future__ import annotations

from functools import cache

import torch

from bench.measuring.utilisation import matmul_rate


def synchronise(device: str) -> None:
    """Wait until a GPU has done what it was told; a CPU always has."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


@cache
def peak_gflops(device: str, threads: int) -> float:
    """Return GFLOPs per second of matrix products, measured once per process; see `utilisation.matmul_rate`.

    `threads` are those that torch uses on a CPU at this time; they are part of the question, not a setting.
    """
    return matmul_rate(device) / 1e9
