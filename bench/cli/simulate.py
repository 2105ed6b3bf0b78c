"""The command that plays a large run through without computing it."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.app import app


@app.command()
def simulate(
    models: Annotated[int, typer.Option(min=1, help="Students.")] = 100,
    functions: Annotated[int, typer.Option(min=1, help="Attacked programs of each.")] = 1_000_000,
    attacks: Annotated[int, typer.Option(min=1, help="Attacks on each.")] = 20,
    workers: Annotated[int, typer.Option(min=1, help="Processes of one core.")] = 1024,
    training: Annotated[float, typer.Option(min=0, help="Core seconds to make a student.")] = 3600.0,
    queries: Annotated[float, typer.Option(min=0, help="Queries for a function and attack, on average.")] = 133.0,
    rate: Annotated[float, typer.Option(min=0.001, help="Queries per second of a core.")] = 25.0,
) -> None:
    """Estimate a run of any size: how long, how many core hours and bytes, and how busy the driver is.

    Plays the graph of jobs through in seconds; the default rates are those of docs/scale.md, measured on one core.

    \b
    Example:
      python -m bench simulate --models 100 --functions 1000000 --attacks 20 --workers 4096
    """
    from bench.running.simulation import MEASURED, Load, simulate

    load = Load(models, functions, attacks, workers, training, queries, rate, **MEASURED)
    course = simulate(load)
    lines = (
        ("jobs", f"{models * (load.groups + 1):,} (played in {course.lumps:,} lumps)"),
        ("outcomes", f"{load.outcomes:,}, {load.outcomes * load.outcome_bytes / 1e12:.2f} TB on disk"),
        ("work", f"{course.worker_seconds / 3600:,.0f} core hours"),
        ("duration", f"{course.seconds / 86400:,.2f} days on {workers:,} workers"),
        ("workers", f"busy {course.workers_busy:.0%} of the time"),
        ("driver", f"busy {course.driver_busy:.0%} of the time"),
        ("driver's memory", f"{models * load.groups * load.job_bytes / 1e9:,.1f} GB for the list of jobs"),
    )
    for name, text in lines:
        print(f"{name:<16} {text}")
