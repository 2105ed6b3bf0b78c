"""Successes that a short window hands out: code that was pushed beyond what the victim reads.

Follows spec/attacks.md, 0: 45.7% of Devign's functions pass 400 tokens, and code inserted early pushes their tail out.
Such a success needs no reading of the program at all, so it is counted apart.
"""

from __future__ import annotations

from bench.csource import leaves, parse
from bench.types import Windowed


def without_tail(original: str, adversarial: str, victim: Windowed) -> str | None:
    """Return the original without as many C tokens at its end as the victim misses of the adversarial program.

    None where the victim misses no more than it did before.
    """
    seen = victim.visible(adversarial)
    missed = sum(leaf.end > seen for leaf in leaves(parse(adversarial)))
    tokens = list(leaves(parse(original)))
    kept = len(tokens) - missed
    if not 0 < kept < len(tokens) or tokens[kept].start >= victim.visible(original):
        return None
    return original[: tokens[kept].start]
