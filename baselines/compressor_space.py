"""Compressor's search space, the objectives over it, and the exact optimum of each by enumeration.

Follows Shi et al., ASE 2022, section 3.1 and equation 1. The published objective is `Objective`. `LatencyObjective` is
ours: predicted milliseconds instead of GFLOPs, for `--objective latency` (D46). Left out: accuracy, of which neither
asks, and the released 25 and 50 MB students (16 heads, outside the paper's own space).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.distillation.space import Candidate, Gene, Space
from bench.measuring import cost
from bench.measuring.cost import BYTES_PER_MB, BYTES_PER_PARAMETER, Sizes
from bench.measuring.latency import CAPACITY, Work, predictor
from bench.types import Budget, Latency, StudentSpec, UsageError

# Search space. The paper has 11,059,200 points with feed-forward widths up to 3072; the released code
# stops at 3040: 10,944,000 points, which we follow. `hidden` is a multiple of 16, so `heads` always divides it.
SPACE = Space(
    (
        Gene("vocab_size", range(1000, 50_001, 1000)),
        Gene("heads", (1, 2, 4, 8)),
        Gene("hidden", range(16, 769, 16)),
        Gene("ffn", range(32, 3041, 32)),
        Gene("layers", range(1, 13)),
    )
)

PUBLISHED_TOKENS = 400
PUBLISHED_POSITION_ROWS = 514


class Scored(NamedTuple):
    """A candidate and its fitness."""

    candidate: Candidate
    fitness: float


@dataclass(frozen=True)
class Objective:
    """Equation 1: GFLOPs - |size - target in MB|, both by the paper's formulas, to be maximised. No accuracy in it."""

    size_mb: float
    position_rows: int

    def __call__(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """Return the fitness of n candidates, shape (n,)."""
        codes = np.array([SPACE.codes(candidate) for candidate in candidates])
        return self.of(self.sizes(dict(zip(SPACE.names, codes.T, strict=True))))

    def of(self, sizes: Sizes[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the fitness of n rows of genes, shape (n,)."""
        size_mb = cost.paper_parameters_of(sizes) * (BYTES_PER_PARAMETER / BYTES_PER_MB)
        return self.merit(sizes) - np.abs(size_mb - self.size_mb)

    def merit(self, sizes: Sizes[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return what counts besides the size, shape (n,): GFLOPs by the paper's formula."""
        return cost.paper_flops_of(sizes) / 1e9

    def sizes(self, columns: dict[str, NDArray[np.float64]]) -> Sizes[NDArray[np.float64]]:
        """Return the formula's inputs for n rows of genes."""
        rows = np.full(len(columns["hidden"]), float(self.position_rows))
        return Sizes(**columns, length=rows)


@dataclass(frozen=True)
class LatencyObjective(Objective):
    """Less predicted latency instead of more FLOPs: -ms - |size - target in MB|, with enough capacity in the layers."""

    latency: Latency
    max_tokens: int

    def merit(self, sizes: Sizes[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return -ms, shape (n,); -infinity where the layers hold less than `CAPACITY` of the target."""
        tokens = np.full(sizes.hidden.shape, float(self.max_tokens))
        milliseconds = self.latency(Work(sizes.layers, sizes.hidden, sizes.heads, sizes.ffn, tokens))
        least = CAPACITY * self.size_mb * BYTES_PER_MB / BYTES_PER_PARAMETER
        return np.where(cost.layer_parameters_of(sizes) >= least, -milliseconds, -np.inf)


def objective(budget: Budget) -> Objective:
    """Return what the search maximises within this budget."""
    rows = position_rows(budget.max_tokens)
    if budget.objective == "flops":
        return Objective(budget.size_mb, rows)
    return LatencyObjective(budget.size_mb, rows, predictor(budget), min(PUBLISHED_TOKENS, budget.max_tokens))


@cache
def optimum(objective: Objective, *, within_budget: bool) -> Scored:
    """Return the fittest of all 10,944,000 candidates, or of those whose true size is within the budget."""
    found: Scored | None = None
    limit = cost.size_limit(objective.size_mb) * BYTES_PER_MB / BYTES_PER_PARAMETER
    for columns in SPACE.columns():
        sizes = objective.sizes(columns)
        fitness = objective.of(sizes)
        if within_budget:
            fitness[cost.true_parameters_of(sizes) > limit] = -np.inf
        place = int(np.argmax(fitness))
        if np.isfinite(fitness[place]) and (found is None or fitness[place] > found.fitness):
            genes = {name: int(column[place]) for name, column in columns.items()}
            found = Scored(SPACE.candidate(**genes), float(fitness[place]))
    if found is None:
        raise UsageError(
            f"expected a size that Compressor's space can reach, got {objective.size_mb} MB: raise size_mb"
        )
    return found


def position_rows(max_tokens: int) -> int:
    """Return the rows of the position table: 514 at the published 400 tokens, else what RoBERTa needs."""
    return PUBLISHED_POSITION_ROWS if max_tokens >= PUBLISHED_TOKENS else max_tokens + 2


def student_spec(candidate: Candidate, max_tokens: int) -> StudentSpec:
    """Return the student with these genes: CodeBERT's architecture otherwise, byte-level BPE, at most 400 tokens."""
    return StudentSpec(
        vocab_size=candidate["vocab_size"],
        layers=candidate["layers"],
        hidden=candidate["hidden"],
        heads=candidate["heads"],
        ffn=candidate["ffn"],
        max_tokens=min(PUBLISHED_TOKENS, max_tokens),
        position_rows=position_rows(max_tokens),
    )
