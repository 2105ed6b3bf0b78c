"""A model that somebody else finished, where a run otherwise makes students."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import index
from pathlib import Path

from bench.config import Model
from bench.measuring.evaluate import Measured
from bench.measuring.metrics import checked
from bench.networks.models import INPUTS_FILE, Network
from bench.networks.victims import Victim, VictimOptions, load_victim
from bench.networks.windows import Windowed
from bench.plugins import PluginError, load_object, source_file, theirs
from bench.storage.store import Cell
from bench.types import Classifier, Probabilities, UsageError

READ = ("*.json", "*.safetensors", "*.bin", "*.txt")
"""Files of a Hugging Face directory that decide what the model answers."""


@dataclass(frozen=True)
class Loaded:
    """Loads the model, in whatever process this is called."""

    model: Model
    device: str
    fingerprint: str = ""
    """Tells two models apart that lie at the same place one after the other."""

    def __call__(self) -> Classifier:
        """Load it; see `bench.networks.victims.load_victim`."""
        model = self.model
        own = is_python(model) or (Path(model.source) / INPUTS_FILE).is_file()
        if own and model != Model(model.source):
            raise UsageError(
                f"expected no --vulnerable-label, --whitespace, --max-tokens or --revision with {model.source!r}, "
                "which is read without them: leave them out"
            )
        if is_python(model):
            made: Classifier = load_object(model.source, "probabilities")
            return made if isinstance(made, Network | Victim) else Foreign(model.source, made)
        options = VictimOptions(model.vulnerable_label, model.revision, model.whitespace, model.max_tokens)
        return load_victim(model.source, options, self.device)

    @property
    def folder(self) -> str:
        """Where it lies, if it is a directory."""
        return self.model.source

    def at(self, folder: Path) -> Loaded:
        """Return the same model, lying elsewhere."""
        return replace(self, model=replace(self.model, source=str(folder)))


@dataclass(frozen=True)
class Foreign:
    """A classifier of the user's own: whatever its code does is told in one line, and its answers are looked at."""

    spec: str
    """package.module:factory."""
    classifier: Classifier

    def __post_init__(self) -> None:
        """Have a window only if the classifier has one."""
        if isinstance(self.classifier, Windowed):
            object.__setattr__(self, "visible", self._visible)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge n programs, shape (n, 2); raises `bench.plugins.PluginError` with the place of one that fails."""
        try:
            return self._asked(programs)
        except PluginError as error:
            raise PluginError(self.spec, error.reason, place=self._failing(programs)) from error

    def _asked(self, programs: Sequence[str]) -> Probabilities:
        with theirs(self.spec):
            found = self.classifier.probabilities(programs)
            try:
                return checked(found, len(programs))
            except UsageError as error:
                raise PluginError(self.spec, str(error).partition(": mend")[0]) from error

    def _failing(self, programs: Sequence[str]) -> int | None:
        """Return the place of a program that is in the way, by halves; None where they fail in company only."""
        start, end = 0, len(programs)
        while end - start > 1:
            middle = (start + end) // 2
            try:
                self._asked(programs[start:middle])
            except PluginError:
                end = middle
            else:
                start = middle
        try:
            self._asked(programs[start:end])
        except PluginError:
            return start
        return None

    def _visible(self, program: str) -> int:
        with theirs(self.spec):
            return index(self.classifier.visible(program))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Given:
    """The one classifier of a run that only attacks."""

    model: Model
    device: str

    def source(self, cell: Cell) -> Loaded:
        """Return the model, whatever cell it is."""
        return Loaded(self.model, self.device, fingerprint(self.model.source))

    def facts(self, cell: Cell) -> list[Measured]:
        """Nothing is known about how it was made."""
        return []


def is_python(model: Model) -> bool:
    """Whether it is named as package.module:factory, and no directory of that name is there."""
    return ":" in model.source and not Path(model.source).exists()


def fingerprint(where: str) -> str:
    """SHA-256 of a file, a model's directory or a factory's module; empty for what is not on this machine."""
    path = Path(where)
    files = sorted(file for pattern in READ for file in path.glob(pattern)) if path.is_dir() else []
    if not path.exists() and ":" in where:
        path = source_file(where) or path
    files = [path] if path.is_file() else files
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(file.name.encode() + b"\0" + hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest() if files else ""
