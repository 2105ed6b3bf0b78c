"""The result store: one directory per run, whose finished cells are never computed twice.

    manifest.json             what was asked for, with which data, versions and commit
    records/<cell>.json       numbers of a finished cell, with their checksum
    outcomes/<cell>.jsonl     attacked samples, one line each, appended while the attack goes on
    artifacts/<name>-<hash>/  checkpoints and the like, with a checksum per file
    tables/                   written by `bench report`

Whatever cannot be trusted (truncated, changed, half-written) counts as not done, is done again and is named in
`Store.repairs`. One process at a time writes; its lock goes when it dies. Leaves out the merging of several runs.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.files import TEMPORARY, intact, saving, slug, sweep, write_atomically, write_directory
from bench.manifest import NAME, Request, agree, begin, read_manifest
from bench.results import Outcome, Record
from bench.schema import SCHEMA, Manifest, canonical, dump, load
from bench.types import UsageError

if TYPE_CHECKING:
    from filelock import BaseFileLock

FOLDERS = ("records", "outcomes", "artifacts", "tables")
LOCK = ".lock"
LEAST_FREE = 200_000_000
"""Bytes of free disk below which a run does not start."""


@dataclass(frozen=True)
class Cell:
    """One unit of work of a run: it is finished as a whole or not at all."""

    teacher: str
    """Registry name or path."""
    method: str
    seed: int
    attack: str = ""
    """Empty unless kind is "attack" or "optimum"."""
    kind: Literal["clean", "attack", "optimum", "speed"] = "clean"

    @property
    def name(self) -> str:
        """File name without its ending; different cells have different names, whatever the teacher is called."""
        parts = [slug(self.teacher), slug(self.method), f"s{self.seed}", self.kind]
        return ".".join([*parts, slug(self.attack)] if self.attack else parts)


@dataclass
class Store:
    """A run directory. `open` it to write, `read` it to look."""

    root: Path
    manifest: Manifest
    repairs: list[str] = field(default_factory=list)
    """What was found damaged and will be done again, one line each."""
    _lock: BaseFileLock | None = None
    """None: opened for reading, changes nothing."""
    _trimmed: set[str] = field(default_factory=set)
    """Outcome files whose unfinished last line, if any, is cut off."""

    @classmethod
    def open(cls, root: Path, experiment: Request, facts: Mapping[str, object]) -> Store:
        """Create a run directory or continue one, for this process alone.

        `facts` needs "sha256" (of the task's rows); see `Manifest.facts` for the others. Raises `UsageError` where the
        directory cannot be written, is in use, is something else, or holds a run with other settings.
        """
        _prepare(root)
        lock = _acquire(root)
        try:
            manifest = begin(experiment, facts)
            if (root / NAME).exists():
                manifest = agree(read_manifest(root), manifest, root)
            write_atomically(root / NAME, (json.dumps(asdict(manifest), indent=1, allow_nan=False) + "\n").encode())
        except BaseException:
            lock.release()
            raise
        store = cls(root, manifest, _lock=lock)
        if leftovers := sum(sweep(folder) for folder in (root, *(root / name for name in FOLDERS))):
            store.repairs.append(f"removed {leftovers} half-written file(s) of an interrupted run")
        return store

    @classmethod
    def read(cls, root: Path) -> Store:
        """Open a run directory for reading; nothing is changed, damaged cells count as unfinished."""
        return cls(root, read_manifest(root))

    def close(self) -> None:
        """Let another process write; the store can still be read."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def has(self, cell: Cell) -> bool:
        """Tell whether the cell is finished and its records are intact."""
        return self._load(self._records(cell)) is not None

    def records(self, cell: Cell) -> list[Record]:
        """Return the numbers of a cell; none where it is not finished."""
        return self._load(self._records(cell)) or []

    def all_records(self) -> list[Record]:
        """Return the numbers of all finished cells, ordered by cell name."""
        files = sorted((self.root / "records").glob("*.json"))
        return [record for file in files if not file.name.startswith(".") for record in self._load(file) or []]

    def put(self, cell: Cell, records: Sequence[Record]) -> None:
        """Finish a cell: after this, and not before, `has` is true."""
        self._writable()
        rows = [dump(record) for record in records]
        content = {"schema": SCHEMA, "cell": asdict(cell), "sha256": _digest(rows), "records": rows}
        write_atomically(self._records(cell), (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())

    def outcomes(self, cell: Cell) -> list[Outcome]:
        """Return the samples that were attacked so far, in order; what follows a damaged line is dropped."""
        path = self._outcomes(cell)
        return self._finished(path)[0] if path.is_file() else []

    def append(self, cell: Cell, outcome: Outcome) -> None:
        """Keep one attacked sample; it survives the death of this process."""
        self._writable()
        path = self._outcomes(cell)
        with saving(path):
            if path.name not in self._trimmed:
                self._trim(path)
            self._trimmed.discard(path.name)
            with path.open("ab") as file:
                file.write((canonical(dump(outcome)) + "\n").encode())
                file.flush()
            self._trimmed.add(path.name)

    def artifact(self, name: str, key: str) -> Path | None:
        """Return the directory of a finished artifact; None where there is none or it does not match its checksums.

        `key` is everything that the content depends on. A damaged artifact is removed and named in `repairs`.
        """
        path = self._artifact(name, key)
        if not path.is_dir() or intact(path):
            return path if path.is_dir() else None
        self._note(f"{path.name} does not match its checksums: made again")
        if self._lock is not None:
            shutil.rmtree(path)
        return None

    def save_artifact(self, name: str, key: str, write: Callable[[Path], None]) -> Path:
        """Let `write` fill an empty directory, and keep it as a whole or not at all."""
        self._writable()
        path = self._artifact(name, key)
        write_directory(path, write)
        return path

    def _records(self, cell: Cell) -> Path:
        return self.root / "records" / f"{cell.name}.json"

    def _outcomes(self, cell: Cell) -> Path:
        return self.root / "outcomes" / f"{cell.name}.jsonl"

    def _artifact(self, name: str, key: str) -> Path:
        return self.root / "artifacts" / f"{slug(name)}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"

    def _writable(self) -> None:
        if self._lock is None:
            raise ValueError(f"{self.root} was opened for reading")

    def _note(self, line: str) -> None:
        if line not in self.repairs:
            self.repairs.append(line)

    def _load(self, path: Path) -> list[Record] | None:
        """Read a file of records; None where it is missing, and None with a note where it is damaged."""
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            rows, cell = content["records"], Cell(**content["cell"])
            if content["schema"] != SCHEMA or content["sha256"] != _digest(rows) or f"{cell.name}.json" != path.name:
                raise ValueError("checksum, schema or name")
            return [load(Record, row) for row in rows]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            self._note(f"{path.name} is damaged: counted as not finished")
            return None

    def _finished(self, path: Path) -> tuple[list[Outcome], int]:
        """Return the intact outcomes at the head of a file, and how many bytes they take."""
        outcomes: list[Outcome] = []
        size, content = 0, path.read_bytes()
        for line in content.splitlines(keepends=True):
            try:
                outcome = load(Outcome, json.loads(line)) if line.endswith(b"\n") else None
            except (ValueError, RecursionError):
                outcome = None
            if outcome is None:
                self._note(f"{path.name} ends in a damaged line: counted as not finished from there")
                break
            outcomes.append(outcome)
            size += len(line)
        return outcomes, size

    def _trim(self, path: Path) -> None:
        """Cut off what follows the last intact line."""
        if path.is_file() and (size := self._finished(path)[1]) < path.stat().st_size:
            with path.open("r+b") as file:
                file.truncate(size)


def _digest(rows: object) -> str:
    return hashlib.sha256(canonical(rows).encode()).hexdigest()


def _prepare(root: Path) -> None:
    """Make the folders of a run, unless there is something else in the way."""
    known = {NAME, LOCK, *FOLDERS}
    try:
        root.mkdir(parents=True, exist_ok=True)
        foreign = [e.name for e in root.iterdir() if e.name not in known and not e.name.startswith(TEMPORARY)]
        if foreign and not (root / NAME).exists():
            raise UsageError(
                f"expected a run directory or an empty one, got {root} with {min(foreign)}: change --output"
            )
        for name in FOLDERS:
            (root / name).mkdir(exist_ok=True)
        free = shutil.disk_usage(root).free
    except OSError as error:
        raise UsageError(f"expected to write to {root}, got {error.strerror}: give another --output") from error
    if free < LEAST_FREE:
        raise UsageError(f"no space left: {root} has {free // 10**6} MB free, a run needs {LEAST_FREE // 10**6} MB")


def _acquire(root: Path) -> BaseFileLock:
    """Take the lock of a run directory, or say that another process has it."""
    from filelock import FileLock, Timeout

    lock = FileLock(root / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(f"another run is writing to {root}: wait for it or give another --output") from error
    except OSError as error:
        raise UsageError(f"expected to lock {root}, got {error.strerror}: give another --output") from error
    return lock
