"""Artifacts on their way between the process that owns a run directory and those that work for it.

A worker reads the run directory where it can see it, and otherwise gets the artifacts it needs as bytes; it never
writes there. What it makes goes back as bytes, and the owner saves it. Leaves out any caching on a worker's disk:
what was loaded is kept in its memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from bench.storage.files import TEMPORARY, artifact_folder, checksums, intact, write_directory


@dataclass(frozen=True)
class Parcel:
    """A whole artifact in memory; two of equal content are equal."""

    name: str
    key: str
    digest: str
    """SHA-256 over names and content of the files."""
    files: Mapping[str, bytes] = field(repr=False, compare=False)
    """Relative path to content."""

    def unpack(self, folder: Path) -> None:
        """Write the files into an empty directory."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def pack(folder: Path, name: str, key: str) -> Parcel:
    """Read an artifact."""
    sums = checksums(folder)
    digest = hashlib.sha256(json.dumps(sums).encode()).hexdigest()
    return Parcel(name, key, digest, {file: (folder / file).read_bytes() for file in sums})


class Shelf(Protocol):
    """Where artifacts are kept: a `bench.storage.store.Store`, or a worker's."""

    def artifact(self, name: str, key: str) -> Path | None:
        """Return the directory of a finished artifact, if there is one."""
        ...

    def save_artifact(self, name: str, key: str, write: Callable[[Path], None]) -> Path:
        """Let `write` fill an empty directory, and keep it as a whole or not at all."""
        ...


@dataclass
class WorkerShelf:
    """What a worker has instead of a `bench.storage.store.Store`: artifacts to read, and room for new ones."""

    own: Path
    """A directory of its own."""
    run: Path | None
    """The artifacts of the run directory, where this process sees them."""
    made: list[Parcel] = field(default_factory=list)
    """What was saved here."""

    def artifact(self, name: str, key: str) -> Path | None:
        """Return the directory of an intact artifact, if there is one."""
        places = [place / artifact_folder(name, key) for place in (self.own, self.run) if place is not None]
        return next((place for place in places if place.is_dir() and intact(place)), None)

    def save_artifact(self, name: str, key: str, write: Callable[[Path], None]) -> Path:
        """Let `write` fill an empty directory, and keep it until the job ends."""
        path = self.own / artifact_folder(name, key)
        write_directory(path, write)
        self.made.append(pack(path, name, key))
        return path


@contextmanager
def worker_shelf(run: Path | None, parcels: Sequence[Parcel] = ()) -> Iterator[WorkerShelf]:
    """Open a shelf for one job, with these artifacts on it; its directory is removed with whatever was made there.

    Where the run directory is seen, its own sweeping removes what a killed worker leaves.
    """
    with TemporaryDirectory(prefix=TEMPORARY, dir=run) as own:
        for parcel in parcels:
            write_directory(Path(own) / artifact_folder(parcel.name, parcel.key), parcel.unpack)
        yield WorkerShelf(Path(own), run)
