"""Unlabelled programs to pre-train on, and which of them are copies of programs that a model will be judged by.

A corpus is a file or a folder of rows with `func`, or of C files, each of them one program. Copies follow Allamanis
("The adverse effects of code duplication", 2019) in asking for tokens, not text: exact ones have the same tokens,
comments left out; near ones share 80% of their shingles of three tokens. Leaves out renamed copies.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.rng import stream
from bench.tasks.rows import SUFFIXES, check_program, raw_rows
from bench.types import UsageError

NEAR = 0.8
"""Jaccard similarity of two near copies' shingles."""
SHINGLE = 3
TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|(?P<token>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|\d[\w.]*|[^\w\s])""", re.DOTALL
)

Shingles = frozenset[tuple[str, ...]]


def read_corpus(path: Path, limit: int | None = None, seed: int = 0) -> tuple[str, ...]:
    """Read the programs of a file or folder, files by name; `limit` of them drawn at random, in that order.

    Raises:
        UsageError: nothing there, no program in it, or a row without one.
    """
    files = _files(path)
    try:
        programs = [program for file in files for program in _programs(file)]
    except OSError as error:
        raise UsageError(f"expected a readable corpus, got {error}: check {path}") from error
    if not programs:
        raise UsageError(f"expected programs in {path}, got none: give {', '.join(SUFFIXES)} or .c files")
    if limit is not None and limit < len(programs):
        chosen = stream(seed, "corpus").choice(len(programs), size=limit, replace=False)
        programs = [programs[i] for i in sorted(chosen)]
    return tuple(programs)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UsageError(f"expected a file or folder of programs, got {path}, which is not there: check the path")
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [file for file in files if file.is_file() and file.name.endswith((*SUFFIXES, ".c"))]


def _programs(file: Path) -> Iterator[str]:
    if file.suffix == ".c":
        text = file.read_bytes().decode("utf-8", "replace")
        if text.strip():
            yield text
        return
    for number, row in raw_rows(file):
        yield check_program(row, f"{file.name}:{number}")


def checksum(programs: Sequence[str]) -> str:
    """SHA-256 over length in bytes and text of every program, in order."""
    digest = hashlib.sha256()
    for program in programs:
        code = program.encode()
        digest.update(f"{len(code)}\n".encode() + code)
    return digest.hexdigest()


@dataclass(frozen=True)
class Cleaned:
    """A corpus without copies."""

    programs: tuple[str, ...]
    exact: int
    """Programs that fell out because they have the same tokens as an excluded one."""
    near: int
    """Further ones that nearly have."""


def without_copies(programs: Sequence[str], excluded: Sequence[str]) -> Cleaned:
    """Drop the programs that are exact or near copies of an excluded one; exact search, nothing is sampled."""
    others = [_tokens(program) for program in excluded]
    same, index = set(others), _Index(others)
    kept, exact, near = [], 0, 0
    for program in programs:
        tokens = _tokens(program)
        if tokens in same:
            exact += 1
        elif index.has_near(_shingles(tokens)):
            near += 1
        else:
            kept.append(program)
    return Cleaned(tuple(kept), exact, near)


def _tokens(program: str) -> tuple[str, ...]:
    return tuple(found["token"] for found in TOKEN.finditer(program) if found["token"])


def _shingles(tokens: tuple[str, ...]) -> Shingles:
    if len(tokens) < SHINGLE:
        return frozenset([tokens])
    return frozenset(zip(*(tokens[i:] for i in range(SHINGLE)), strict=False))


class _Index:
    """Programs by their shingles."""

    def __init__(self, programs: Sequence[tuple[str, ...]]) -> None:
        self._sets = [_shingles(tokens) for tokens in programs]
        self._holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for number, shingles in enumerate(self._sets):
            for shingle in shingles:
                self._holders[shingle].append(number)

    def has_near(self, shingles: Shingles) -> bool:
        """Whether some program is at least `NEAR` to these shingles.

        Such a program holds all but a few of them, hence one of any larger number: the rarest are looked up.
        """
        known = [shingle for shingle in shingles if shingle in self._holders]
        missed = len(shingles) - math.ceil(NEAR * len(shingles))
        asked = missed + 1 - (len(shingles) - len(known))
        if asked < 1:
            return False
        rarest = sorted(known, key=lambda shingle: len(self._holders[shingle]))[:asked]
        candidates = {number for shingle in rarest for number in self._holders[shingle]}
        return any(_jaccard(shingles, self._sets[number]) >= NEAR for number in candidates)


def _jaccard(one: Shingles, two: Shingles) -> float:
    shared = len(one & two)
    return shared / (len(one) + len(two) - shared)
