"""Teachers: an encoder, the single teacher fine-tuned from it, and experts fine-tuned from it on demand.

A teacher is made once per run from the labelled half and is the same for every method and every seed (protocol,
"Every method gets the same"). Artifacts, and answers that are computed once, are `bench.distillation.remembered`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.distillation.distill import Lesson, fit
from bench.networks.encoders import Encoder
from bench.networks.graph_inputs import GraphInputs
from bench.networks.models import Network
from bench.rng import derive
from bench.types import Probabilities, Recipe, Sample

TEACHER_SEED = 0


@dataclass(frozen=True)
class FineTuned:
    """A teacher in the sense of `bench.types.Teacher`."""

    encoder: Encoder
    network: Network

    @property
    def graph(self) -> bool:
        """Whether it reads data flow beside the text."""
        return isinstance(self.encoder.inputs, GraphInputs)

    @property
    def facts(self) -> Mapping[str, float]:
        """What is known of the encoder's pre-training."""
        return self.encoder.facts

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge n programs, shape (n, 2)."""
        return self.network.probabilities(programs)

    def logits(self, programs: Sequence[str]) -> NDArray[np.float64]:
        """Shape (n,): log-odds of "vulnerable" at temperature 1."""
        return self.network.logits(programs)

    def embed(self, programs: Sequence[str]) -> NDArray[np.float64]:
        """Shape (n, d): mean-pooled last layer of the encoder before fine-tuning."""
        return self.encoder.embed(programs)

    def specialise(
        self,
        samples: Sequence[Sample],
        weights: NDArray[np.float64],
        valid: Sequence[Sample],
        recipe: Recipe,
        seed: int,
    ) -> Network:
        """Fine-tune a fresh copy of the encoder on samples of the given weights, shape (n,)."""
        return fine_tune(self.encoder, samples, weights, valid, recipe, seed, "expert")


def fine_tune(
    encoder: Encoder,
    samples: Sequence[Sample],
    weights: NDArray[np.float64],
    valid: Sequence[Sample],
    recipe: Recipe,
    seed: int,
    label: str,
) -> Network:
    """Train a classifier from an encoder on labelled samples; all parameters train."""
    network = encoder.classifier(recipe, derive(seed, "head"))
    encoded = encoder.inputs.encode([sample.code for sample in samples])
    targets = np.array([float(sample.label) for sample in samples])
    return fit(network, Lesson(encoded, targets, weights), valid, recipe, seed, label)


def single_teacher(
    name: str, encoder: Encoder, labelled: Sequence[Sample], valid: Sequence[Sample], recipe: Recipe
) -> FineTuned:
    """Fine-tune the one teacher of the baselines on the labelled half."""
    seed = derive(TEACHER_SEED, name, "teacher")
    network = fine_tune(encoder, labelled, np.ones(len(labelled)), valid, recipe, seed, f"teacher {name}")
    return FineTuned(encoder, network)
