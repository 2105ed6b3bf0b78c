"""AVATAR's configuration space as MORPH walks it: points of a unit cube, Latin hypercube samples, four objectives.

Follows Panichella's released code, mended: every gene is decoded to one of its values before it is scored (released:
fractional layers and vocabularies are, so that a size is no real model's), and hidden widths stay within their bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from bench.distillation.space import Candidate, Space, Value
from bench.types import UsageError

DRAWS = 200
"""Latin hypercubes that are tried before the space counts as empty."""


@dataclass(frozen=True)
class Rated:
    """A configuration and its four objectives, all to be minimised."""

    candidate: Candidate
    size_mb: float
    error: float
    """1 - predicted accuracy."""
    flips: float
    """Predicted share of validation programs that are judged correctly and whose twin is judged otherwise."""
    effort: float
    """GFLOPs, or predicted milliseconds."""

    @property
    def costs(self) -> tuple[float, float, float, float]:
        """All four."""
        return (self.size_mb, self.error, self.flips, self.effort)


Rate: TypeAlias = Callable[[Sequence[Candidate]], list[Rated]]


def decode(space: Space, point: NDArray[np.float64]) -> Candidate:
    """Return the configuration at a point of the unit cube, shape (genes,).

    The hidden width becomes the nearest multiple of the heads within its bounds; heads of which there is none give way.
    """
    places = [min(int(x * len(gene.values)), len(gene.values) - 1) for x, gene in zip(point, space.genes, strict=True)]
    values: dict[str, Value] = {gene.name: gene.values[at] for gene, at in zip(space.genes, places, strict=True)}
    found = Candidate(space.names, tuple(values.values()))
    widths = [int(width) for width in space.gene("hidden").values]
    heads = next(count for count in range(found["heads"], 0, -1) if any(width % count == 0 for width in widths))
    multiples = [width for width in widths if width % heads == 0]
    return found.but({"heads": heads, "hidden": min(multiples, key=lambda width: abs(width - found["hidden"]))})


def encode(space: Space, candidate: Candidate) -> NDArray[np.float64]:
    """Return the middle of a configuration's cell in the unit cube; `decode` gives it back."""
    pairs = zip(space.genes, candidate.values, strict=True)
    return np.array([(gene.values.index(value) + 0.5) / len(gene.values) for gene, value in pairs])


def latin_sample(space: Space, count: int, rng: np.random.Generator) -> tuple[Candidate, ...]:
    """Return `count` different configurations of the space, from as many Latin hypercubes as that takes."""
    cube = qmc.LatinHypercube(len(space.genes), rng=rng)
    found: dict[Candidate, None] = {}
    for _ in range(DRAWS):
        drawn = (decode(space, point) for point in cube.random(max(10 * count, 100)))
        found.update(dict.fromkeys(one for one in drawn if space.valid(one)))
        if len(found) >= count:
            return tuple(found)[:count]
    raise UsageError(f"expected {count} configurations within the budget, got {len(found)}: raise size_mb")
