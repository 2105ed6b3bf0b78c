"""How much of what a device can compute a training uses: model FLOPs over the measured rate of matrix products.

Follows PaLM's model-FLOPs utilisation (Chowdhery et al. 2022, appendix B): what the model needs, not what was computed;
twice the forward pass for the backward pass. Left out: element-wise work and look-ups of embeddings.
"""

from __future__ import annotations

import time

import torch

TRIALS = 7


def training_flops(layers: int, hidden: int, ffn: int, length: float) -> float:
    """Floating-point operations to train an encoder on one token among `length`: 6 per weight, and attention."""
    weights = layers * (4 * hidden * hidden + 2 * hidden * ffn)
    return 6.0 * weights + 12.0 * layers * hidden * length


def matmul_rate(device: str) -> float:
    """Measure the most floating-point operations a second that matrix products reach: bf16 on a GPU, float32 on a CPU.

    With as many threads as torch has now; the fastest of a few products of square matrices, because whatever else
    the machine does only slows them.
    """
    on_gpu = device.startswith("cuda")
    size, dtype = (8192, torch.bfloat16) if on_gpu else (1024, torch.float32)
    one = torch.randn(size, size, generator=torch.Generator().manual_seed(0)).to(device, dtype)
    seconds = []
    for _ in range(TRIALS):
        if on_gpu:
            torch.cuda.synchronize(device)
        begin = time.perf_counter()
        one @ one
        if on_gpu:
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - begin)
    return 2.0 * size**3 / min(seconds)
