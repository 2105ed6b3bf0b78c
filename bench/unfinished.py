"""A pre-training that is under way, on disk: what was asked for, how long it shall take, its last checkpoint.

It lies beside the output, as OUTPUT.unfinished, until that is complete. The same command goes on from it; any other one
is refused. Everything is written whole or not at all, and nothing of it can hold code.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.files import intact, saving, sweep, write_atomically, write_directory
from bench.pretrain import Training
from bench.types import UsageError

Point = dict[str, float]
"""One point of the curve: step, tokens, held_out_loss."""


class Unfinished:
    """The folder of one pre-training."""

    def __init__(self, output: Path, settings: Mapping[str, object]) -> None:
        """Make the folder for these settings, or take the one that is there.

        Raises:
            UsageError: it was begun with other settings.
        """
        self.folder = output.with_name(output.name + ".unfinished")
        with saving(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        sweep(self.folder)
        self._write_or_compare(dict(settings))

    def _write_or_compare(self, settings: dict[str, object]) -> None:
        known = self.read("settings")
        if known is None:
            self.write("settings", settings)
            return
        settings = json.loads(json.dumps(settings))
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

    def remove(self) -> None:
        """Forget all of it."""
        shutil.rmtree(self.folder)
