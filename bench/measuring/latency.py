"""Latency of an architecture before it is built: a linear model of what a Transformer does, fitted to measured probes.

FLOPs do not predict latency: at 3 MB a single layer answers eight times as fast as twelve layers with as many
parameters, because attention's softmax, element-wise passes and the mere calls cost as much as matrix products. So each
of these kinds of work has a coefficient of its own, never negative, and the least squares are of relative errors. The
last layer stands apart from the others: the classifier reads one position, and an implementation may compute only that.
Arithmetic only, no torch: `bench.running.calibration` measures the probes. Left out: tokenizing, loading, batches above
1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from bench.measuring.cost import RELATIVE_PRODUCTS
from bench.types import Activation, Budget, Latency, PositionKind, StudentSpec, UsageError

Numbers = NDArray[np.float64]

CAPACITY = 0.15
"""Least share of the size budget that must lie in the layers, where latency is the objective. Tables of embeddings cost
no time: without this bound the fastest student of any size is a table. At 3 MB this much leaves a single layer room to
answer ten times as fast as Compressor's twelve; the rest buys vocabulary, which shortens programs."""


@dataclass(frozen=True)
class Work:
    """What the latency of n architectures depends on: numbers of shape (n,), or of one."""

    layers: Numbers
    hidden: Numbers
    heads: Numbers
    ffn: Numbers
    tokens: Numbers
    activation: Activation = "gelu"
    position: PositionKind = "absolute"

    @classmethod
    def of(cls, spec: StudentSpec) -> Work:
        """Return that of one architecture over its longest input."""
        layers, hidden, heads, ffn, tokens = (
            np.asarray(float(size)) for size in (spec.layers, spec.hidden, spec.heads, spec.ffn, spec.max_tokens)
        )
        return cls(layers, hidden, heads, ffn, tokens, spec.activation, spec.position)

    def features(self) -> list[Numbers]:
        """Count each kind of work, in units that give coefficients of similar size."""
        s, h, i, a = self.tokens, self.hidden, self.ffn, self.heads
        attended, softmax, one = s * s * h / 1e6, a * s * s / 1e6, np.ones_like(h)
        last = [one, s * h / 1e5, s * h * h / 1e6, s * h * i / 1e6, attended, softmax, s * i / 1e5]
        inner = [(self.layers - 1) * work for work in last[:-1]]
        acting = [(self.layers - 1) * last[-1] * (self.activation == kind) for kind in get_args(Activation)]
        # Both relative kinds leave fused attention, and look up a row for each pair of positions.
        products = RELATIVE_PRODUCTS[self.position]
        unfused = [self.layers * work * (products > 0) for work in (one, softmax, attended / a)]
        return [*last, *inner, *acting, *unfused, *(self.layers * work * products for work in (attended, softmax))]


@dataclass(frozen=True)
class LatencyModel:
    """Milliseconds per inference at batch 1 on one thread, a `bench.types.Latency`."""

    coefficients: tuple[float, ...]
    """Milliseconds per unit of each feature of `Work`, in their order; none is negative."""
    relative_error: float
    """Mean of |predicted - measured| / measured over the probes, each predicted from all others."""
    source: str = ""
    """Machine, device and version of torch that the probes were measured with."""

    def __call__(self, work: Work) -> Numbers:
        """Predict n architectures, shape (n,)."""
        terms = zip(self.coefficients, work.features(), strict=True)
        return sum((weight * feature for weight, feature in terms if weight), start=np.zeros_like(work.hidden))


def milliseconds(latency: Latency, spec: StudentSpec) -> float:
    """Predict one inference over the longest input of one architecture."""
    return float(latency(Work.of(spec)))


def fitted(specs: Sequence[StudentSpec], measured: Sequence[float], source: str) -> LatencyModel:
    """Fit the model to n measured latencies in ms, by non-negative least squares of relative errors.

    Raises:
        UsageError: fewer probes than features.
    """
    rows = np.array([Work.of(spec).features() for spec in specs])
    found = np.asarray(measured, dtype=np.float64)
    if len(rows) <= rows.shape[1]:
        raise UsageError(f"expected more than {rows.shape[1]} probes to fit latencies, got {len(rows)}: measure more")
    scaled = rows / found[:, None]
    errors = []
    for place in range(len(scaled)):
        others = np.arange(len(scaled)) != place
        errors.append(abs(float(scaled[place] @ _non_negative(scaled[others])) - 1.0))
    return LatencyModel(tuple(_non_negative(scaled).tolist()), float(np.mean(errors)), source)


def _non_negative(scaled: Numbers) -> Numbers:
    from scipy.optimize import nnls

    solution, _ = nnls(scaled, np.ones(len(scaled)))
    return np.asarray(solution)


def predictor(budget: Budget) -> Latency:
    """Return what predicts latency within this budget.

    Raises:
        UsageError: the budget brings none.
    """
    if budget.latency is None:
        raise UsageError(
            "expected a budget that can predict latency, got none: "
            "set latency=bench.running.calibration.calibrated(device)"
        )
    return budget.latency


def foreseen(budget: Budget, spec: StudentSpec) -> dict[str, float]:
    """Return the fact "predicted_latency_ms" about a choice that was made by latency; nothing about any other."""
    return {"predicted_latency_ms": milliseconds(predictor(budget), spec)} if budget.objective == "latency" else {}
