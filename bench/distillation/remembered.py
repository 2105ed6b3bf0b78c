"""A teacher whose experts and answers are artifacts of the run directory: made once, for all methods that need them.

Variants of MoEKD that differ in router, aggregation, temperature or size, `ensemble-kd` and a run that goes on thus
share experts and soft targets. An artifact is named by all that it depends on; numbers are .npy without pickle.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.distillation.teachers import FineTuned
from bench.networks import models
from bench.networks.models import Network
from bench.storage.parcels import Shelf
from bench.types import Probabilities, Recipe, Sample

Compute = Callable[[Sequence[str]], NDArray[np.float64]]
NUMBERS = "numbers.npy"


def shelved(shelf: Shelf, name: str, key: str, write: Callable[[Path], None]) -> Path:
    """Return an artifact's directory, made first where it is missing."""
    return shelf.artifact(name, key) or shelf.save_artifact(name, key, write)


@dataclass(frozen=True)
class _Answers:
    """Numbers about programs, by who gives them."""

    shelf: Shelf
    key: str
    """Everything that the network depends on."""

    def of(self, kind: str, programs: Sequence[str], compute: Compute) -> NDArray[np.float64]:
        """Return one row per program, computed unless it is on the shelf."""

        def write(folder: Path) -> None:
            np.save(folder / NUMBERS, compute(programs), allow_pickle=False)

        folder = shelved(self.shelf, kind, json.dumps([self.key, kind, digest(programs)]), write)
        found: NDArray[np.float64] = np.load(folder / NUMBERS, allow_pickle=False)
        return found


@dataclass(frozen=True)
class Remembered:
    """A teacher in the sense of `bench.types.Teacher`."""

    made: FineTuned
    shelf: Shelf
    key: str
    """Everything that the teacher depends on."""

    @property
    def graph(self) -> bool:
        """Whether it reads data flow beside the text."""
        return self.made.graph

    @property
    def facts(self) -> Mapping[str, float]:
        """What is known of the encoder's pre-training."""
        return self.made.facts

    @property
    def network(self) -> Network:
        """The fine-tuned classifier alone."""
        return self.made.network

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge n programs, shape (n, 2)."""
        return self.made.probabilities(programs)

    def logits(self, programs: Sequence[str]) -> NDArray[np.float64]:
        """Shape (n,): log-odds of "vulnerable" at temperature 1."""
        return _Answers(self.shelf, self.key).of("logits", programs, self.made.logits)

    def embed(self, programs: Sequence[str]) -> NDArray[np.float64]:
        """Shape (n, d): mean-pooled last layer of the encoder before fine-tuning."""
        return _Answers(self.shelf, self.key).of("embedding", programs, self.made.embed)

    def specialise(
        self,
        samples: Sequence[Sample],
        weights: NDArray[np.float64],
        valid: Sequence[Sample],
        recipe: Recipe,
        seed: int,
    ) -> RememberedExpert:
        """Return the expert of these samples and weights, fine-tuned now unless it is on the shelf."""
        taught = [digest([f"{one.label}{one.code}" for one in part]) for part in (samples, valid)]
        weighed = hashlib.sha256(np.asarray(weights, dtype=np.float64).tobytes()).hexdigest()
        key = json.dumps([self.key, *taught, weighed, asdict(recipe), seed], sort_keys=True)

        def write(folder: Path) -> None:
            models.save(self.made.specialise(samples, weights, valid, recipe, seed), folder)

        return RememberedExpert(shelved(self.shelf, "expert", key, write), self.shelf, key, self.made.network.device)


@dataclass(frozen=True)
class RememberedExpert:
    """An expert in the sense of `bench.types.Expert`; its network is loaded only for programs it has not judged yet."""

    folder: Path
    shelf: Shelf
    key: str
    """Everything that the expert depends on."""
    device: str

    @functools.cached_property
    def network(self) -> Network:
        """The expert's classifier."""
        found = models.load(self.folder, self.device)
        if not isinstance(found, Network):
            raise TypeError(f"expected a network in {self.folder}")
        return found

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge n programs, shape (n, 2)."""
        return self.network.probabilities(programs)

    def logits(self, programs: Sequence[str]) -> NDArray[np.float64]:
        """Shape (n,): log-odds of "vulnerable" at temperature 1."""
        return _Answers(self.shelf, self.key).of("logits", programs, self._logits)

    def _logits(self, programs: Sequence[str]) -> NDArray[np.float64]:
        return self.network.logits(programs)


def digest(texts: Sequence[str]) -> str:
    """Return the SHA-256 of texts in their order, whatever characters are in them."""
    found = hashlib.sha256()
    for text in texts:
        content = text.encode("utf-8", errors="surrogatepass")
        found.update(len(content).to_bytes(8, "big") + content)
    return found.hexdigest()
