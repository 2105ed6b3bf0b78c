"""Commands that guard results: baseline, check and validate."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli import options as o
from bench.cli.app import app
from bench.types import UsageError

if TYPE_CHECKING:
    from bench.gate.baseline import Baseline
    from bench.gate.validate import Item

BASELINE = Path("results") / "baseline.json"
SHOWN = 5
"""Faults of an item of the checklist; --json tells all of them."""
BaselineOption = Annotated[Path, typer.Option("--baseline", help="What a run is compared with.")]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")]


@app.command()
def baseline(
    directory: RunArgument,
    output: Annotated[Path, typer.Option(help="The file to write.")] = BASELINE,
) -> None:
    """Reduce a finished run to a small file for git: what became of each sample, with each student and attack.

    \b
    Example:
      python -m bench baseline results/runs/embedded-smoke --output results/baseline.json
    """
    from bench.gate.baseline import reduce, text
    from bench.storage.store import Store

    found = reduce(Store.read(directory))
    _save(output, text(found))
    print(f"{output}: {len(found.answers)} lines of {len(found.samples)} samples")


@app.command()
def check(  # noqa: PLR0913, PLR0917 - one argument per option
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="Run directory; without it the baseline's own experiment is run again."),
    ] = None,
    baseline_file: BaselineOption = BASELINE,
    tolerance: Annotated[float, typer.Option(help="Points that may be lost, however significant.")] = 2.0,
    alpha: Annotated[float, typer.Option(help="Chance of a false alarm over all comparisons together.")] = 0.05,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML.")] = None,
    github: Annotated[bool, typer.Option("--github", help="Print annotations of GitHub Actions.")] = False,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write JSON; - prints it instead of the table.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Where to run again. [default: a temporary directory]", show_default=False)
    ] = None,
    data: o.DataOption = None,
    workers: o.WorkersOption = o.WORKERS,
) -> None:
    """Compare a run with a baseline on the same samples; fail (exit code 1) if robustness or accuracy got worse.

    A drop counts only if it is both significant (exact McNemar test, Holm over all comparisons) and larger than
    --tolerance. Same seeds are paired; with other seeds, a drop must also exceed what seeds alone change.

    \b
    Examples:
      python -m bench check --baseline results/baseline.json
      python -m bench check results/runs/embedded-smoke --junit check.xml --github
    """
    from bench.gate import check as gate
    from bench.gate import check_formats as formats
    from bench.gate.baseline import read, reduce
    from bench.storage.store import Store

    limits, before = gate.Limits(tolerance, alpha), read(baseline_file)
    if directory is not None:
        after = reduce(Store.read(directory))
    else:
        with _place(output) as place:
            after = _again(before, place, data, workers)
    found = gate.compare(before, after, limits)
    if json_file != "-":
        print(gate.table(found) + gate.summary(found))
    if github:
        print("\n".join(formats.github(found)))
    if junit is not None:
        _save(junit, formats.junit(found))
    if json_file is not None:
        _deliver(json_file, formats.as_json(found))
    if found.regressions:
        raise typer.Exit(1)


@app.command()
def validate(
    directory: RunArgument,
    deep: Annotated[bool, typer.Option("--deep", help="Let every student judge every clean program again.")] = False,
    data: o.DataOption = None,
    model: Annotated[
        str | None, typer.Option(help="The finished model that was attacked, where it is not found or is Python code.")
    ] = None,
    compile_command: o.CompileOption = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that judge successes again.")] = 2,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write JSON; - prints it instead of the checklist.")
    ] = None,
) -> None:
    """Look whether a run is what it claims to be; exit code 1 if any check fails. Nothing in it is changed.

    Counts every record again from predictions and outcomes, makes every table again, and puts every success before
    the judge once more, on its stored student.

    \b
    Example:
      python -m bench validate results/runs/embedded-embedded --deep
    """
    import json
    from dataclasses import asdict

    from bench.cli.terminal import listener
    from bench.gate.validate import Wanted, validate
    from bench.progress import listening

    items = []
    with listener(()) as progress, listening(progress):
        for item in validate(directory, Wanted(deep, data, model, compile_command, workers)):
            items.append(item)
    if json_file != "-":
        print("\n".join(line for item in items for line in _told(item)))
    failed = sum(bool(item.faults) for item in items)
    content = {"valid": not failed, "items": [asdict(item) for item in items]}
    if json_file is not None:
        _deliver(json_file, json.dumps(content, indent=1) + "\n")
    if failed:
        raise typer.Exit(1)


def _told(item: Item) -> Iterator[str]:
    """Yield what a checklist shows of an item: one line, and the first faults."""
    state = "FAIL" if item.faults else "skip" if item.skipped else "ok"
    count = f"{len(item.faults)} of {item.checked} wrong" if item.faults else f"{item.checked} checked"
    yield f"{state:<4}  {item.name}: {count}" + (f"; {item.skipped}" if item.skipped else "")
    yield from (f"      {' '.join(fault.split())}" for fault in item.faults[:SHOWN])
    if len(item.faults) > SHOWN:
        yield f"      and {len(item.faults) - SHOWN} more"


@contextmanager
def _place(output: Path | None) -> Iterator[Path]:
    if output is not None:
        yield output
        return
    with tempfile.TemporaryDirectory(prefix="bench-check-") as folder:
        yield Path(folder)


def _again(before: Baseline, place: Path, data: str | None, workers: int) -> Baseline:
    """Run a baseline's experiment once more, unless that would execute what a file names."""
    from dataclasses import replace

    from bench.config import restore

    experiment = restore(before.experiment, "the baseline")
    code = [name for name in experiment.attacks if ":" in name]
    code += [experiment.model.source] if experiment.model and ":" in experiment.model.source else []
    code += [experiment.compile_command] if experiment.compile_command else []
    if code:
        raise UsageError(
            f"expected a RUN, because the baseline names code to execute ({code[0]!r}), which is never taken from a "
            "file: run the experiment yourself and give its directory"
        )
    from bench.cli.terminal import listener
    from bench.gate.baseline import reduce
    from bench.report import write
    from bench.run import plan, run

    experiment = replace(experiment, data=data or experiment.data)
    with listener(plan(experiment)) as progress:
        store = run(experiment, place, progress, workers)
    write(store, store.root / "tables")
    return reduce(store)


def _deliver(place: str, content: str) -> None:
    """Print where the place is "-", else write a file."""
    if place == "-":
        print(content, end="")
    else:
        _save(Path(place), content)


def _save(path: Path, content: str) -> None:
    from bench.storage.files import write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content.encode("utf-8", errors="replace"))
    except OSError as error:
        raise UsageError(f"expected to write {path}, got {error.strerror}: give another file") from error
