"""The command line: argv to Experiment, results to the terminal. The only module that prints.

Everything heavy is imported inside the command that needs it, so that `--help` answers at once. A `UsageError` from
anywhere ends as one line on standard error and exit code 2; any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench import options as o
from bench.config import EMBEDDED, GIVEN, Experiment, Model, attacking_preset, preset
from bench.files import slug
from bench.types import UsageError

if TYPE_CHECKING:
    from bench.store import Store

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


@app.command()
def run(  # noqa: PLR0913, PLR0917 - one argument per option
    methods: o.MethodsOption = o.METHODS,
    attacks: o.AttacksOption = o.ATTACKS,
    teachers: o.TeachersOption = o.TEACHERS,
    task: o.TaskOption = Experiment.task,
    data: o.DataOption = None,
    preset_name: o.PresetOption = EMBEDDED.name,
    limit: o.LimitOption = None,
    train_limit: o.TrainOption = None,
    size_mb: o.SizeOption = None,
    seeds: o.SeedsOption = o.SEEDS,
    output: o.OutputOption = None,
    device: o.DeviceOption = Experiment.device,
    as_released: o.ReleasedOption = False,
    substitutes: o.SubstitutesOption = Experiment.substitutes,
    workers: o.WorkersOption = o.WORKERS,
    dry_run: o.DryOption = False,
) -> None:
    """Compress, evaluate, attack, measure; print the tables.

    Finished cells are kept: stop it at any moment, give the same command again, and it goes on. More methods, attacks,
    teachers or seeds may be added to a run; anything else that differs needs another --output.

    \b
    Examples:
      python -m bench run --methods moekd,compressor,avatar
      python -m bench run --task devign --data data/devign --limit 400 --seeds 0,1,2
      python -m bench run --preset paper --task devign --teachers codebert --device cuda
      python -m bench run --methods moekd --attacks rename-greedy --dry-run
    """
    experiment = Experiment(
        methods=o.names("--methods", methods),
        attacks=o.names("--attacks", attacks),
        teachers=o.names("--teachers", teachers),
        task=task,
        data=data,
        seeds=o.numbers("--seeds", seeds),
        preset=preset(preset_name, limit=limit, train_limit=train_limit, size_mb=o.positive("--size-mb", size_mb)),
        device=device,
        as_released=as_released,
        substitutes=substitutes,
    )
    _finish(experiment, output or Path("results") / "runs" / f"{task}-{preset_name}", workers, dry_run=dry_run)


@app.command()
def attack(  # noqa: PLR0913, PLR0917 - one argument per option
    model: o.ModelOption,
    attacks: o.AttackOption = "suite",
    task: o.TaskOption = Experiment.task,
    data: o.DataOption = None,
    limit: o.AttackedOption = None,
    budget: o.BudgetOption = o.BUDGET,
    substitutes: o.SubstitutesOption = Experiment.substitutes,
    compile_command: o.CompileOption = None,
    vulnerable_label: o.LabelOption = None,
    whitespace: o.WhitespaceOption = "keep",
    max_tokens: o.WindowOption = None,
    revision: o.RevisionOption = None,
    seeds: o.SeedsOption = o.SEEDS,
    workers: o.WorkersOption = o.WORKERS,
    output: o.OutputOption = None,
    device: o.DeviceOption = Experiment.device,
    dry_run: o.DryOption = False,
) -> None:
    """Attack a model of yours: accuracy, attack success rate, robust accuracy, curves.

    Any Hugging Face sequence classifier with one or two outputs and a fast tokenizer, safetensors or weights-only
    .bin; or a Python object with `probabilities`. Successes count only if the program still means the same.

    \b
    Examples:
      python -m bench attack --model ./my-codebert --task devign --data data/devign --limit 200
      python -m bench attack --model my_package.models:detector --attack alert,style-transfer
      python -m bench attack --model ./student --attack exhaustive,alert --substitutes bounded
    """
    experiment = Experiment(
        methods=(GIVEN,),
        controls=(),
        attacks=o.names("--attack", attacks),
        teachers=(model,),
        model=Model(model, revision, vulnerable_label, whitespace, max_tokens),
        task=task,
        data=data,
        seeds=o.numbers("--seeds", seeds),
        preset=attacking_preset(limit, budget),
        device=device,
        substitutes=substitutes,
        compile_command=compile_command,
    )
    name = slug(Path(model).name)
    _finish(experiment, output or Path("results") / "runs" / f"attack-{task}-{name}", workers, dry_run=dry_run)


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

    _show(Store.read(directory), out)


@app.command(name="list")
def list_names() -> None:
    """Name the methods, attacks, tasks and teachers that can be compared."""
    from bench import registry

    kinds = (
        ("methods", registry.METHODS),
        ("attacks", registry.ATTACKS),
        ("tasks", registry.TASKS),
        ("teachers", registry.TEACHERS),
    )
    for kind, entries in kinds:
        print(f"{kind}:")
        width = max(map(len, entries), default=0)
        for name, entry in entries.items():
            source = f" ({entry.source})" if entry.source else ""
            print(f"  {name:<{width}}  {entry.summary}{source}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of manifests, records and outcomes."""
    from bench.schema import json_schema

    print(json.dumps(json_schema(), indent=2))


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except UsageError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def _finish(experiment: Experiment, output: Path, workers: int, *, dry_run: bool) -> None:
    """Check, then compute and show the tables, or show the plan."""
    from bench.registry import check
    from bench.run import plan
    from bench.run import run as run_all
    from bench.terminal import listener

    check(experiment)
    if dry_run:
        _print_plan(experiment)
        return
    with listener(plan(experiment)) as progress:
        store = run_all(experiment, output, progress, workers)
    _show(store)


def _print_plan(experiment: Experiment) -> None:
    from bench.run import plan
    from bench.terminal import clock

    cells = plan(experiment)
    for name, seconds in cells:
        print(f"{clock(seconds):>9}  {name}")
    print(f"{clock(sum(seconds for _, seconds in cells)):>9}  {len(cells)} cells, estimated")


def _show(store: Store, out: Path | None = None) -> None:
    """Write the tables, print the main ones, and say where the files are."""
    from bench.report import overview, write

    folder = out or store.root / "tables"
    files = write(store, folder)
    print(overview(store))
    for repair in store.repairs:
        print(f"note: {repair}")
    kinds = ", ".join(sorted({file.suffix for file in files}))
    print(f"{len(files)} files in {folder} ({kinds}); everything that was measured is in {store.root}")
