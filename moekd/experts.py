"""Step 1a of MoEKD: partition the input space; one specialised teacher per part.

The abstract says "experts on a partition of the input space"; how it is partitioned is our decision D4: clusters of
the pre-trained encoder's embedding, standardised and reduced by PCA, so that an expert sees similar programs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.rng import derive
from bench.types import Expert, Recipe, Sample, Teacher

COMPONENTS = 16
"""Dimensions that k-means sees; nearest neighbours mean little in more (our choice)."""


@dataclass(frozen=True)
class Partition:
    """k parts of the input space."""

    pipeline: Pipeline
    """Standardise, PCA, k-means."""

    def assign(self, embedding: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the part of each program, shape (n,), from its embedding, shape (n, d)."""
        return np.asarray(self.pipeline.predict(embedding), dtype=np.int64)


def partition(embedding: NDArray[np.float64], parts: int, seed: int) -> Partition:
    """Cluster the training programs' embeddings, shape (n, d), into parts."""
    components = min(COMPONENTS, *embedding.shape)
    clusters = KMeans(parts, n_init=10, random_state=derive(seed, "k-means") % 2**32)
    return Partition(make_pipeline(StandardScaler(), PCA(components, svd_solver="full"), clusters).fit(embedding))


def train_experts(
    teacher: Teacher,
    labelled: Sequence[Sample],
    valid: Sequence[Sample],
    part: NDArray[np.int64],
    *,
    outside_weight: float,
    recipe: Recipe,
    seed: int,
) -> list[Expert]:
    """Fine-tune one expert per part from the encoder, on all programs, those outside its part at a small weight.

    Args:
        teacher: whose encoder the experts start from.
        labelled: n programs.
        valid: pick each expert's epoch.
        part: shape (n,), the part of each labelled program.
        outside_weight: weight of a program of another part; 0 gives hard parts.
        recipe: that of the single teacher.
        seed: of each expert's head and order.
    """
    return [
        teacher.specialise(labelled, np.where(part == k, 1.0, outside_weight), valid, recipe, derive(seed, "expert", k))
        for k in range(int(part.max()) + 1)
    ]


def opinions(experts: Sequence[Expert], programs: Sequence[str]) -> NDArray[np.float64]:
    """Each expert's log-odds of "vulnerable", shape (n, experts)."""
    return np.stack([expert.logits(programs) for expert in experts], axis=1)
