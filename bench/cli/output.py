"""What commands print when they are done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.storage.store import Store


def show(store: Store, *others: Store, out: Path | None = None) -> None:
    """Write the tables, print the main ones, and say where the files are; several runs are shown as one."""
    from bench.report import overview, write

    folder = out or store.root / "tables"
    files = write(store, folder, *others)
    print(overview(store, *others))
    for repair in (repair for one in (store, *others) for repair in one.repairs):
        print(f"note: {repair}")
    kinds = ", ".join(sorted({file.suffix for file in files}))
    print(f"{len(files)} files in {folder} ({kinds}); everything that was measured is in {store.root}")
