"""Commands that show what is there: report, leaderboard, publish, list and schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.app import app
from bench.cli.output import show
from bench.types import UsageError

if TYPE_CHECKING:
    from bench.storage.store import Store


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories; several become one report.")],
    out: Annotated[
        Path | None, typer.Option(help="Where it goes. [default: RUN/tables; of several the first]", show_default=False)
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Show what changed from the first of two runs to the second instead.")
    ] = False,
) -> None:
    """Make the report of a run again, byte for byte: report.html, Markdown, LaTeX, CSV, JSON, SVG and PDF.

    Several runs become one report if they judged the same data the same way.

    \b
    Examples:
      python -m bench report results/runs/embedded-embedded --out paper/tables
      python -m bench report runs/codebert runs/graphcodebert --out paper/tables
      python -m bench report --compare runs/before runs/after
    """
    from bench.storage.store import Store

    stores = [Store.read(directory) for directory in runs]
    if compare:
        _compare(stores, out)
    else:
        show(*stores, out=out)


def _compare(stores: Sequence[Store], out: Path | None) -> None:
    """Print what changed from one run to another, and write it as compare.md."""
    from bench.report import save
    from bench.reporting.compare import comparison

    if len(stores) != 2:
        raise UsageError(
            f"expected two runs after --compare, got {len(stores)}: name the earlier one and the later one"
        )
    text = comparison(*stores)
    (path,) = save(out or stores[1].root / "tables", {"compare.md": text.encode("utf-8")})
    print(text)
    print(f"written to {path}")


@app.command()
def leaderboard(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories, of any tasks.")],
    output: Annotated[Path, typer.Option(help="Where the site goes.")],
) -> None:
    """Make a static site over many runs: one table of all models, published values, a report for each run.

    \b
    Example:
      python -m bench leaderboard results/runs/* --output site
    """
    from bench.leaderboard import write
    from bench.storage.store import Store

    files = write([Store.read(directory) for directory in runs], output)
    print(f"{len(files)} files in {output}; open {files[0]}")


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    output: Annotated[Path, typer.Option(help="Where it goes.")],
) -> None:
    """Write what may be given away of a run on other people's programs: every number, and none of the programs.

    Manifest, records, outcomes (compressed, without the adversarial programs) and tables; no checkpoints.

    \b
    Example:
      python -m bench publish results/runs/devign-cpu --output results/devign
    """
    from bench.publish import publish as write
    from bench.storage.store import Store

    files = write(Store.read(run), output)
    print(f"{len(files)} files in {output}, none of which holds a program")


@app.command(name="list")
def list_names() -> None:
    """Name the methods, attacks, tasks and teachers that can be compared, and the packages that they come from."""
    from bench.registry import BUILT_IN
    from bench.running.listing import shown

    for kind in BUILT_IN:
        print(f"{kind}:")
        names = list(shown(kind))
        name_width, origin_width = max(len(one.name) for one in names), max(len(one.origin) for one in names)
        for one in names:
            print(f"  {one.name:<{name_width}}  {one.origin:<{origin_width}}  {one.about}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of manifests, records and outcomes."""
    from bench.storage.schema import json_schema

    print(json.dumps(json_schema(), indent=2))
