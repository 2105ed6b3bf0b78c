"""Step 1c of MoEKD: the gate, one weight per expert per program.

A small MLP on the encoder's embedding, trained with the experts frozen to make the label likely under the mixture,
plus a load-balancing term so that no expert is forgotten (decision D6; the abstract says only "learned routing").
The ablation's other gates: `uniform` weights, the hard `cluster` of a program, and the learned one cut to its first
(`top-1`) or its first two experts, renormalised (`top-2`; Shazeer et al. 2017 cut while training, we afterwards).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from bench.rng import derive
from moekd.partition import Parts

RouterKind = Literal["learned", "uniform", "cluster", "top-1", "top-2"]
KEPT: dict[RouterKind, int] = {"top-1": 1, "top-2": 2}

HIDDEN = 32
STEPS = 300
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 1e-3


@dataclass(frozen=True)
class Router:
    """Maps an embedding to weights over experts."""

    network: torch.nn.Module
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    def weights(self, embedding: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (n, experts), rows sum to 1, from embeddings of shape (n, d)."""
        with torch.inference_mode():
            scores = self.network(_standard(embedding, self.mean, self.scale))
            return np.asarray(scores.softmax(dim=1).double().numpy())


def train_router(
    embedding: NDArray[np.float64],
    logits: NDArray[np.float64],
    labels: NDArray[np.int64],
    *,
    balance: float,
    seed: int,
) -> Router:
    """Minimise the negative log-likelihood of the labels under the mixture of frozen experts.

    Args:
        embedding: shape (n, d).
        logits: shape (n, experts), the experts' log-odds of "vulnerable".
        labels: shape (n,).
        balance: factor of the squared coefficient of variation of the experts' mean weights.
        seed: of the initial weights.
    """
    mean, scale = embedding.mean(axis=0), embedding.std(axis=0) + 1e-6
    inputs = _standard(embedding, mean, scale)
    truth = torch.from_numpy(labels).float()
    # Log-probability that each expert gives to the true label, shape (n, experts).
    sign = (2.0 * truth - 1.0).unsqueeze(1)
    likely = torch.nn.functional.logsigmoid(sign * torch.from_numpy(logits).float())
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, "router"))
        network = torch.nn.Sequential(
            torch.nn.Linear(inputs.shape[1], HIDDEN), torch.nn.GELU(), torch.nn.Linear(HIDDEN, logits.shape[1])
        )
        optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        for _ in range(STEPS):
            chosen = network(inputs).log_softmax(dim=1)
            mixture = torch.logsumexp(chosen + likely, dim=1)
            loss = -mixture.mean() + balance * load_imbalance(chosen.exp())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return Router(network.eval(), mean, scale)


def load_imbalance(weights: torch.Tensor) -> torch.Tensor:
    """Squared coefficient of variation of the experts' mean weights; `weights` has shape (n, experts)."""
    load = weights.mean(dim=0)
    return load.var(unbiased=False) / load.mean() ** 2


@dataclass(frozen=True)
class Gate:
    """The router of a kind."""

    kind: RouterKind
    experts: int
    router: Router | None = None
    """None for the kinds that learn nothing."""

    def weights(self, embedding: NDArray[np.float64], part: Parts) -> NDArray[np.float64]:
        """Shape (n, experts), rows sum to 1, from embeddings of shape (n, d) and parts of shape (n,)."""
        if self.router is not None:
            return strongest(self.router.weights(embedding), KEPT.get(self.kind, self.experts))
        if self.kind == "cluster":
            return np.eye(self.experts)[part]
        return np.full((len(part), self.experts), 1 / self.experts)


def train_gate(
    kind: RouterKind,
    embedding: NDArray[np.float64],
    logits: NDArray[np.float64],
    labels: NDArray[np.int64],
    *,
    balance: float,
    seed: int,
) -> Gate:
    """Return the gate of this kind, trained as `train_router` says where it learns."""
    learns = kind not in ("uniform", "cluster")
    router = train_router(embedding, logits, labels, balance=balance, seed=seed) if learns else None
    return Gate(kind, logits.shape[1], router)


def strongest(weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Keep the `count` largest weights of each row, the first of equal ones, and let the row sum to 1 again."""
    kept = np.argsort(-weights, axis=1, kind="stable")[:, :count]
    cut = np.zeros_like(weights)
    np.put_along_axis(cut, kept, np.take_along_axis(weights, kept, axis=1), axis=1)
    scaled: NDArray[np.float64] = cut / cut.sum(axis=1, keepdims=True)
    return scaled


def _standard(embedding: NDArray[np.float64], mean: NDArray[np.float64], scale: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy((embedding - mean) / scale).float()
