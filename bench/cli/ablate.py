"""The command that varies one setting of a method at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options as o
from bench.cli.app import app
from bench.cli.compute import finish
from bench.config import Experiment
from bench.presets import EMBEDDED, preset
from bench.types import UsageError


@app.command()
def ablate(  # noqa: PLR0913, PLR0917 - one argument per option
    method: Annotated[str, typer.Argument(help="What is varied: moekd.")],
    only: Annotated[
        str | None, typer.Option(metavar="FACTOR,...", help="Settings to vary. [default: all]", show_default=False)
    ] = None,
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
    substitutes: o.SubstitutesOption = Experiment.substitutes,
    workers: o.WorkersOption = o.WORKERS,
    dry_run: o.DryOption = False,
) -> None:
    """Vary one setting of a method at a time: the same run directory and tables as `run`, and a table `ablation`.

    Variants that differ in router, aggregation, temperature or size share the experts of the method as it is.

    \b
    Examples:
      python -m bench ablate moekd
      python -m bench ablate moekd --only router,partition --seeds 0,1,2
      python -m bench ablate moekd --preset paper --task devign --data data/devign --device cuda
    """
    from bench.running.factors import around

    sizes = o.sizes("--size-mb", size_mb) or (None,)
    if len(sizes) > 1:
        raise UsageError(f"expected one --size-mb, whose half and quarter are factors already, got {size_mb!r}")
    experiment = Experiment(
        attacks=o.names("--attacks", attacks),
        teachers=o.names("--teachers", teachers),
        task=task,
        data=data,
        seeds=o.numbers("--seeds", seeds),
        preset=preset(preset_name, limit=limit, train_limit=train_limit, size_mb=sizes[0]),
        device=device,
        substitutes=substitutes,
    )
    factors = () if only is None else o.names("--only", only)
    experiment = replace(experiment, methods=around(method, experiment.budget, factors))
    where = output or Path("results") / "runs" / f"ablation-{method}-{task}-{preset_name}"
    finish(experiment, where, workers, dry_run=dry_run)
