"""One student of a finished run, as a user names it: by its method, or by its cell where that is not enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.networks.models import Constant, Network, load
from bench.running.students import kept
from bench.storage.store import Cell, Store
from bench.types import UsageError
from bench.variants import parse


@dataclass(frozen=True)
class Chosen:
    """A student and where it lies."""

    cell: Cell
    """Its clean evaluation."""
    folder: Path

    def network(self) -> Network:
        """Load it on the CPU.

        Raises:
            UsageError: it is no network, or its files cannot be read.
        """
        try:
            found = load(self.folder)
        except UsageError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
            raise UsageError(f"expected a student in {self.folder}, got {reason}: give another run") from error
        if isinstance(found, Constant):
            raise UsageError(
                f"expected a network, got {self.cell.method!r}, which always answers the same: give another"
            )
        return found


def choose(store: Store, wanted: str) -> Chosen:
    """Return the student of this method, or of this cell ("codebert-scratch.moekd.s0").

    Raises:
        UsageError: a run without students, no such student, or several; the message lists those that are there.
    """
    there = _students(store)
    if not there:
        raise UsageError(f"expected a run with finished students, got none in {store.root}: finish it, or give another")
    found = [one for one in there if wanted in _names(one.cell) or _same_method(wanted, one.cell.method)]
    if len(found) != 1:
        what = "no such" if not found else "several"
        names = ", ".join(_names(one.cell)[0] for one in found or there)
        raise UsageError(f"expected the name of one student, got {wanted!r} ({what}): give one of {names}")
    return found[0]


def _students(store: Store) -> Sequence[Chosen]:
    asked = store.manifest.experiment
    if asked.get("model"):
        return []
    methods = dict.fromkeys((*asked.get("controls", ()), *asked["methods"]))
    cells = [Cell(name, method, seed) for name in asked["teachers"] for seed in asked["seeds"] for method in methods]
    return [Chosen(cell, folder) for cell in cells if (folder := kept(store, cell)) is not None]


def _names(cell: Cell) -> tuple[str, str]:
    """Return the student's name without the kind of its cell, and with it."""
    return cell.name.removesuffix(f".{cell.kind}"), cell.name


def _same_method(wanted: str, spec: str) -> bool:
    """Tell whether two specs name the same method, in whatever order their settings are."""
    return wanted == spec or ("[" in wanted and "[" in spec and parse(wanted) == parse(spec))
