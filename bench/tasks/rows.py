"""Rows of a data set on disk: jsonl, jsonl.gz, jsonl.zst or parquet; each fault named by file and line."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import zstandard

from bench.types import Label, UsageError

SUFFIXES = (".jsonl", ".jsonl.zst", ".jsonl.gz", ".parquet")
LONGEST_LINE = 16_000_000
"""Bytes of one row."""
MOST_EXPANSION = 200
"""Times that a file may grow when it is unpacked: rows of C shrink five to twenty times, a bomb a thousand times."""
SMALL = 64_000_000
"""Bytes that are unpacked whatever their file's size."""
BROKEN = (EOFError, ValueError, RuntimeError, zlib.error, zstandard.ZstdError)
NAMES = {"train": ("train",), "valid": ("valid", "validation"), "test": ("test",)}


@dataclass(frozen=True)
class Row:
    """One labelled function as published."""

    func: str
    target: Label
    project: str = ""


def read_split(folder: Path, split: str) -> list[Row]:
    """Read the rows of one split ("train", "valid" or "test") in file order.

    Raises:
        UsageError: no such file, no row, or a malformed row.
    """
    path = _find(folder, split)
    try:
        rows = [check_row(row, f"{path.name}:{number}") for number, row in raw_rows(path)]
    except OSError as error:
        raise UsageError(f"expected a readable file, got {error} from {path}: check it") from error
    if not rows:
        raise UsageError(f"expected at least one row in {path}, got an empty split: give it rows")
    return rows


def check_row(raw: Mapping[str, object], where: str) -> Row:
    """Turn a raw row into a `Row`, or say at which place what is wrong."""
    for name in ("func", "target"):
        if name not in raw:
            raise UsageError(f"{where}: expected the fields func and target, got {sorted(raw)}: add {name!r}")
    func, target = check_program(raw, where), raw["target"]
    if not isinstance(target, int | float) or target not in (0, 1):
        raise UsageError(f"{where}: expected target 0 or 1 (1 is vulnerable), got {target!r:.40}: mend the label")
    return Row(func, cast(Label, int(target)), str(raw.get("project") or ""))


def check_program(raw: Mapping[str, object], where: str) -> str:
    """Return the program of a raw row, labelled or not, or say at which place what is wrong."""
    func = raw.get("func")
    if not isinstance(func, str) or not func.strip():
        raise UsageError(f"{where}: expected func to be a non-empty program, got {func!r:.40}: mend or drop the row")
    if not _is_unicode(func):
        raise UsageError(f"{where}: expected func to be Unicode text, got half a character: mend or drop the row")
    return func


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON can spell half of a surrogate pair
        return False
    return True


def has_split(folder: Path, split: str) -> bool:
    """Whether there is any file of this split."""
    return bool(_files(folder, split))


def _files(folder: Path, split: str) -> list[Path]:
    candidates = [folder / f"{name}{suffix}" for name in NAMES[split] for suffix in SUFFIXES]
    return [path for path in candidates if path.is_file()]


def _find(folder: Path, split: str) -> Path:
    found = _files(folder, split)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UsageError(
            f"expected one file {split}{{{','.join(SUFFIXES)}}} in {folder}, got {names}: "
            + ("keep one of them" if found else "put it there")
        )
    return found[0]


def raw_rows(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the rows of one file, each with its number.

    Raises:
        UsageError: a file or row that is damaged.
        OSError: a file that cannot be read.
    """
    if path.suffix == ".parquet":
        yield from _parquet(path)
        return
    with _bytes(path) as content:
        try:
            for number, line in enumerate(_lines(content, path), start=1):
                if line.strip():
                    yield number, _json(line, f"{path.name}:{number}")
        except BROKEN as error:
            raise UsageError(f"{path.name}: expected a whole compressed file, got {error}: copy it again") from error


def _lines(content: io.BufferedIOBase, path: Path) -> Iterator[bytes]:
    """Yield lines, unless they would fill the memory."""
    total = 0
    while line := content.readline(LONGEST_LINE + 1):
        total += len(line)
        if len(line) > LONGEST_LINE:
            raise UsageError(f"{path.name}: expected rows of at most {LONGEST_LINE:,} bytes, got more: drop that row")
        _check_expansion(path, total)
        yield line


def _check_expansion(path: Path, unpacked: int) -> None:
    if unpacked > max(SMALL, MOST_EXPANSION * path.stat().st_size):
        raise UsageError(
            f"{path.name}: expected at most {MOST_EXPANSION} times the size of the file, got more when unpacking: "
            "unpack it yourself if you trust it"
        )


def _bytes(path: Path) -> io.BufferedIOBase:
    if path.suffix == ".gz":
        return cast(io.BufferedIOBase, gzip.open(path, "rb"))
    if path.suffix == ".zst":
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True))
    return path.open("rb")


def _json(line: bytes, where: str) -> Mapping[str, object]:
    try:
        row = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: expected UTF-8 text, got {error.reason}: convert the file") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: expected a JSON object, got {error!s:.80}: mend or drop the line") from error
    if not isinstance(row, dict):
        raise UsageError(f"{where}: expected a JSON object, got {type(row).__name__}: mend or drop the line")
    return row


def _parquet(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        groups = pyarrow.parquet.read_metadata(path)
        _check_expansion(path, sum(groups.row_group(i).total_byte_size for i in range(groups.num_row_groups)))
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise UsageError(f"{path.name}: expected a parquet file, got {str(error)[:80]}: copy it again") from error
    yield from enumerate(table.to_pylist(), start=1)
