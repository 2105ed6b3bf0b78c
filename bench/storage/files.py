"""Files that are either whole or absent: temporary file in the same directory, fsync, rename.

A process killed at any moment leaves the old content or the new, never half of it; what it leaves besides starts with
`TEMPORARY` and is swept away by the next run. A full disk is the user's to mend, so it becomes a `UsageError`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.types import UsageError

TEMPORARY = ".tmp-"
CHECKSUMS = "checksums.json"
"""Beside the files of an artifact: name to SHA-256."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_IN_WORDS = ("No space left", "quota exceeded", "File too large")
"""How safetensors and torch say the same."""
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTDIR)


def printable(text: str) -> str:
    """Return text that moves no cursor and ends no line: names and programs come from anywhere."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def slug(text: str) -> str:
    """Return a name that is safe and unique in a file name: the text itself, or what is safe of it and a hash."""
    if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,47}", text):
        return text
    readable = re.sub(r"[^a-z0-9]+", "-", text.lower())[-32:].strip("-")
    return f"{readable or 'x'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def artifact_folder(name: str, key: str) -> str:
    """Return the name of an artifact's directory; `key` is everything that the content depends on."""
    return f"{slug(name)}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """Turn a full disk or a refused permission while saving `path` into one clear line."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise UsageError(f"no space left while saving {path}: free some disk space and run again") from error
        if error.errno in REFUSED:
            raise UsageError(f"expected to write {path}, got {error.strerror}: give another --output") from error
        raise
    except Exception as error:
        if any(words in str(error) for words in FULL_IN_WORDS):
            raise UsageError(f"no space left while saving {path}: free some disk space and run again") from error
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` by a file of this content, or leave it as it was."""
    with saving(path):
        handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def write_directory(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a directory, then put it in the place of `path` with a checksum of every file."""
    with saving(path):
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=path.parent))
        try:
            write(temporary)
            sums = json.dumps(checksums(temporary), indent=1, sort_keys=True)
            (temporary / CHECKSUMS).write_text(sums + "\n", encoding="utf-8")
            for file in sorted(temporary.rglob("*")):
                sync_file(file)
            temporary.chmod(0o755)
            shutil.rmtree(path, ignore_errors=True)
            os.replace(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        sync_directory(path.parent)


def checksums(directory: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below `directory`, its list of checksums left out."""
    own = directory / CHECKSUMS
    files = [file for file in sorted(directory.rglob("*")) if file.is_file() and file != own]
    return {file.relative_to(directory).as_posix(): _sha256(file) for file in files}


def intact(directory: Path) -> bool:
    """Tell whether `directory` holds exactly the files, with exactly the content, that its checksums name; no links."""
    if directory.is_symlink() or any(path.is_symlink() for path in directory.rglob("*")):
        return False
    try:
        expected = json.loads((directory / CHECKSUMS).read_text(encoding="utf-8"))
        return bool(expected == checksums(directory))
    except (OSError, ValueError):
        return False


def sweep(directory: Path) -> int:
    """Remove what interrupted saves left behind; return how many there were."""
    leftovers = sorted(directory.glob(f"{TEMPORARY}*"))
    for leftover in leftovers:
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
    return len(leftovers)


def sync_file(path: Path) -> None:
    """Make sure that a file's content is on the disk."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Make sure that a rename inside `directory` is on the disk, where the system can do that."""
    if os.name == "posix":
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def file_digest(path: Path) -> str | None:
    """Return the SHA-256 of a file, or None where there is none."""
    return _sha256(path) if path.is_file() else None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
