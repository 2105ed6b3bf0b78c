"""Self-attention over padded programs: a kernel of ours for the narrow heads of small students, torch's for the rest.

Follows scaled dot-product attention with padding at the end. `bench/networks/attention.c` says what the kernel does; it
is built with the package where there is a C compiler, and runs where it pays: float32 on one thread of a CPU (as
attacks and timed calls run), heads of at most 32 numbers. Everywhere else, and without a compiler, it is torch's. The
two agree to about 1e-6. Left out: dropout, other masks, gradients through the kernel.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Callable
from functools import lru_cache

import torch
from torch.nn.functional import scaled_dot_product_attention

LIBRARY = "bench.networks._attention"
WIDEST = 32
"""Numbers of a head that the kernel has room for; from there on torch's matrix products are as fast."""


def attend(joined: torch.Tensor, heads: int, asked: int, lengths: torch.Tensor | None = None) -> torch.Tensor:
    """Let the first tokens of each program look at all of its tokens.

    Args:
        joined: queries, keys and values side by side, shape (batch, longest, 3 x hidden).
        heads: into which `hidden` falls.
        asked: how many tokens look.
        lengths: shape (batch,), tokens of each program before its padding, at least 1; None: nothing is padded.

    Returns:
        Shape (batch, asked, hidden). Rows of padding mean nothing, but are finite.
    """
    kernel = _kernel()
    if kernel is None or not _suits(joined, heads):
        return _by_torch(joined, heads, asked, lengths)
    batch, longest, apart = joined.shape
    joined, width = joined.contiguous(), apart // 3
    if lengths is None:
        lengths = torch.full((batch,), longest)
    out = joined.new_empty(batch, asked, width)
    three = (part.data_ptr() for part in joined.chunk(3, dim=2))
    if kernel(*three, lengths.data_ptr(), out.data_ptr(), batch, asked, longest, apart, heads, width // heads):
        raise MemoryError(f"no memory for attention over {longest} tokens")
    return out


def _suits(joined: torch.Tensor, heads: int) -> bool:
    alone = joined.device.type == "cpu" and torch.get_num_threads() == 1
    return (
        alone and joined.dtype == torch.float32 and not joined.requires_grad and joined.shape[2] <= 3 * WIDEST * heads
    )


def _by_torch(joined: torch.Tensor, heads: int, asked: int, lengths: torch.Tensor | None) -> torch.Tensor:
    q, k, v = joined.unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    mask = None
    if lengths is not None:
        mask = (torch.arange(joined.shape[1], device=joined.device) < lengths[:, None])[:, None, None]
    return scaled_dot_product_attention(q[:, :, :asked], k, v, attn_mask=mask).transpose(1, 2).flatten(2)


@lru_cache(maxsize=1)
def _kernel() -> Callable[..., int] | None:
    """Return the kernel, or None where the package was installed without a C compiler."""
    found = importlib.util.find_spec(LIBRARY)
    if found is None or found.origin is None:
        return None
    function = ctypes.CDLL(found.origin).attend
    function.argtypes = [ctypes.c_void_p] * 5 + [ctypes.c_int64] * 6
    function.restype = ctypes.c_int
    return function
