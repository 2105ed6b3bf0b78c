"""Runs a compiler, or a program that an attack wrote, with what it may use up bounded.

A program gets an empty environment, a folder of its own, nothing to read, and a process group that is killed when it is
over. Bounded are time, processor time, and the size of every file, what it prints included; a compiler's memory too, so
that no source makes it fill the machine. A program's memory is bounded by the sanitizer (gcc.py), because
AddressSanitizer reserves 15 TB that RLIMIT_AS and RLIMIT_DATA would count; processes, networks and files are refused by
seccomp (confinement.py), because RLIMIT_NPROC counts all else that the user runs, and namespaces need rights.
Left out: RLIMIT_CORE, which AddressSanitizer sets itself and ends if that fails.
So this keeps accidents in, and most malice; programs come here only after the static check found no call that is new.
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
Limits = Mapping[int, int]
"""Of resources, by their RLIMIT_ numbers."""
PROGRAM: Limits = {resource.RLIMIT_CPU: 10, resource.RLIMIT_FSIZE: 1 << 18}
COMPILER: Limits = {resource.RLIMIT_CPU: 60, resource.RLIMIT_FSIZE: 1 << 26, resource.RLIMIT_AS: 1 << 32}
"""Thousands of times what a function takes: 64 MB of output, 4 GiB of memory."""
TIMED_OUT = -int(signal.SIGKILL)
STOPPED = frozenset({TIMED_OUT, -int(signal.SIGXCPU), -int(signal.SIGXFSZ)})
"""Codes of what a limit ended: where in its work that happened is left to chance."""
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
    command: Sequence[str], folder: Path | None, environment: Mapping[str, str] | None, limits: Limits | None = None
) -> Ended:
    """Run a command in a folder (None: here) with these variables (None: ours), within limits if there are any."""
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
        code = _wait(process, limits or {})
        return Ended(code, _text(output), _text(errors))


def _wait(process: subprocess.Popen[bytes], limits: Limits) -> int:
    """Return the exit code; nothing that the process started outlives it."""
    try:
        _limit(process.pid, limits)
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


def _limit(process: int, limits: Limits) -> None:
    """Set limits from outside: no code of ours runs between fork and exec of a process that holds a model."""
    for kind, limit in limits.items():
        with suppress(OSError, ValueError):
            resource.prlimit(process, kind, (limit, limit))
