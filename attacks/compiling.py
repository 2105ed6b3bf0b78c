"""The check that a program compiles where the original compiles.

Follows spec/attacks.md, 2.4: more than half of the published transformations break programs. The file is the program
and its driver. A function without a driver needs its project's headers, so it is compiled only by a command that the
user brings, such as "gcc -fsyntax-only -I include {file}".
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from attacks.gcc import complaint
from attacks.sandbox import COMPILER, run
from bench.types import Sample, UsageError

FILE = "{file}"


class Compiler(Protocol):
    """Anything that can say whether a C file is one."""

    def fault(self, text: str) -> str:
        """Return why a file does not compile; "" where it does."""
        ...


@dataclass(frozen=True)
class Command:
    """A compiler as the user calls it, in the directory from which the benchmark was started."""

    arguments: tuple[str, ...]
    """With `{file}` where the file's path belongs; no shell sees them."""

    def fault(self, text: str) -> str:
        """Write the file to a fresh folder and compile it; remembered."""
        return _fault(self, text)


@lru_cache(maxsize=256)
def _fault(command: Command, text: str) -> str:
    with tempfile.TemporaryDirectory(prefix="moekd-") as folder:
        file = Path(folder, "program.c")
        file.write_text(text, encoding="utf-8")
        arguments = [argument.replace(FILE, str(file)) for argument in command.arguments]
        ended = run(arguments, None, {**os.environ, "TMPDIR": folder}, COMPILER)
    return complaint(ended.errors, ended.code) if ended.code else ""


def read_command(text: str) -> Command:
    """Read a compile command as a user writes it; raises UsageError."""
    try:
        arguments = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"expected a compile command, got {text!r} ({error}): mend its quotes") from None
    if not any(FILE in argument for argument in arguments):
        raise UsageError(f"expected {FILE} in the compile command, got {text!r}: put it where the file belongs")
    if shutil.which(arguments[0]) is None:
        raise UsageError(
            f"expected a compile command that is installed, got {arguments[0]!r}: install it or name another"
        )
    return Command(arguments)


@dataclass(frozen=True)
class Compiles:
    """It compiles, unless the original does not either."""

    compiler: Compiler
    needs_driver: bool = True
    """Leave programs alone that are no complete file."""
    name: str = "compiles"

    def refuse(self, sample: Sample, program: str) -> str:
        """Compile the program, and the original if that fails."""
        if self.needs_driver and not sample.driver:
            return ""
        fault = self.compiler.fault(whole(sample, program))
        return f"does not compile: {fault}" if fault and not self.compiler.fault(whole(sample, sample.code)) else ""


def whole(sample: Sample, program: str) -> str:
    """Return the file to compile: a program with the sample's driver."""
    return f"{program}\n{sample.driver}" if sample.driver else program
