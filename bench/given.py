"""A model that somebody else finished, where a run otherwise makes students."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from bench.config import Model
from bench.evaluate import Measured
from bench.plugins import load_object
from bench.store import Cell
from bench.types import Classifier
from bench.victims import VictimOptions, load_victim

READ = ("*.json", "*.safetensors", "*.bin", "*.txt")
"""Files of a Hugging Face directory that decide what the model answers."""


@dataclass(frozen=True)
class Loaded:
    """Loads the model, in whatever process this is called."""

    model: Model
    device: str

    def __call__(self) -> Classifier:
        """Load it; see `bench.victims.load_victim`."""
        model = self.model
        if is_python(model):
            made: Classifier = load_object(model.source, "probabilities")
            return made
        options = VictimOptions(model.vulnerable_label, model.revision, model.whitespace, model.max_tokens)
        return load_victim(model.source, options, self.device)


@dataclass(frozen=True)
class Given:
    """The one classifier of a run that only attacks."""

    model: Model
    device: str

    def source(self, cell: Cell) -> Loaded:
        """Return the model, whatever cell it is."""
        return Loaded(self.model, self.device)

    def facts(self, cell: Cell) -> list[Measured]:
        """Nothing is known about how it was made."""
        return []


def is_python(model: Model) -> bool:
    """Whether it is named as package.module:factory, and no directory of that name is there."""
    return ":" in model.source and not Path(model.source).exists()


def fingerprint(where: str) -> str:
    """SHA-256 of a file, or of a model's directory, so that another one under the same path is noticed; else empty."""
    path = Path(where)
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for file in sorted(file for pattern in READ for file in path.glob(pattern)):
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest() if path.is_dir() else ""
