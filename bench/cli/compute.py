"""Commands that compute: run and attack."""

from __future__ import annotations

from pathlib import Path

from bench.cli import options as o
from bench.cli.app import app
from bench.cli.output import show
from bench.config import GIVEN, Experiment, Model
from bench.presets import EMBEDDED, attacking_preset, preset
from bench.storage.files import slug


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
    objective: o.ObjectiveOption = Experiment.objective,
    substitutes: o.SubstitutesOption = Experiment.substitutes,
    threads: o.ThreadsOption = Experiment.threads,
    workers: o.WorkersOption = o.WORKERS,
    executor: o.ExecutorOption = "local",
    scheduler: o.SchedulerOption = None,
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
      python -m bench run --methods "moekd,moekd[router=uniform,experts=8]" --size-mb 3,1.5
      python -m bench run --methods moekd --attacks rename-greedy --dry-run
    """
    from bench.running.factors import at_sizes

    first, *smaller = o.sizes("--size-mb", size_mb) or (None,)
    experiment = Experiment(
        methods=o.names("--methods", methods),
        attacks=o.names("--attacks", attacks),
        teachers=o.names("--teachers", teachers),
        task=task,
        data=data,
        seeds=o.numbers("--seeds", seeds),
        preset=preset(preset_name, limit=limit, train_limit=train_limit, size_mb=first),
        device=device,
        threads=threads,
        as_released=as_released,
        objective=objective,
        substitutes=substitutes,
    )
    experiment = at_sizes(experiment, smaller)
    folder = output or Path("results") / "runs" / f"{task}-{preset_name}"
    finish(experiment, folder, workers, o.scheduler(executor, scheduler), dry_run=dry_run)


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
    executor: o.ExecutorOption = "local",
    scheduler: o.SchedulerOption = None,
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
    folder = output or Path("results") / "runs" / f"attack-{task}-{slug(Path(model).name)}"
    finish(experiment, folder, workers, o.scheduler(executor, scheduler), dry_run=dry_run)


def finish(experiment: Experiment, output: Path, workers: int, address: str | None = None, *, dry_run: bool) -> None:
    """Check, then compute and show the tables, or show the plan."""
    from bench.cli.terminal import listener
    from bench.registry import check
    from bench.run import plan
    from bench.run import run as run_all

    experiment = check(experiment)
    if dry_run:
        _print_plan(experiment)
        return
    with listener(plan(experiment)) as progress:
        store = run_all(experiment, output, progress, workers, address)
    show(store)


def _print_plan(experiment: Experiment) -> None:
    from bench.cli.terminal import clock
    from bench.run import plan

    cells = plan(experiment)
    for name, seconds in cells:
        print(f"{clock(seconds):>9}  {name}")
    print(f"{clock(sum(seconds for _, seconds in cells)):>9}  {len(cells)} cells, estimated")
