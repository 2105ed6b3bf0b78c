"""The options of the command line, with their help, and how their texts become values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.config import Experiment
from bench.presets import PRESETS
from bench.types import Objective, UsageError
from bench.variants import split

MethodsOption = Annotated[
    str,
    typer.Option(
        metavar="NAME[SETTING=VALUE,...],...",
        help="Methods to compare, comma-separated; settings change a method's own fields, its size_mb, temperature, "
        "learning_rate or epochs. The controls always run as well.",
    ),
]
AttacksOption = Annotated[str, typer.Option(help="Attacks that every student and teacher must face, comma-separated.")]
TeachersOption = Annotated[
    str,
    typer.Option(
        help="Teachers to compress: names, or directories of Hugging Face encoders (graph:PATH: one that reads data "
        "flow), comma-separated."
    ),
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
SizeOption = Annotated[
    str | None,
    typer.Option(
        metavar="MB,...",
        help="Largest student in MB (1e6 bytes, 4 bytes a parameter); each further size makes every student once more.",
    ),
]
SeedsOption = Annotated[str, typer.Option(help="Seeds, comma-separated; at least 3 for numbers to be published.")]
OutputOption = Annotated[
    Path | None, typer.Option(help="Run directory. [default: results/runs/TASK-PRESET]", show_default=False)
]
DeviceOption = Annotated[str, typer.Option(help="Where networks run: cpu or cuda.")]
ReleasedOption = Annotated[
    bool, typer.Option("--as-released", help="Bring back the baselines' quirks that docs/numbers.md names.")
]
ObjectiveOption = Annotated[
    Objective,
    typer.Option(help="What architecture searches weigh: FLOPs, as published, or latency, measured on this machine."),
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Print the cells and a time estimate; compute nothing.")]
SubstitutesOption = Annotated[
    str,
    typer.Option(
        help="Names that renaming attacks draw from: corpus (the training code), bounded (4 a name: small spaces, for "
        "exhaustive), near, near:MODEL, mlm:MODEL (a masked language model), or FILE.jsonl of given lists."
    ),
]
CompileOption = Annotated[
    str | None,
    typer.Option(
        metavar="COMMAND",
        help="Successes must still compile, where programs bring no driver: such as 'gcc -fsyntax-only {file}'.",
    ),
]
WorkersOption = Annotated[int, typer.Option(min=1, help="Processes that train and attack; changes no table.")]
ExecutorOption = Annotated[
    str, typer.Option("--executor", help="Who works: local (processes of this machine) or dask (a cluster).")
]
SchedulerOption = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Scheduler of the Dask cluster, such as tcp://10.0.0.1:8786.")
]
ThreadsOption = Annotated[
    int, typer.Option(min=1, help="CPU threads of each training. Changes the last bits: a run keeps its number.")
]
ModelOption = Annotated[
    str, typer.Option(help="Directory or hub id of a Hugging Face sequence classifier, or package.module:factory.")
]
RevisionOption = Annotated[str | None, typer.Option(help="Commit of a hub model.")]
LabelOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|INDEX", help="Which output means vulnerable, where the model's id2label does not say so."
    ),
]
WhitespaceOption = Annotated[
    Literal["keep", "collapse"],
    typer.Option(help="What the model expects: programs as they are, or every run of white space as one blank."),
]
WindowOption = Annotated[
    int | None, typer.Option(min=8, help="Tokens that the model reads, where fewer than it could. [default: its own]")
]
AttackOption = Annotated[
    str,
    typer.Option(
        "--attack", help="Attacks, comma-separated: names of `python -m bench list`, or package.module:factory."
    ),
]
BudgetOption = Annotated[int, typer.Option(min=1, help="Most queries for one program and attack.")]
AttackedOption = Annotated[int | None, typer.Option(min=1, help="Most test programs. [default: all]")]

METHODS, ATTACKS, TEACHERS = map(",".join, (Experiment.methods, Experiment.attacks, Experiment.teachers))
SEEDS = ",".join(map(str, Experiment.seeds))
WORKERS = min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
BUDGET = 500
"""Queries of `bench attack`: three times what ALERT's greedy search takes at the median (spec/attacks.md, 5)."""


def names(option: str, text: str) -> tuple[str, ...]:
    """Split a comma-separated list; each name once, in order, at least one."""
    found = tuple(dict.fromkeys(split(text)))
    if not found:
        raise UsageError(f"expected at least one name after {option}, got {text!r}: `python -m bench list` names them")
    return found


def numbers(option: str, text: str) -> tuple[int, ...]:
    """Split a comma-separated list of whole numbers that are not negative."""
    found = names(option, text)
    if not all(number.isascii() and number.isdigit() for number in found):
        raise UsageError(f"expected whole numbers such as {option} 0,1,2, got {text!r}")
    return tuple(dict.fromkeys(map(int, found)))


def sizes(option: str, text: str | None) -> tuple[float, ...]:
    """Split a comma-separated list of numbers above zero; nothing where the option is absent."""
    found: list[float] = []
    for number in () if text is None else names(option, text):
        try:
            found.append(float(number))
        except ValueError:
            found.append(0.0)
    if not all(0 < number < float("inf") for number in found):
        raise UsageError(f"expected numbers above 0 such as {option} 3,1.5, got {text!r}")
    return tuple(dict.fromkeys(found))


def scheduler(executor: str, address: str | None) -> str | None:
    """Return the address of the Dask scheduler, or None for local work."""
    if executor not in ("local", "dask"):
        raise UsageError(f"expected --executor local or dask, got {executor!r}: choose one")
    if (executor == "dask") != (address is not None):
        raise UsageError(
            f"expected --executor dask together with --scheduler ADDRESS, got --executor {executor} "
            f"{'without' if address is None else 'with'} an address: give both, or none for this machine"
        )
    return address
