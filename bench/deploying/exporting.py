"""Export a student of a run: choose it, write it in the form asked for, with its card."""

from __future__ import annotations

from pathlib import Path

from bench.deploying.card import Kind, card
from bench.deploying.chosen import choose
from bench.networks.portable import save_onnx, save_transformers
from bench.storage.files import write_directory
from bench.storage.store import Store
from bench.types import UsageError

CARD = "README.md"


def export(run: Path, student: str, kind: Kind, output: Path) -> Path:
    """Write a student of the run directory into `output`, as a whole or not at all, and return `output`.

    Args:
        run: a run directory; it is only read.
        student: a method of the run, or the name of a cell.
        kind: "hf" for plain transformers, "onnx" for onnxruntime.
        output: a directory that is absent or empty.

    Raises:
        UsageError: not a run, no such student, one that cannot be exported, or an output that is in the way.
    """
    store = Store.read(run)
    chosen = choose(store, student)
    network = chosen.network()
    _check_free(output)
    text = card(store, chosen.cell, network, kind)

    def write(folder: Path) -> None:
        (save_transformers if kind == "hf" else save_onnx)(network, folder)
        (folder / CARD).write_text(text, encoding="utf-8")

    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"expected to write to {output}, got {error.strerror}: give another --output") from error
    write_directory(output, write)
    return output


def _check_free(output: Path) -> None:
    if output.is_symlink() or (output.exists() and (not output.is_dir() or any(output.iterdir()))):
        raise UsageError(f"expected a new or empty directory, got {output}: give another --output")
