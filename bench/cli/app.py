"""The application that every command registers with, and what its `--help` says first."""

from __future__ import annotations

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback()
def _root() -> None:
    """How robust are code models after they are squeezed into a few megabytes?

    Compresses a vulnerability detector by several methods, attacks every result with programs that mean the same, and
    reports what is left of its accuracy and of its robustness.

    \b
    Start here:
      python -m bench run --preset smoke        a minute, to see the machinery
      python -m bench run                       the main table on generated programs, offline
      python -m bench list                      what can be compared
      python -m bench report results/runs/embedded-embedded
    """
