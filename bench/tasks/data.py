"""Tasks as records: source, pinned revision, SHA-256, splits. `load(task, ...)` is the only way in.

Follows the protocol, "Data": Devign with CodeXGLUE's split and row order, from the hub or from local files with the
same rows; the training split divided into a labelled and an unlabelled half. Leaves out any cleaning: programs are
byte for byte as published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.rng import derive, stream
from bench.tasks import embedded
from bench.tasks.rows import Row, check_row, has_split, read_split
from bench.types import Sample, Splits, UsageError


@dataclass(frozen=True)
class Release:
    """A data set as published, so that another one under the same name is noticed."""

    hub_id: str
    revision: str
    counts: tuple[int, int, int]
    """Rows of train, valid, test."""
    sha256: str
    """Over labels and programs of all three splits, in order: see `checksum`."""


DEVIGN = Release(
    hub_id="google/code_x_glue_cc_defect_detection",
    revision="69bd48c03223c2104342acd9a807caf61ac3efb8",
    counts=(21_854, 2_732, 2_732),
    sha256="f6fc203d7007366eb6869f174bd0377aaffdc6f7cf323b0a24f9d3be4c6ecafd",
)
HALVES_SEED = 20_220_801
"""Divides the training split; published so that anybody can draw the same halves (the papers recorded none)."""
EMBEDDED_SEED = 0
EMBEDDED_SIZES = (20_000, 1_000, 2_000)
"""Programs of the generated train, valid and test splits."""


@dataclass(frozen=True)
class Limits:
    """At most so many programs per half, of validation, and of test; None is all."""

    half: int | None = None
    valid: int | None = None
    test: int | None = None
    training: bool = True
    """Whether a folder must hold train and valid; an attack on a finished model does without."""


def load(task: str, data: str | None = None, limits: Limits | None = None) -> Splits:
    """Load a task: "embedded" (generated), "devign" (hub, or the folder `data`), "folder" (any data in `data`).

    Raises:
        UsageError: unreadable or malformed rows (with file and line), an empty split, or not the named release.
    """
    if task == "embedded":
        if data is not None:
            raise UsageError("expected no --data with task embedded, which is generated: give --task devign or folder")
        return _embedded(limits or Limits())
    if task == "folder" and data is None:
        raise UsageError("expected --data PATH with task folder, got none: name a folder with train, valid and test")
    limits = limits or Limits()
    rows = _from_folder(Path(data), limits) if data is not None else _from_hub(DEVIGN)
    if task == "devign":
        _check_release(DEVIGN, rows, data or DEVIGN.hub_id)
        source = f"Devign as CodeXGLUE splits it ({DEVIGN.hub_id}@{DEVIGN.revision[:7]})"
    else:
        source = f"local folder {Path(data or '').name}"
    return split(task, rows, source, limits)


Rows = tuple[Sequence[Row], Sequence[Row], Sequence[Row]]
"""Of train, valid and test."""
Loader = Callable[[str | None, Limits], Splits]
"""From --data and the limits of a run to the programs of a task."""


def checked(task: str, loader: Loader, data: str | None, limits: Limits) -> Splits:
    """Load a task that another package adds, and hold it to what is promised of a task.

    Raises:
        UsageError: another task's name, no checksum, no programs, or more of them than the limits allow.
    """
    found = loader(data, limits)
    parts = (found.labelled, found.unlabelled, found.valid, found.test)
    most = (limits.half, limits.half, limits.valid, limits.test)
    if found.task != task or not found.sha256:
        got = f"{found.task!r} with {found.sha256!r}"
        raise UsageError(f"expected the task {task!r} with the SHA-256 of its rows, got {got}: mend its package")
    if not found.test or (limits.training and not all(parts)):
        raise UsageError(f"expected programs in all parts of task {task!r}, got {[*map(len, parts)]}: mend its package")
    if any(limit is not None and len(part) > limit for part, limit in zip(parts, most, strict=True)):
        raise UsageError(
            f"expected at most {most} programs of task {task!r}, got {[*map(len, parts)]}: its package must limit them"
        )
    return found


def checksum(*splits: Sequence[Row]) -> str:
    """SHA-256 over label, length in bytes and program of every row, in order."""
    digest = hashlib.sha256()
    for rows in splits:
        for row in rows:
            code = row.func.encode()
            digest.update(f"{row.target} {len(code)}\n".encode())
            digest.update(code)
    return digest.hexdigest()


def _embedded(limits: Limits) -> Splits:
    train_n, valid_n, test_n = EMBEDDED_SIZES
    half_n = _limited(train_n // 2, limits.half)

    def made(split: str, n: int) -> tuple[Sample, ...]:
        return embedded.generate(n, derive(EMBEDDED_SEED, "embedded", split), prefix=f"embedded/{split}")

    parts = {
        "labelled": made("labelled", half_n),
        "unlabelled": made("unlabelled", half_n),
        "valid": made("valid", _limited(valid_n, limits.valid)),
        "test": made("test", _limited(test_n, limits.test)),
    }
    digest = hashlib.sha256()
    for samples in parts.values():
        for sample in samples:
            digest.update(f"{sample.label} {len(sample.code)}\n{sample.code}".encode())
    return Splits(
        task="embedded",
        labelled=parts["labelled"],
        unlabelled=tuple(sample.code for sample in parts["unlabelled"]),
        valid=parts["valid"],
        test=parts["test"],
        source=f"embedded generator, seed {EMBEDDED_SEED}",
        sha256=digest.hexdigest(),
        synthetic=True,
    )


def _limited(n: int, limit: int | None) -> int:
    return n if limit is None else min(n, limit)


def _from_folder(folder: Path, limits: Limits) -> Rows:
    if not folder.is_dir():
        raise UsageError(f"expected --data to be a folder with train, valid and test files, got {folder}: no folder")

    def rows(split: str) -> list[Row]:
        return read_split(folder, split) if limits.training or has_split(folder, split) else []

    return rows("train"), rows("valid"), read_split(folder, "test")


def _from_hub(release: Release) -> Rows:
    import datasets

    try:
        loaded = datasets.load_dataset(release.hub_id, revision=release.revision)
    except Exception as error:
        raise UsageError(
            f"cannot reach {release.hub_id} on the Hugging Face hub ({type(error).__name__}): connect, or give "
            "--data PATH with the same rows as train/valid/test .jsonl, .jsonl.gz, .jsonl.zst or .parquet files"
        ) from error

    def rows(split: str) -> list[Row]:
        return [check_row(dict(row), f"{release.hub_id} {split}:{i + 1}") for i, row in enumerate(loaded[split])]

    return rows("train"), rows("validation"), rows("test")


def _check_release(release: Release, rows: Rows, where: str) -> None:
    train, valid, test = rows
    counts, sha256 = (len(train), len(valid), len(test)), checksum(*rows)
    if counts != release.counts:
        raise UsageError(
            f"expected Devign's {release.counts} rows in train, valid and test, got {counts} from {where}: "
            "use the whole release, or --task folder for other data"
        )
    if sha256 != release.sha256:
        raise UsageError(
            f"expected Devign's rows with SHA-256 {release.sha256[:12]}, got {sha256[:12]} from {where}: "
            "some row differs; use the release, or --task folder for other data"
        )


def split(task: str, rows: Rows, source: str, limits: Limits) -> Splits:
    """Divide the training rows into halves and name every program by its row; the same rows, the same splits.

    Args:
        task: its name, the beginning of every sample's id.
        rows: of train, valid and test, in their published order.
        source: named release and revision; printed with every table.
        limits: of the run.

    Raises:
        UsageError: fewer than two training rows where training rows are needed.
    """
    train, valid, test = rows
    order = stream(HALVES_SEED, task, "halves").permutation(len(train))
    half = len(train) // 2
    if half == 0 and limits.training:
        raise UsageError("expected at least 2 training rows to divide into halves, got 1: give more data")
    labelled = [int(i) for i in order[:half][: limits.half]]
    unlabelled = [int(i) for i in order[half : 2 * half][: limits.half]]

    def samples(part: str, rows: Sequence[Row], chosen: Sequence[int]) -> tuple[Sample, ...]:
        return tuple(Sample(f"{task}/{part}/{i}", rows[i].func, rows[i].target, rows[i].project) for i in chosen)

    return Splits(
        task=task,
        labelled=samples("train", train, labelled),
        unlabelled=tuple(train[i].func for i in unlabelled),
        valid=samples("valid", valid, range(len(valid))[: limits.valid]),
        test=samples("test", test, range(len(test))[: limits.test]),
        source=source,
        sha256=checksum(*rows),
    )
