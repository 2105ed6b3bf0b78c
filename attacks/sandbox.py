"""Runs a compiler, or a program that an attack wrote, with what it may use up bounded.

A program gets an empty environment, a folder of its own, nothing to read, and a process group that is killed when it is
over. Bounded are time, processor time, and the size of every file, what it prints included; memory is
bounded by the sanitizer (gcc.py), because AddressSanitizer reserves 15 TB that RLIMIT_AS and RLIMIT_DATA would count.
Left out: RLIMIT_CORE, which AddressSanitizer sets itself and ends if that fails; RLIMIT_NPROC, which counts all else
that the user runs; a network of its own, which needs rights.
So this keeps accidents in, not malice: programs come here only after the static check found no call that is new.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

WALL_SECONDS = 60
"""Meets only programs that sleep: the limits that a busy machine does not bring nearer are those below."""
CPU_SECONDS = 10
FILE_BYTES = 1 << 18
TIMED_OUT = -int(signal.SIGKILL)
CANNOT_RUN = 126
"""As in a shell: not there, or in a folder whose programs may not be run."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    """Exit code, or minus the signal that ended it; TIMED_OUT where time was up."""
    output: str
    errors: str


def run(
    command: Sequence[str], folder: Path | None, environment: Mapping[str, str] | None, *, bounded: bool = False
) -> Ended:
    """Run a command in a folder (None: here) with these variables (None: ours); `bounded` limits what it uses up."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            return Ended(CANNOT_RUN, "", str(error))
        code = _wait(process, bounded=bounded)
        return Ended(code, _text(output), _text(errors))


def _wait(process: subprocess.Popen[bytes], *, bounded: bool) -> int:
    """Return the exit code; nothing that the process started outlives it."""
    try:
        if bounded:
            _limit(process.pid)
        return process.wait(WALL_SECONDS)
    except subprocess.TimeoutExpired:
        return TIMED_OUT
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _text(written: IO[bytes]) -> str:
    written.seek(0)
    return written.read().decode(errors="replace")


def _limit(process: int) -> None:
    """Set limits from outside: no code of ours runs between fork and exec of a process that holds a model."""
    for kind, limit in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_FSIZE, FILE_BYTES)):
        with suppress(OSError, ValueError):
            resource.prlimit(process, kind, (limit, limit))
