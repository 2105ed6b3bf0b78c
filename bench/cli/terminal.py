"""How progress looks: bars on a terminal, lines in a log. Both listen to `bench.progress`; neither knows any cell.

The overall bar counts the estimated seconds of planned cells that are stored, in whatever order they get there.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from bench.progress import Progress

Plan = Sequence[tuple[str, float]]
"""Names of cells with their estimated seconds, in the order in which they are computed."""


class Lines:
    """One line per stage and note, with the time since the start."""

    def __init__(self, stream: TextIO, plan: Plan = ()) -> None:
        """Write to `stream`."""
        self._stream, self._start = stream, time.monotonic()
        self._open = {name for name, _ in plan}
        self._planned = len(self._open)

    def stage(self, title: str, total: int) -> None:
        """Say what begins."""
        self.note(title)

    def finished(self, title: str) -> None:
        """Say which of the planned cells is done."""
        if title in self._open:
            self._open.remove(title)
            self.note(f"done: {title} ({self._planned - len(self._open)} of {self._planned})")

    def advance(self, steps: int = 1) -> None:
        """Say nothing: a log is read afterwards."""

    def note(self, text: str) -> None:
        """Write one line at once."""
        self._stream.write(f"[{clock(time.monotonic() - self._start)}] {text}\n")
        self._stream.flush()


class Bars:
    """A bar for the current stage under a bar for the whole run."""

    def __init__(self, bars: RichProgress, plan: Plan) -> None:
        """Draw on `bars`."""
        from rich.markup import escape

        self._escape, self._bars = escape, bars
        self._open = dict(plan)
        self._all = bars.add_task("all cells", total=sum(seconds for _, seconds in plan) or None)
        self._now = bars.add_task("starting", total=None)

    def stage(self, title: str, total: int) -> None:
        """Name what runs now and start its bar again."""
        self._bars.reset(self._now, total=total, description=self._escape(title))

    def finished(self, title: str) -> None:
        """Move the bar of the whole run by what the cell was expected to take."""
        self._bars.advance(self._all, self._open.pop(title, 0.0))

    def advance(self, steps: int = 1) -> None:
        """Move the bar of the current stage."""
        self._bars.advance(self._now, steps)

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(text, markup=False, highlight=False)


@contextmanager
def listener(plan: Plan) -> Iterator[Progress]:
    """Return what suits standard error: bars for a person, lines for a file."""
    if not sys.stderr.isatty():
        yield Lines(sys.stderr, plan)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("left"))
    with RichProgress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        yield Bars(bars, plan)


def clock(seconds: float) -> str:
    """Return hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
