"""The directory of a run: made with its folders, and locked against a second process that would write to it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from bench.storage.files import TEMPORARY, sweep
from bench.storage.manifest import NAME
from bench.types import UsageError

if TYPE_CHECKING:
    from filelock import BaseFileLock

FOLDERS = ("records", "outcomes", "predictions", "artifacts", "tables")
LOCK = ".lock"
ORIGINALS = "originals.json"
"""Written by `bench.storage.originals`."""
LEAST_FREE = 200_000_000
"""Bytes of free disk below which a run does not start."""


def prepare(root: Path) -> None:
    """Make the folders of a run; `UsageError` where something else is in the way or the disk is nearly full."""
    known = {NAME, LOCK, ORIGINALS, *FOLDERS}
    try:
        root.mkdir(parents=True, exist_ok=True)
        refuse_links(root)
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


def refuse_links(root: Path) -> None:
    """Refuse a run directory with a link in it: what is written, cut or removed there must not lie elsewhere.

    Raises:
        UsageError: naming a link.
    """
    for folder in (root, *(root / name for name in FOLDERS)):
        for entry in sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else ():
            if entry.is_symlink():
                raise UsageError(
                    f"expected a run directory without links, got {entry}: put what it points to there, or give another"
                )


def sweep_all(root: Path) -> int:
    """Remove the half-written files of an interrupted run from all of its folders; return how many there were."""
    return sum(sweep(folder) for folder in (root, *(root / name for name in FOLDERS)))


def acquire(root: Path) -> BaseFileLock:
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
