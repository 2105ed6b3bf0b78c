"""Commands that show what is there: report, list and schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.app import app
from bench.cli.output import show


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    out: Annotated[
        Path | None, typer.Option(help="Where the tables go. [default: RUN/tables]", show_default=False)
    ] = None,
) -> None:
    """Make the tables of a run again, byte for byte, as Markdown, LaTeX and CSV, and the curves as SVG and PDF.

    \b
    Example:
      python -m bench report results/runs/embedded-embedded --out paper/tables
    """
    from bench.store import Store

    show(Store.read(directory), out)


@app.command(name="list")
def list_names() -> None:
    """Name the methods, attacks, tasks and teachers that can be compared, and the packages that they come from."""
    from bench.listing import shown
    from bench.registry import BUILT_IN

    for kind in BUILT_IN:
        print(f"{kind}:")
        names = list(shown(kind))
        name_width, origin_width = max(len(one.name) for one in names), max(len(one.origin) for one in names)
        for one in names:
            print(f"  {one.name:<{name_width}}  {one.origin:<{origin_width}}  {one.about}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of manifests, records and outcomes."""
    from bench.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
