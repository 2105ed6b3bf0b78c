"""What may be given away of a run on other people's programs: every number, and none of the programs.

Outcomes lose the adversarial program and keep how many loci it changed; report.html, which shows programs side by side,
stays at home, and so do checkpoints. The manifest names the data by their folder alone: where that lay says something
about a machine, and nothing about a number.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from bench.config import restore
from bench.report import contents, save
from bench.storage.cells import cells
from bench.storage.manifest import NAME
from bench.storage.schema import canonical, dump
from bench.storage.store import Store
from bench.types import UsageError

OUTCOMES = "outcomes.jsonl.gz"
KEPT_BACK = ("report.html", "report.json", ".pdf")
"""Endings of the files of a report that are left out: programs, and second copies of tables and pictures."""


def publish(store: Store, out: Path) -> list[Path]:
    """Write manifest, records, outcomes without programs and tables of a run into `out`; return the files.

    The same run gives the same bytes. Records and tables of a run that was published there before go.

    Raises:
        UsageError: `out` is a run, this one or another, or cannot be written.
    """
    if out.resolve() == store.root.resolve():
        raise UsageError(f"expected another place than the run for --output, got {out}: name a new directory")
    if (out / NAME).exists() and not (out / OUTCOMES).is_file():
        raise UsageError(f"expected a new or a published directory for --output, got the run {out}: name another")
    records = {file.name: file.read_bytes() for file in sorted((store.root / "records").glob("*.json"))}
    tables = {name: content for name, content in contents(store).items() if not name.endswith(KEPT_BACK)}
    whole = {NAME: _manifest(store), OUTCOMES: gzip.compress(_outcomes(store), mtime=0)}
    before = (out / NAME).exists()
    files = [*save(out, whole), *save(out / "records", records), *save(out / "tables", tables)]
    if before:
        _drop(out / "records", records)
        _drop(out / "tables", tables)
    return files


def _drop(folder: Path, wanted: Collection[str]) -> None:
    """Delete what an earlier publication left and this one does not hold."""
    for file in folder.iterdir() if folder.is_dir() else ():
        if file.is_file() and file.name not in wanted:
            try:
                file.unlink()
            except OSError as error:
                raise UsageError(f"expected to delete {file}, got {error.strerror}: delete it yourself") from error


def _manifest(store: Store) -> bytes:
    told = asdict(store.manifest)
    if data := told["experiment"].get("data"):
        told["experiment"]["data"] = Path(data).name
    return (json.dumps(told, indent=1, allow_nan=False) + "\n").encode()


def _outcomes(store: Store) -> bytes:
    lines = []
    for cell in cells(restore(store.manifest.experiment, store.root)):
        for outcome in store.outcomes(cell) if cell.kind == "attack" else ():
            told = {**dump(outcome), "cell": cell.name, "changed": len(outcome.changed)}
            del told["adversarial"]
            lines.append(canonical(told) + "\n")
    return "".join(lines).encode()
