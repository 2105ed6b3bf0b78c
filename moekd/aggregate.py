"""Step 2 of MoEKD: router-weighted soft targets. Pure numpy."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Aggregation = Literal["probabilities", "logits"]


def aggregate(
    weights: NDArray[np.float64],
    logits: NDArray[np.float64],
    temperature: float = 1.0,
    aggregation: Aggregation = "probabilities",
) -> NDArray[np.float64]:
    """Mix the experts' opinions: sum over experts of weight x P(vulnerable) at temperature T (D7).

    Args:
        weights: shape (n, experts), rows sum to 1.
        logits: shape (n, experts), each expert's log-odds of "vulnerable".
        temperature: T; 1 gives the mixture's own probability.
        aggregation: "logits" mixes the log-odds first, so that one sure expert outweighs several doubtful ones.

    Returns:
        Shape (n,): P(vulnerable) at temperature T.
    """
    # With two classes, softmax(scores / T) is the logistic function of log-odds / T.
    if aggregation == "logits":
        return _logistic((weights * logits).sum(axis=1) / temperature)
    mixed: NDArray[np.float64] = (weights * _logistic(logits / temperature)).sum(axis=1)
    return mixed


def _logistic(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-log_odds))
