"""A pre-training that is under way, on disk: what was asked for, how long it shall take, its last checkpoint.

It lies beside the output, as OUTPUT.unfinished, until that is complete. The same command goes on from it; any other one
is refused. Everything is written whole or not at all, and nothing of it can hold code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bench.pretraining.pretrain import Training
from bench.storage.files import intact, saving, sweep, write_atomically, write_directory
from bench.types import UsageError

Point = dict[str, float]
"""One point of the curve: step, tokens, held_out_loss."""


@contextmanager
def working_on(output: Path, settings: Mapping[str, object]) -> Iterator[Unfinished]:
    """Make the folder for these settings, or take the one that is there; nobody else has it inside the block.

    Raises:
        UsageError: it was begun with other settings, or another process is at work on it.
    """
    found = Unfinished(unfinished(output))
    with saving(found.folder):
        found.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(found.folder / ".lock", timeout=0):
            sweep(found.folder)
            found.check(settings)
            yield found
    except Timeout as error:
        raise UsageError(f"expected {found.folder} to be free, but a process trains there: wait for it") from error


def unfinished(output: Path) -> Path:
    """Return the folder in which an output is under way."""
    return output.with_name(output.name + ".unfinished")


@dataclass(frozen=True)
class Unfinished:
    """The folder of one pre-training."""

    folder: Path

    def check(self, settings: Mapping[str, object]) -> None:
        """Note the settings, or compare them with those that are noted.

        Raises:
            UsageError: they differ.
        """
        known = self.read("settings")
        if known is None:
            self.write("settings", settings)
            return
        for name in sorted({*known, *settings}):
            if known.get(name) != settings.get(name):
                raise UsageError(
                    f"expected {name} {known.get(name)!r} as when {self.folder.name} was begun, got "
                    f"{settings.get(name)!r}: give the same command, another --output, or remove that folder"
                )

    def read(self, name: str) -> dict[str, Any] | None:
        """Return what was noted under this name; None if nothing was."""
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def write(self, name: str, facts: Mapping[str, object]) -> None:
        """Note facts under a name."""
        write_atomically(self.folder / f"{name}.json", (json.dumps(facts, indent=1) + "\n").encode())

    def save(self, training: Training, curve: list[Point], seconds: float) -> None:
        """Keep a checkpoint; `seconds` were spent on training so far."""
        state = {"step": training.step, "tokens": training.tokens, "curve": curve, "seconds": seconds}

        def write(folder: Path) -> None:
            training.save(folder)
            (folder / "state.json").write_text(json.dumps(state) + "\n", encoding="utf-8")

        write_directory(self.folder / "checkpoint", write)

    def load(self, training: Training) -> tuple[list[Point], float]:
        """Put the last checkpoint into `training`; return its curve and seconds, none of either without checkpoint."""
        folder = self.folder / "checkpoint"
        if not intact(folder):
            return [], 0.0
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        training.load(folder, state["step"], state["tokens"])
        return state["curve"], state["seconds"]
