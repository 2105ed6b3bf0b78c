"""Step 1a of MoEKD: the partition of the input space, one part per expert.

The abstract says "experts on a partition of the input space"; how it is partitioned is our decision D4, and each
alternative is a row of the ablation:

    clusters   k-means on the pre-trained encoder's embedding, standardised and reduced by PCA: similar programs
    random     parts of no meaning, by a hash of the program: what a mixture gains from having several experts at all
    views      each labelled program in one of four forms (clean, renamed, rewritten, both): an expert per form
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.rng import derive
from bench.types import Budget, Perturb, Sample, Teacher, View

PartitionKind = Literal["clusters", "random", "views"]
Parts = NDArray[np.int64]
"""Shape (n,): the part of each program, from 0."""

COMPONENTS = 16
"""Dimensions that k-means sees; nearest neighbours mean little in more (our choice)."""
VIEWS: tuple[View, ...] = get_args(View)


class Partition(Protocol):
    """Divides programs into parts."""

    @property
    def count(self) -> int:
        """Number of parts."""
        ...

    def place(self, samples: Sequence[Sample]) -> tuple[tuple[Sample, ...], Parts]:
        """Return the samples in the form in which they belong to a part, and their parts."""
        ...

    def assign(self, programs: Sequence[str]) -> Parts:
        """Return the parts of programs that stay as they are."""
        ...


def divide(
    kind: PartitionKind, parts: int, teacher: Teacher, samples: Sequence[Sample], budget: Budget, seed: int
) -> Partition:
    """Make the partition of this kind from the labelled programs; there are never more parts than programs."""
    if kind == "views":
        return Views(budget.perturb, seed)
    if kind == "random":
        return Random(min(parts, len(samples)), seed)
    embedding = teacher.embed([sample.code for sample in samples])
    count = min(parts, len(samples))
    return Clusters(count, teacher, cluster(embedding, count, seed))


def cluster(embedding: NDArray[np.float64], parts: int, seed: int) -> Pipeline:
    """Cluster the training programs' embeddings, shape (n, d), into parts."""
    components = min(COMPONENTS, *embedding.shape)
    means = KMeans(parts, n_init=10, random_state=derive(seed, "k-means") % 2**32)
    return make_pipeline(StandardScaler(), PCA(components, svd_solver="full"), means).fit(embedding)


@dataclass(frozen=True)
class Clusters:
    """Similar programs belong together."""

    count: int
    teacher: Teacher
    """Whose encoder, before fine-tuning, says what is similar."""
    pipeline: Pipeline
    """Standardise, PCA, k-means."""

    def place(self, samples: Sequence[Sample]) -> tuple[tuple[Sample, ...], Parts]:
        """Samples stay as they are."""
        return tuple(samples), self.assign([sample.code for sample in samples])

    def assign(self, programs: Sequence[str]) -> Parts:
        """Return the nearest cluster."""
        return np.asarray(self.pipeline.predict(self.teacher.embed(programs)), dtype=np.int64)


@dataclass(frozen=True)
class Random:
    """Chance decides, but always alike for one program."""

    count: int
    seed: int

    def place(self, samples: Sequence[Sample]) -> tuple[tuple[Sample, ...], Parts]:
        """Samples stay as they are."""
        return tuple(samples), self.assign([sample.code for sample in samples])

    def assign(self, programs: Sequence[str]) -> Parts:
        """Draw by a hash of the program."""
        return np.array([derive(self.seed, "part", program) % self.count for program in programs], dtype=np.int64)


@dataclass(frozen=True)
class Views:
    """Each sample is written anew in one of four ways, drawn by a hash of the program; the way is its part."""

    perturb: Perturb
    seed: int

    @property
    def count(self) -> int:
        """One part for each way."""
        return len(VIEWS)

    def place(self, samples: Sequence[Sample]) -> tuple[tuple[Sample, ...], Parts]:
        """Write every sample in the form of its part, and leave the clean ones alone."""
        parts = Random(self.count, self.seed).assign([sample.code for sample in samples])
        placed = list(samples)
        for part, view in enumerate(VIEWS):
            places = np.flatnonzero(parts == part).tolist()
            codes = self.perturb([samples[place].code for place in places], view, self.seed)
            for place, code in zip(places, codes, strict=True):
                placed[place] = replace(samples[place], code=code)
        return tuple(placed), parts

    def assign(self, programs: Sequence[str]) -> Parts:
        """Programs that nobody wrote anew are clean."""
        return np.zeros(len(programs), dtype=np.int64)
