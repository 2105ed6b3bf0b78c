"""Whether a run directory is what it claims to be: what MLPerf's submission checker is, for a run.

Schema and hashes; every record counted again from its predictions and outcomes; every counted success put before the
judge again; every table made again from its records. Changes nothing in the run. Leaves out what cannot be counted
again: timings and energy, and the training of students.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from attacks.checks import Check, checks
from bench import progress
from bench.config import restore
from bench.gate.recount import Recount
from bench.gate.replay import Replay, UnavailableError
from bench.registry import task
from bench.report import contents
from bench.run import limits
from bench.storage.cells import cells
from bench.storage.schema import as_json
from bench.storage.store import Cell, Store
from bench.types import UsageError

TABLES = (".md", ".tex", ".csv", ".json")
"""Endings of what is compared byte for byte; pictures depend on the version that draws them."""


@dataclass(frozen=True)
class Item:
    """One line of the checklist."""

    name: str
    checked: int = 0
    faults: tuple[str, ...] = ()
    skipped: str = ""
    """Why it was not looked at; empty otherwise."""


@dataclass(frozen=True)
class Wanted:
    """What whoever validates asks for, and names in place of the manifest."""

    deep: bool = False
    """Ask the students about every clean sample again."""
    data: str | None = None
    model: str | None = None
    compile_command: str | None = None
    workers: int = 1
    """Processes that judge successes again; changes nothing in the checklist."""


def validate(root: Path, wanted: Wanted) -> Iterator[Item]:
    """Yield the checklist of a finished run, each line as soon as it is known.

    Raises:
        UsageError: no run directory of this version, or an unfinished run.
    """
    store, used = Store.read(root), checks(wanted.compile_command)
    experiment = restore(store.manifest.experiment, root)
    store.manifest = replace(store.manifest, experiment=as_json(asdict(experiment)))
    asked = cells(experiment)
    _readable(store)
    _finished(store, asked)
    count = Recount(store, experiment, asked)
    yield _item("manifest: hash, seeds, versions", count.manifest())
    yield _item("records: schema, checksum, labels", count.records())
    yield _item("files: each belongs to a cell", count.strays())
    yield _item("artifacts: checksums", count.artifacts())
    yield _item("outcomes: whole, coherent, agree with predictions", count.outcomes())
    yield _item("clean records: counted again from predictions", count.clean())
    yield _item("attack records: counted again from outcomes", count.attacked())
    yield from _asked_again(count, used, wanted)
    yield _item("tables: made again from records", _tables(store))


def _readable(store: Store) -> None:
    """Reject facts that no table could be made with."""
    budgets = store.manifest.facts.get("budgets", {})
    if not isinstance(budgets, dict) or not all(isinstance(budget, int) for budget in budgets.values()):
        raise UsageError(f"expected budgets in numbers in the manifest of {store.root}, got others: give another run")


def _finished(store: Store, asked: list[Cell]) -> None:
    files = [store.root / "records" / f"{cell.name}.json" for cell in asked]
    files += [store.root / "predictions" / f"{cell.name}.json" for cell in asked if cell.kind == "clean"]
    files += [store.root / "outcomes" / f"{cell.name}.jsonl" for cell in asked if cell.kind == "attack"]
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise UsageError(
            f"expected a finished run in {store.root}, got {len(missing)} of {len(files)} files missing, such as "
            f"{missing[0].parent.name}/{missing[0].name}: give its command once more"
        )


def _item(name: str, found: Iterable[str]) -> Item:
    """Count what a check looked at, and keep what it found wrong."""
    progress.current().stage(name, 1)
    results = list(found)
    return Item(name, len(results), tuple(filter(None, results)))


def _tables(store: Store) -> Iterator[str]:
    """Make every table again and compare it with the stored one."""
    for name, content in contents(store).items():
        stored = store.root / "tables" / name
        if stored.suffix in TABLES:
            yield _compare(stored, content)


def _compare(stored: Path, expected: bytes) -> str:
    if not stored.is_file():
        return f"{stored.name}: missing; `bench report RUN` writes it"
    found = stored.read_bytes()
    if found == expected:
        return ""
    old, new = (content.decode("utf-8", errors="replace") for content in (found, expected))
    return f"{stored.name}: {_first_cell(old, new) if stored.suffix == '.csv' else _first_line(old, new)}"


def _first_line(old: str, new: str) -> str:
    lines = [old.splitlines(), new.splitlines()]
    place = next((n for n, (a, b) in enumerate(zip(*lines, strict=False), 1) if a != b), min(map(len, lines)) + 1)
    return f"line {place} does not follow from the records"


def _first_cell(old: str, new: str) -> str:
    try:
        stored, made = (list(csv.reader(io.StringIO(text))) for text in (old, new))
    except csv.Error:
        return "no table"
    for row, (before, after) in enumerate(zip(stored, made, strict=False)):
        for column, (was, now) in enumerate(zip(before, after, strict=False)):
            if was != now:
                return f"row {row}, column {made[0][column]!r:.60}: {was!r:.60} stored, {now!r:.60} from its records"
    return f"{len(stored)} rows of {len(made)}, or cells missing"


def _asked_again(count: Recount, used: Sequence[Check], wanted: Wanted) -> Iterator[Item]:
    """Yield what takes data and students."""
    experiment, facts = count.experiment, count.store.manifest.facts
    names = ["successes: judged again on their students", *(["predictions: made again"] if wanted.deep else [])]
    try:
        splits = task(experiment.task).make(wanted.data or experiment.data, limits(experiment))
    except UsageError as error:
        yield from (Item(name, skipped=f"the data is not at hand ({error})") for name in names)
        return
    if splits.sha256 != (sha256 := str(facts.get("sha256"))):
        fault = f"the data at hand has SHA-256 {splits.sha256:.12}, the run's {sha256:.12}: --data PATH names other"
        yield from (Item(name, 1, (fault,)) for name in names)
        return
    replay = Replay(count.store, experiment, splits, used, wanted.model)
    found = (replay.successes(count.cells, wanted.workers), replay.predictions(count.cells))
    for name, answers in zip(names, found, strict=False):
        yield _attempted(name, answers)
    if experiment.compile_command and not wanted.compile_command:
        reason = "a command is never taken from a file: --compile-command names it"
        yield Item(f"successes: compiled again with {experiment.compile_command!r:.60}", skipped=reason)


def _attempted(name: str, found: Iterator[str]) -> Item:
    """Count as `_item` does, up to where something is not at hand."""
    results: list[str] = []
    reason = ""
    try:
        results.extend(found)
    except UnavailableError as error:
        reason = str(error)
    except UsageError as error:
        results.append(str(error))
    return Item(name, len(results), tuple(filter(None, results)), reason)
