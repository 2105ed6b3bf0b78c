"""What a success must pass before the judge counts it: one `Check` for each way of looking at a pair of programs.

Follows spec/attacks.md, 4. The judge asks every check about a program that fooled the victim, cheapest first, and notes
which one stopped it. Static facts are in verify.py; compiling and running are checks of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from attacks.verify import verify
from bench.types import Sample


class Check(Protocol):
    """One way to find that a program no longer means what the original meant."""

    @property
    def name(self) -> str:
        """Short name, as outcomes count it."""
        ...

    def refuse(self, sample: Sample, program: str) -> str:
        """Return why this program does not count as the sample attacked; "" where it does or nothing can be said."""
        ...


@dataclass(frozen=True)
class Static:
    """It parses no worse and keeps its external names; see verify.py."""

    name: str = "static"

    def refuse(self, sample: Sample, program: str) -> str:
        """Compare the two programs without running them."""
        return verify(sample.code, program)


CHECKS: Sequence[Check] = (Static(),)
"""What always runs."""
