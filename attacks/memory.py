"""Values by program, where a search asks for thousands of programs: each is kept as a digest, not as a text."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Generic, TypeVar

V = TypeVar("V")


class Memory(Generic[V]):
    """A mapping from programs that cannot give the programs back."""

    def __init__(self) -> None:
        self._kept: dict[bytes, V] = {}

    def __contains__(self, program: str) -> bool:
        return _digest(program) in self._kept

    def __getitem__(self, program: str) -> V:
        return self._kept[_digest(program)]

    def __setitem__(self, program: str, value: V) -> None:
        self._kept[_digest(program)] = value

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, program: str, default: V) -> V:
        """Return the value of a program, or `default`."""
        return self._kept.get(_digest(program), default)

    def setdefault(self, program: str, value: V) -> None:
        """Keep a value unless there is one."""
        self._kept.setdefault(_digest(program), value)

    def missing(self, programs: Iterable[str]) -> list[str]:
        """Return the programs without a value, each once, in order."""
        return [program for program in dict.fromkeys(programs) if program not in self]


def _digest(program: str) -> bytes:
    return blake2b(program.encode("utf-8", "surrogatepass"), digest_size=16).digest()
