"""The result store: one directory per run, whose finished cells are never computed twice.

    manifest.json             what was asked for, with which data, versions and commit
    records/<cell>.json       numbers of a finished cell, with their checksum
    outcomes/<cell>.jsonl     attacked samples, one line each, appended while the attack goes on
    predictions/<cell>.json   how the classifier of a clean cell judged each test sample, with their checksum
    originals.json            the attacked programs as they were
    artifacts/<name>-<hash>/  checkpoints and the like, with a checksum per file
    tables/                   written by `bench report`

What cannot be trusted (truncated, changed) counts as not done and is named in `Store.repairs`. One process at a time
writes; its lock goes when it dies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.results import Outcome, Predictions, Record
from bench.storage.files import artifact_folder, file_digest, intact, saving, slug, write_atomically, write_directory
from bench.storage.manifest import NAME, Request, agree, begin, read_manifest
from bench.storage.rundir import acquire, prepare, refuse_links, sweep_all
from bench.storage.schema import SCHEMA, Manifest, canonical, digest, dump, load, sealed

if TYPE_CHECKING:
    from filelock import BaseFileLock


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
        prepare(root)
        lock = acquire(root)
        try:
            manifest = begin(experiment, facts)
            if (root / NAME).exists():
                manifest = agree(read_manifest(root), manifest, root)
            write_atomically(root / NAME, (json.dumps(asdict(manifest), indent=1, allow_nan=False) + "\n").encode())
        except BaseException:
            lock.release()
            raise
        store = cls(root, manifest, _lock=lock)
        if leftovers := sweep_all(root):
            store.repairs.append(f"removed {leftovers} half-written file(s) of an interrupted run")
        return store

    @classmethod
    def read(cls, root: Path) -> Store:
        """Open a run directory for reading; nothing is changed, damaged cells count as unfinished."""
        manifest = read_manifest(root)
        refuse_links(root)
        return cls(root, manifest)

    def close(self) -> None:
        """Let another process write; the store can still be read."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def has(self, cell: Cell) -> bool:
        """Tell whether the cell is finished: its records, and the predictions or outcomes below them, are intact."""
        if self._load(self._records(cell)) is None:
            return False
        return self.predictions(cell) is not None if cell.kind == "clean" else self._agrees(cell)

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
        content = sealed(asdict(cell), "records", [dump(record) for record in records])
        content["outcomes"] = file_digest(self._outcomes(cell))
        write_atomically(self._records(cell), (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())

    def predictions(self, cell: Cell) -> Predictions | None:
        """Return how each clean sample was judged; None where that is missing, and with a note where it is damaged."""
        path = self._predictions(cell)
        raw = self._unseal(path, "predictions")
        try:
            return None if raw is None else load(Predictions, raw)
        except ValueError:
            self._damaged(path)
            return None

    def keep(self, cell: Cell, predictions: Predictions) -> None:
        """Keep how each clean sample was judged, before `put` finishes the cell."""
        self._writable()
        content = sealed(asdict(cell), "predictions", dump(predictions))
        write_atomically(self._predictions(cell), (canonical(content) + "\n").encode())

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
        path = self.root / "artifacts" / artifact_folder(name, key)
        if not path.is_dir() or intact(path):
            return path if path.is_dir() else None
        self._note(f"{path.name} does not match its checksums: made again")
        if self._lock is not None:
            shutil.rmtree(path)
        return None

    def save_artifact(self, name: str, key: str, write: Callable[[Path], None]) -> Path:
        """Let `write` fill an empty directory, and keep it as a whole or not at all."""
        self._writable()
        path = self.root / "artifacts" / artifact_folder(name, key)
        write_directory(path, write)
        return path

    def _records(self, cell: Cell) -> Path:
        return self.root / "records" / f"{cell.name}.json"

    def _outcomes(self, cell: Cell) -> Path:
        return self.root / "outcomes" / f"{cell.name}.jsonl"

    def _predictions(self, cell: Cell) -> Path:
        return self.root / "predictions" / f"{cell.name}.json"

    def _writable(self) -> None:
        if self._lock is None:
            raise ValueError(f"{self.root} was opened for reading")

    def _note(self, line: str) -> None:
        if line not in self.repairs:
            self.repairs.append(line)

    def _load(self, path: Path) -> list[Record] | None:
        """Read a file of records; None where it is missing, and None with a note where it is damaged."""
        rows = self._unseal(path, "records")
        try:
            return None if rows is None else [load(Record, row) for row in rows]
        except (ValueError, TypeError):
            self._damaged(path)
            return None

    def _unseal(self, path: Path, kind: str) -> Any:
        """Read what `sealed` made; None where it is missing, and None with a note where it is damaged."""
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            rows, cell = content[kind], Cell(**content["cell"])
            if content["schema"] == SCHEMA and content["sha256"] == digest(rows) and f"{cell.name}.json" == path.name:
                return rows
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass
        self._damaged(path)
        return None

    def _damaged(self, path: Path) -> None:
        self._note(f"{path.name} is damaged: counted as not finished")

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

    def _agrees(self, cell: Cell) -> bool:
        """Tell whether a cell's outcomes are those that its records count; forget all of them where they are not."""
        path = self._outcomes(cell)
        found = file_digest(path)
        if json.loads(self._records(cell).read_text(encoding="utf-8")).get("outcomes", found) == found:
            return True
        self._note(f"{path.name} does not match its records: attacked again")
        if self._lock is not None:
            path.unlink(missing_ok=True)
        return False

    def _trim(self, path: Path) -> None:
        """Cut off what follows the last intact line."""
        if path.is_file() and (size := self._finished(path)[1]) < path.stat().st_size:
            with path.open("r+b") as file:
                file.truncate(size)
