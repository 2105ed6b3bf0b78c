"""Step 1c of MoEKD: the gate, one weight per expert per program.

A small MLP on the encoder's embedding, trained with the experts frozen to make the label likely under the mixture,
plus a load-balancing term so that no expert is forgotten (decision D6; the abstract says only "learned routing").
It starts from uniform weights, and the step is kept at which the labels of validation are likeliest: experts and router
may learn from the same programs, and there the surest expert is the one that remembers (D72). The ablation's other
gates: the `last-step`, `uniform` weights, the hard `cluster` of a program, and the learned one cut to its first
(`top-1`) or its first two experts, renormalised (`top-2`; Shazeer et al. 2017 cut while training, we afterwards), whose
step is kept at which validation is likeliest under what is left.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import logsigmoid

from bench.rng import derive
from moekd.aggregate import Aggregation
from moekd.partition import Parts

RouterKind = Literal["learned", "last-step", "uniform", "cluster", "top-1", "top-2"]
KEPT: dict[RouterKind, int] = {"top-1": 1, "top-2": 2}

HIDDEN = 32
STEPS = 300
LEARNING_RATE = 1e-2
WEIGHT_DECAY = 1e-3


class Lessons(NamedTuple):
    """Labelled programs as a router sees them."""

    embedding: NDArray[np.float64]
    """Shape (n, d)."""
    logits: NDArray[np.float64]
    """Shape (n, experts): each expert's log-odds of "vulnerable"."""
    labels: NDArray[np.int64]
    """Shape (n,)."""


@dataclass(frozen=True)
class Router:
    """Maps an embedding to weights over experts."""

    network: torch.nn.Module
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    step: int
    """The step that was kept; 0 is uniform weights."""

    def weights(self, embedding: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (n, experts), rows sum to 1, from embeddings of shape (n, d)."""
        with torch.inference_mode():
            scores = self.network(_standard(embedding, self.mean, self.scale))
            return np.asarray(scores.softmax(dim=1).double().numpy())


def train_router(
    train: Lessons,
    valid: Lessons,
    *,
    balance: float,
    aggregation: Aggregation,
    seed: int,
    last: bool = False,
    most: int | None = None,
) -> Router:
    """Minimise the negative log-likelihood of the labels under the mixture of frozen experts.

    Args:
        train: what it learns from.
        valid: what picks the step.
        balance: factor of the squared coefficient of variation of the experts' mean weights.
        aggregation: how the mixture mixes.
        seed: of the initial weights.
        last: whether to keep the last step instead.
        most: experts a program that will be asked in the end; None is all. Training weighs them all.
    """
    mean, scale = train.embedding.mean(axis=0), train.embedding.std(axis=0) + 1e-6
    inputs, asked = _standard(train.embedding, mean, scale), _standard(valid.embedding, mean, scale)
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, "router"))
        last_layer = torch.nn.Linear(HIDDEN, train.logits.shape[1])
        network = torch.nn.Sequential(torch.nn.Linear(inputs.shape[1], HIDDEN), torch.nn.GELU(), last_layer)
        torch.nn.init.zeros_(last_layer.weight)
        torch.nn.init.zeros_(last_layer.bias)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    best, kept, state = math.inf, 0, copy.deepcopy(network.state_dict())
    for step in range(STEPS + 1):
        with torch.no_grad():
            loss = float(surprise(_cut(network(asked).log_softmax(dim=1), most), valid, aggregation))
        if loss < best or (last and step == STEPS):
            best, kept, state = loss, step, copy.deepcopy(network.state_dict())
        chosen = network(inputs).log_softmax(dim=1)
        objective = surprise(chosen, train, aggregation) + balance * load_imbalance(chosen.exp())
        optimizer.zero_grad(set_to_none=True)
        objective.backward()
        optimizer.step()
    network.load_state_dict(state)
    return Router(network.eval(), mean, scale, kept)


def _cut(log_weights: torch.Tensor, most: int | None) -> torch.Tensor:
    """Return the logarithms of weights that `strongest` leaves; shape (n, experts)."""
    if most is None:
        return log_weights
    return torch.from_numpy(strongest(log_weights.double().exp().numpy(), most)).float().log()


def surprise(log_weights: torch.Tensor, lessons: Lessons, aggregation: Aggregation) -> torch.Tensor:
    """Mean negative log-likelihood of the labels under the mixture, in nats; weights have shape (n, experts)."""
    sign = 2.0 * torch.from_numpy(lessons.labels).float() - 1.0
    logits = torch.from_numpy(lessons.logits).float()
    if aggregation == "logits":
        return -logsigmoid(sign * (log_weights.exp() * logits).sum(dim=1)).mean()
    # Log-probability that each expert gives to the true label.
    likely = logsigmoid(sign.unsqueeze(1) * logits)
    return -torch.logsumexp(log_weights + likely, dim=1).mean()


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
    kind: RouterKind, train: Lessons, valid: Lessons, *, balance: float, aggregation: Aggregation, seed: int
) -> Gate:
    """Return the gate of this kind, trained as `train_router` says where it learns."""
    experts = train.logits.shape[1]
    if kind in {"uniform", "cluster"}:
        return Gate(kind, experts)
    router = train_router(
        train,
        valid,
        balance=balance,
        aggregation=aggregation,
        seed=seed,
        last=kind == "last-step",
        most=KEPT.get(kind),
    )
    return Gate(kind, experts, router)


def strongest(weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Keep the `count` largest weights of each row and all equal to them, and let the row sum to 1 again.

    Equal weights stay together, so that a router that prefers no expert is uniform however it is cut.
    """
    least = np.sort(weights, axis=1)[:, -min(count, weights.shape[1]), None]
    cut = np.where(weights >= least, weights, 0.0)
    scaled: NDArray[np.float64] = cut / cut.sum(axis=1, keepdims=True)
    return scaled


def _standard(embedding: NDArray[np.float64], mean: NDArray[np.float64], scale: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy((embedding - mean) / scale).float()
