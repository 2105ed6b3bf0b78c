"""What a success must pass before the judge counts it: one `Check` for each way of looking at a pair of programs.

Follows spec/attacks.md, 4. The judge asks every check about a program that fooled the victim, cheapest first, and notes
which one stopped it; what is refused is never handed on, so nothing runs that the static check has not seen. What
passes all of them must still be proven (proof.py). Static facts are in verify.py; compiling and running are in
compiling.py and behaviour.py.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from attacks.behaviour import Behaves
from attacks.compiling import Command, Compiles, read_command
from attacks.gcc import Gcc, find_gcc
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


def checks(compile_command: str | None = None) -> tuple[Check, ...]:
    """Return all checks that this machine allows, cheapest first; raises UsageError for a command that cannot run."""
    gcc = find_gcc()
    found: list[Check] = list(CHECKS)
    if compile_command is not None:
        found.append(Compiles(read_command(compile_command), needs_driver=False))
    elif gcc is not None:
        found.append(Compiles(gcc))
    if gcc is not None and gcc.sanitizes:
        found.append(Behaves(gcc))
    return tuple(found)


def in_words(used: Sequence[Check]) -> str:
    """Say what these checks look at, for a caption."""
    missing = "" if any(isinstance(check, Behaves) for check in used) else "; not run: no gcc with working sanitizers"
    return "; ".join(map(_words, used)) + missing


def _words(check: Check) -> str:
    match check:
        case Compiles(compiler=Command(arguments)):
            return f"compiles with `{shlex.join(arguments)}`"
        case Compiles(compiler=Gcc(version=version)):
            return f"compiles with gcc {version} where there is a driver"
        case Behaves(gcc=gcc):
            leaks = "" if gcc.leaks else ", leaks not looked for"
            return f"behaves the same under AddressSanitizer and UndefinedBehaviorSanitizer{leaks}"
        case _:
            return check.name
