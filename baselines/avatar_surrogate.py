"""What predicts a student's quality from its 13 coded genes, learnt from a few trained students.

AVATAR's is scikit-learn's BayesianRidge on raw codes (released code), and weak: leave-one-out R2 about 0 (spec 2.3).
"gradient-boosting" is MORPH's; "gaussian-process" is ours: categories as indicators, numbers scaled, sizes by their
logarithm, an RBF kernel with a learnt length and noise, which falls back to the mean where the sample says nothing.
Each comes with its leave-one-out R2, so that nobody has to believe in it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.distillation.space import Space

Numbers = NDArray[np.float64]
Kind = Literal["bayesian-ridge", "gradient-boosting", "gaussian-process"]

PUBLISHED: Kind = "bayesian-ridge"
SIZES = ("vocab_size", "layers", "hidden", "ffn", "heads", "max_tokens")
"""Genes that act by their ratio."""


class Surrogate(NamedTuple):
    """What predicts a student's quality on validation from its 13 coded genes."""

    predict: Callable[[Numbers], Numbers]
    """From codes of shape (n, genes) to qualities of shape (n,)."""
    r2: float
    """Leave-one-out R2 on the trained configurations; nan with fewer than three, or where all are equally good."""


def fit_surrogate(codes: Numbers, qualities: Numbers, kind: Kind = PUBLISHED, space: Space | None = None) -> Surrogate:
    """Fit a surrogate to n trained configurations.

    Args:
        codes: shape (n, genes), as `Space.codes` gives them.
        qualities: shape (n,), accuracy or AUROC on validation.
        kind: which one.
        space: tells the Gaussian process which genes are categories; None takes all for numbers.
    """
    features = _features(space) if kind == "gaussian-process" else _raw
    rows = features(codes)
    model = _fitted(kind, rows, qualities)
    return Surrogate(lambda others: np.asarray(model.predict(features(others))), _r2(kind, rows, qualities))


def _fitted(kind: Kind, rows: Numbers, qualities: Numbers) -> Any:
    if kind == "bayesian-ridge":
        from sklearn.linear_model import BayesianRidge

        return BayesianRidge().fit(rows, qualities)
    if kind == "gradient-boosting":
        from sklearn.ensemble import GradientBoostingRegressor

        return GradientBoostingRegressor(random_state=0).fit(rows, qualities)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel(1.0, (1e-3, 1e3)) * RBF(2.0, (0.5, 50.0)) + WhiteKernel(0.5, (1e-3, 10.0))
    with warnings.catch_warnings():  # a length or a noise at its bound is an answer, not a failure
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianProcessRegressor(kernel, normalize_y=True, random_state=0).fit(rows, qualities)


def _raw(codes: Numbers) -> Numbers:
    return codes


def _features(space: Space | None) -> Callable[[Numbers], Numbers]:
    """Return what turns codes into scaled numbers and indicators: each gene spans about 0 to 1."""
    if space is None:
        return _raw

    def features(codes: Numbers) -> Numbers:
        columns: list[Numbers] = []
        for gene, column in zip(space.genes, codes.T, strict=True):
            if gene.choice:
                columns += [(column == place) * 0.5**0.5 for place in range(1, len(gene.values) + 1)]
            else:
                scale = np.log if gene.name in SIZES else np.asarray
                low, high = (float(scale(gene.code(gene.values[end]))) for end in (0, -1))
                columns.append((scale(column) - low) / max(high - low, 1e-12))
        return np.stack(columns, axis=1)

    return features


def _r2(kind: Kind, rows: Numbers, qualities: Numbers) -> float:
    """Return 1 - squared error / variance, each quality predicted from all others; nan where undefined."""
    spread = float(((qualities - qualities.mean()) ** 2).sum())
    if len(qualities) < 3 or spread == 0.0:
        return float("nan")
    predicted = [_without(kind, rows, qualities, place) for place in range(len(qualities))]
    return 1.0 - float(((qualities - np.array(predicted)) ** 2).sum()) / spread


def _without(kind: Kind, rows: Numbers, qualities: Sequence[float] | Numbers, place: int) -> float:
    others = np.arange(len(rows)) != place
    return float(_fitted(kind, rows[others], np.asarray(qualities)[others]).predict(rows[[place]])[0])
