"""The command line: argv to Experiment, results to the terminal. The only package that prints; a module per group.

Everything heavy is imported inside the command that needs it, so that `--help` answers at once. A `UsageError` from
anywhere ends as one line on standard error and exit code 2; any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import io
import sys

from bench.cli import ablate, compute, deploy, gate, pretrain, report, simulate  # noqa: F401 - importing registers commands
from bench.cli.app import app
from bench.storage.files import printable
from bench.types import UsageError


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except UsageError as error:
        print(f"error: {printable(' '.join(str(error).split()))}", file=sys.stderr)
        sys.exit(2)
