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

from bench.config import EMBEDDED, PRESETS, Experiment, preset
from bench.types import UsageError

if TYPE_CHECKING:
    from bench.store import Store

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

MethodsOption = Annotated[
    str, typer.Option(help="Methods to compare, comma-separated. The controls always run as well.")
]
AttacksOption = Annotated[str, typer.Option(help="Attacks that every student and teacher must face, comma-separated.")]
TeachersOption = Annotated[
    str, typer.Option(help="Teachers to compress: names, or directories of Hugging Face encoders, comma-separated.")
]
TaskOption = Annotated[str, typer.Option(help="What the models judge: `python -m bench list` names the tasks.")]
DataOption = Annotated[
    str | None, typer.Option(help="Folder with train/valid/test files, instead of the hub or the generator.")
]
PresetOption = Annotated[
    str,
    typer.Option(
        "--preset", help=f"Sizes and budgets: {'|'.join(PRESETS)}. The algorithms are the same in all of them."
    ),
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Most test programs.")]
TrainOption = Annotated[int | None, typer.Option(min=1, help="Most programs in each half of the training split.")]
SizeOption = Annotated[float | None, typer.Option(help="Largest student in MB (1e6 bytes, 4 bytes a parameter).")]
SeedsOption = Annotated[str, typer.Option(help="Seeds, comma-separated; at least 3 for numbers to be published.")]
OutputOption = Annotated[
    Path | None, typer.Option(help="Run directory. [default: results/runs/TASK-PRESET]", show_default=False)
]
DeviceOption = Annotated[str, typer.Option(help="Where networks run: cpu or cuda.")]
ReleasedOption = Annotated[
    bool, typer.Option("--as-released", help="Reproduce the published quirks of the baselines instead of mending them.")
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Print the cells and a time estimate; compute nothing.")]

METHODS, ATTACKS, TEACHERS = map(",".join, (Experiment.methods, Experiment.attacks, Experiment.teachers))
SEEDS = ",".join(map(str, Experiment.seeds))


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
    methods: MethodsOption = METHODS,
    attacks: AttacksOption = ATTACKS,
    teachers: TeachersOption = TEACHERS,
    task: TaskOption = Experiment.task,
    data: DataOption = None,
    preset_name: PresetOption = EMBEDDED.name,
    limit: LimitOption = None,
    train_limit: TrainOption = None,
    size_mb: SizeOption = None,
    seeds: SeedsOption = SEEDS,
    output: OutputOption = None,
    device: DeviceOption = Experiment.device,
    as_released: ReleasedOption = False,
    dry_run: DryOption = False,
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
        methods=names("--methods", methods),
        attacks=names("--attacks", attacks),
        teachers=names("--teachers", teachers),
        task=task,
        data=data,
        seeds=numbers("--seeds", seeds),
        preset=preset(preset_name, limit=limit, train_limit=train_limit, size_mb=positive("--size-mb", size_mb)),
        device=device,
        as_released=as_released,
    )
    _check(experiment)
    if dry_run:
        _print_plan(experiment)
    else:
        _show(_run(experiment, output or Path("results") / "runs" / f"{task}-{preset_name}"))


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    out: Annotated[
        Path | None, typer.Option(help="Where the tables go. [default: RUN/tables]", show_default=False)
    ] = None,
) -> None:
    """Make the tables of a run again, byte for byte, as Markdown, LaTeX and CSV.

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


def names(option: str, text: str) -> tuple[str, ...]:
    """Split a comma-separated list; each name once, in order, at least one."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not found:
        raise UsageError(f"expected at least one name after {option}, got {text!r}: `python -m bench list` names them")
    return found


def numbers(option: str, text: str) -> tuple[int, ...]:
    """Split a comma-separated list of whole numbers that are not negative."""
    found = names(option, text)
    if not all(number.isascii() and number.isdigit() for number in found):
        raise UsageError(f"expected whole numbers such as {option} 0,1,2, got {text!r}")
    return tuple(dict.fromkeys(map(int, found)))


def positive(option: str, value: float | None) -> float | None:
    """Return the value if it is above zero or absent."""
    if value is not None and not 0 < value < float("inf"):
        raise UsageError(f"expected a number above 0 after {option}, got {value}")
    return value


def _check(experiment: Experiment) -> None:
    from bench.registry import check

    check(experiment)


def _run(experiment: Experiment, output: Path) -> Store:
    from bench.run import plan
    from bench.run import run as run_all
    from bench.terminal import listener

    with listener(plan(experiment)) as progress:
        return run_all(experiment, output, progress)


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
    print(f"{len(files)} files in {folder} (.md, .tex, .csv); everything that was measured is in {store.root}")
