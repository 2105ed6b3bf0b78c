"""Step 2 of MoEKD: router-weighted soft targets. Pure numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def aggregate(
    weights: NDArray[np.float64], logits: NDArray[np.float64], temperature: float = 1.0
) -> NDArray[np.float64]:
    """Mix the experts' opinions: sum over experts of weight x P(vulnerable) at temperature T.

    Args:
        weights: shape (n, experts), rows sum to 1.
        logits: shape (n, experts), each expert's log-odds of "vulnerable".
        temperature: T; 1 gives the mixture's own probability.

    Returns:
        Shape (n,).
    """
    # With two classes, softmax(scores / T) is the logistic function of log-odds / T.
    softened = 1.0 / (1.0 + np.exp(-logits / temperature))
    mixed: NDArray[np.float64] = (weights * softened).sum(axis=1)
    return mixed
