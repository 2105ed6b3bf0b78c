"""What a report says about students in tables: the main one, clean performance, size, speed, what methods report."""

from __future__ import annotations

from collections.abc import Sequence

from bench.measuring.robustness import WORST_CASE
from bench.reporting.columns import (
    ACCURACY,
    ASR,
    AUROC,
    BALANCED,
    CLEAN,
    COLLAPSED,
    COMPRESSION,
    EFFICIENCY,
    F1,
    GFLOPS,
    INTERVALS,
    PARAMETERS,
    RATES,
    ROBUST,
    SIZE,
    Column,
    titles,
)
from bench.reporting.curves import speed
from bench.reporting.runs import Row
from bench.reporting.significance import BOLD, Best, crown
from bench.reporting.summary import Summary
from bench.reporting.tables import Entry, Number, Table

ROUTED = "fact/mixture_nll"
"""What a method with a router reports of itself."""


def main(run: Summary, best: Best = frozenset()) -> Table:
    """Return accuracy, robustness and size: the table that answers the question."""
    attacked = [(attack, column) for attack in run.leading for column in (ASR, ROBUST)] + [(WORST_CASE, ROBUST)]
    before, after = (ACCURACY, F1, AUROC, BALANCED), (SIZE, PARAMETERS, GFLOPS)

    def line(row: Row) -> tuple[Entry, ...]:
        rates = tuple(crown(run, best, row, column, attack) for attack, column in attacked)
        clean = tuple(crown(run, best, row, column) for column in before)
        return run.label(row) + clean + rates + run.numbers(row, after)

    columns = [
        "teacher",
        "method",
        *titles(before),
        *(f"{attack}: {column.title}" for attack, column in attacked),
        *titles(after),
    ]
    notes = (INTERVALS, *RATES, run.union, BOLD, COLLAPSED)
    caption = (*run.setting, run.attack_setting, *notes)
    return Table("main", "Accuracy, robustness and size", tuple(columns), tuple(map(line, run.rows())), caption)


def clean(run: Summary, best: Best = frozenset()) -> Table:
    """Return every clean metric."""
    notes = ("F1 is that of class 1, vulnerable.", BOLD, COLLAPSED)
    return _per_student(run, "clean", "Clean performance", CLEAN, notes, best)


def compression(run: Summary) -> Table:
    """Return sizes and operations."""
    notes = (
        "1 MB is 1e6 bytes at 4 bytes a parameter, embeddings included.",
        "GFLOPs per inference at the longest input; the paper formula is that of the baselines' code.",
        COLLAPSED,
    )
    return _per_student(run, "compression", "Compression", COMPRESSION, notes, frozenset())


def efficiency(run: Summary) -> Table:
    """Return timings and energy, with how they were obtained."""
    rows, devices = [], []
    for row in run.rows():
        sources = dict.fromkeys(record.source for record in run.seeded(row, "energy"))
        devices += [record.device for record in run.seeded(row, "latency_p50")]
        rows.append((*run.label(row), *run.numbers(row, EFFICIENCY), "; ".join(sources), *_attack_speed(run, row)))
    notes = (
        "Measured timings at batch 1, and programs per second where many are put at once, on one thread; they depend "
        "on the machine, and this is the only table that another run of the same experiment does not reproduce to the "
        "digit.",
        "Training utilisation: FLOPs of the real tokens per second over those of a dense matrix product on the device.",
        "Attack queries/s: queries of all attacks over the seconds that their programs took in one worker, search and "
        "checks included.",
        f"Device: {'; '.join(dict.fromkeys(filter(None, devices))) or 'not measured yet'}.",
        COLLAPSED,
    )
    columns = ("teacher", "method", *titles(EFFICIENCY), "energy source", "attack queries/s", "attack time source")
    return Table("efficiency", "Efficiency (measured)", columns, tuple(rows), (*run.setting, *notes))


def diagnostics(run: Summary) -> list[Table]:
    """Return what methods say about themselves, where they say anything."""
    names = sorted({key[3] for key in run.index if key[3].startswith("fact/")})
    rows = tuple(
        (*run.label(row), name.removeprefix("fact/"), run.number(row, Column(name, name, 3)))
        for row in run.rows()
        for name in names
        if run.seeded(row, name)
    )
    over = "the validation split" + "".join(f", {size:,} programs" for size in run.counts("valid"))
    notes = [
        "Means over seeds of what a method reports about its own making; accuracy, agreement, calibration and "
        f"likelihood are over {over}, on which every training's epoch was chosen."
    ]
    if ROUTED in names:
        notes.append(
            "The router's step and the experts' epochs were chosen on the same programs: the mixture's likelihood "
            "there is optimistic, and with a learned router by construction never below that of uniform weights."
        )
    caption = (*run.setting, *notes, COLLAPSED)
    return [Table("diagnostics", "Diagnostics", ("teacher", "method", "fact", "value"), rows, caption)] if rows else []


def _per_student(
    run: Summary, name: str, title: str, columns: Sequence[Column], notes: tuple[str, ...], best: Best
) -> Table:
    rows = tuple(run.label(row) + tuple(crown(run, best, row, c) for c in columns) for row in run.rows())
    return Table(name, title, ("teacher", "method", *titles(columns)), rows, (*run.setting, INTERVALS, *notes))


def _attack_speed(run: Summary, row: Row) -> tuple[Entry, ...]:
    """Return the queries per second of all attacks on a student, and how that was measured."""
    traces = [trace for attack in run.attacks for trace in run.traces[row, attack].values()]
    queries = sum(trace.queries for trace in traces)
    return (Number(speed(traces)), f"timed over {queries:,} queries") if queries else (Number(None), "")
