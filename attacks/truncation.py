"""Successes that a short window hands out: code that was pushed beyond what the victim reads.

Follows spec/attacks.md, 0: 45.7% of Devign's functions pass 400 tokens, and code inserted early pushes their tail out.
Such a success needs no reading of the program at all, so it is counted apart.
"""

from __future__ import annotations

from bench.networks.windows import Windowed
from bench.syntax.csource import Source, aligned, leaves, parse


def without_tail(original: str, adversarial: str, victim: Windowed) -> str | None:
    """Return the original up to the last C token of which the victim still sees the counterpart.

    None where the window takes nothing of the original away, and where the programs are too large to be aligned.
    """
    seen = victim.visible(adversarial)
    if seen >= len(adversarial):
        return None
    before, after = parse(original), parse(adversarial)
    blocks = aligned(_shapes(before), _shapes(after))
    visible = sum(leaf.end <= seen for leaf in leaves(after))
    kept = max((old + min(size, visible - new) for old, new, size in blocks or () if new < visible), default=0)
    tokens = leaves(before)
    if blocks is None or kept >= len(tokens) or tokens[kept].start >= victim.visible(original):
        return None
    return original[: tokens[kept].start]


def _shapes(source: Source) -> list[str]:
    """Return the tokens, names made equal: a renamed program is the same for this purpose."""
    return ["name" if leaf.kind == "identifier" else source.words(leaf) for leaf in leaves(source)]
