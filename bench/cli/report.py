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
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories; several become one report.")],
    out: Annotated[
        Path | None, typer.Option(help="Where it goes. [default: RUN/tables; of several the first]", show_default=False)
    ] = None,
) -> None:
    """Make the report of a run again, byte for byte: Markdown, LaTeX, CSV and JSON, and pictures as SVG and PDF.

    Several runs become one report if they judged the same data the same way.

    \b
    Examples:
      python -m bench report results/runs/embedded-embedded --out paper/tables
      python -m bench report runs/codebert runs/graphcodebert --out paper/tables
    """
    from bench.store import Store

    show(*(Store.read(directory) for directory in runs), out=out)


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
