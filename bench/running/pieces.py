"""Trainings of a method as jobs: each leaves a note in the run directory, and what it trained as artifacts.

A job runs the method up to its trainings, does the one that it is named after, and stops; the student's job runs all of
it, and finds the trainings done. So a method has one text, whoever does its parts (D67). A note that is missing costs
that training again, and no result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.distillation.divided import Result
from bench.storage.parcels import Shelf, WorkerShelf

FILE = "training.json"

Slot = tuple[str, str]
"""Name and key of an artifact."""


class Enough(Exception):  # noqa: N818 - nothing is wrong
    """The training that a job is named after is done; what the method would do next is another job's."""


def note_slot(teacher: str, training: str) -> Slot:
    """Return where the note of a training lies."""
    return "training", json.dumps([teacher, training])


def artifacts(shelf: Shelf, teacher: str, training: str) -> list[Slot] | None:
    """Return the note and the artifacts that a finished training left; None where it is not finished."""
    note = _note(shelf, teacher, training)
    return None if note is None else [note_slot(teacher, training), *((name, key) for name, key in note["artifacts"])]


@dataclass(frozen=True)
class Kept:
    """A `bench.distillation.divided.Keeper` for one job."""

    shelf: WorkerShelf
    teacher: str
    only: str | None = None
    """The training that this job is named after; None: the student is made, of all of them."""

    def __call__(self, names: Sequence[str], train: Callable[[int], Result]) -> list[Result]:
        """Do the job's one training, and stop; or return all results."""
        if self.only is None:
            return [self._result(name, place, train) for place, name in enumerate(names)]
        if self.only in names:
            self._do(train(names.index(self.only)), self.only)
        raise Enough

    def _result(self, name: str, place: int, train: Callable[[int], Result]) -> Result:
        note = _note(self.shelf, self.teacher, name)
        known: Any = None if note is None else note["numbers"]
        return train(place) if known is None else known  # experts are kept by the teacher: their training is a look-up

    def _do(self, result: object, name: str) -> None:
        made = [(parcel.name, parcel.key) for parcel in self.shelf.made]
        content = {"numbers": result if isinstance(result, dict) else None, "artifacts": made}

        def write(folder: Path) -> None:
            (folder / FILE).write_text(json.dumps(content) + "\n")

        self.shelf.save_artifact(*note_slot(self.teacher, name), write)


def _note(shelf: Shelf, teacher: str, training: str) -> dict[str, Any] | None:
    folder = shelf.artifact(*note_slot(teacher, training))
    if folder is None or not (folder / FILE).is_file():
        return None
    found: dict[str, Any] = json.loads((folder / FILE).read_text())
    return found
