"""A static site over many runs: a row for each model, published values beside them, a link to each run's report.

A row is one student (or teacher, or finished model) of one run. What makes its numbers doubtful stands beside them as
flags, and nothing that is flagged as collapsed or as reported by others is ranked above what was measured here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.measuring.robustness import WORST_CASE
from bench.report import html, save
from bench.reporting.columns import ACCURACY, ASR, F1, PARAMETERS, ROBUST, SIZE, titles
from bench.reporting.html.page import render
from bench.reporting.published import Published, published
from bench.reporting.runs import Row
from bench.reporting.summary import Summary
from bench.reporting.tables import MARK, Entry, Number, Table, as_csv, as_json
from bench.storage.files import slug
from bench.storage.store import Store

SEEDS, PROGRAMS = 3, 100
"""Fewer seeds, or fewer attacked programs, than these are flagged (protocol, "Uncertainty")."""
COLLAPSED, REPORTED = "collapsed", "reported"
NUMBERS = (ROBUST, ASR, ACCURACY, F1, SIZE, PARAMETERS)
COLUMNS = ("teacher", "method", "task", *titles(NUMBERS), "seeds", "flags", "source")


@dataclass(frozen=True)
class Model:
    """One row."""

    teacher: str
    method: str
    task: str
    robust: Number
    """Accuracy under all attacks together."""
    asr: Number
    accuracy: Number
    f1: Number
    size: Number
    parameters: Number
    seeds: int
    flags: tuple[str, ...]
    source: str
    """The run's name, or who published it."""
    link: str = ""
    """To the run's report; empty for what others report."""

    @property
    def rank(self) -> tuple[int, float]:
        """What is measured and did not collapse first, the most robust on top."""
        doubt = 2 if REPORTED in self.flags else 1 if COLLAPSED in self.flags else 0
        value = self.robust.value
        return doubt, -value if value is not None and math.isfinite(value) else math.inf

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers in the order of the columns."""
        return self.robust, self.asr, self.accuracy, self.f1, self.size, self.parameters


def write(stores: Sequence[Store], out: Path) -> list[Path]:
    """Write the site into `out`, with the report of every run below runs/; return the files, index.html first."""
    names = _names(stores)
    runs = [Summary(store) for store in stores]
    measured = [model for run, name in zip(runs, names, strict=True) for model in _measured(run, name)]
    models = sorted([*measured, *_reported()], key=lambda model: model.rank)
    table = _table(models)
    page = render(
        "leaderboard.html",
        title="Leaderboard: robustness of compressed code models",
        synthetic=any(run.facts.get("synthetic") for run in runs),
        table=table,
        models=models,
        tasks=list(dict.fromkeys(model.task for model in models)),
        teachers=list(dict.fromkeys(model.teacher for model in models if model.teacher)),
        seeds=SEEDS,
        programs=PROGRAMS,
    )
    texts = json.dumps(as_json(table), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    files = save(
        out, {"index.html": page, "leaderboard.csv": as_csv(table).encode(), "leaderboard.json": texts.encode()}
    )
    for store, name in zip(stores, names, strict=True):
        files += save(out / "runs" / name, {"report.html": html(store)})
    return files


def _measured(run: Summary, name: str) -> Iterator[Model]:
    for row in run.rows():
        number = {column: run.number(row, column) for column in (ACCURACY, F1, SIZE, PARAMETERS)}
        yield Model(
            teacher=run.short(row[0]),
            method=str(run.label(row)[1]),
            task=str(run.experiment["task"]),
            robust=run.number(row, ROBUST, WORST_CASE),
            asr=run.number(row, ASR, WORST_CASE),
            accuracy=number[ACCURACY],
            f1=number[F1],
            size=number[SIZE],
            parameters=number[PARAMETERS],
            seeds=len(run.seeded(row, ACCURACY.metric)),
            flags=tuple(_flags(run, row)),
            source=name,
            link=f"runs/{name}/report.html",
        )


def _flags(run: Summary, row: Row) -> Iterator[str]:
    """Yield what makes an evaluation doubtful."""
    if run.facts.get("synthetic"):
        yield "synthetic"
    if run.collapsed(row):
        yield COLLAPSED
    found = [run.seeded(row, ACCURACY.metric), run.seeded(row, ROBUST.metric, WORST_CASE)]
    if any(len(records) < len(run.seeds) for records in found):
        yield "unfinished"
    if len(found[0]) < SEEDS:
        yield f"under {SEEDS} seeds"
    if any(record.n < PROGRAMS for record in found[1]):
        yield f"under {PROGRAMS} programs"


def _reported() -> Iterator[Model]:
    """Yield what others published, a row for each model of theirs."""
    grouped: dict[tuple[str, str, str], list[Published]] = {}
    for value in published():
        grouped.setdefault((value.teacher, value.named, value.source), []).append(value)
    for (teacher, method, source), values in grouped.items():
        plain = {value.metric: value.number for value in values if not value.attack}
        more = [
            f"{v.metric.replace('_', ' ')}{f' under {v.attack}' if v.attack else ''}: {v.value} {v.unit}".strip()
            for v in values
        ]
        rest = "; ".join(text for text, v in zip(more, values, strict=True) if v.attack or v.metric != ACCURACY.metric)
        unknown = Number(None)
        yield Model(
            teacher=teacher,
            method=method,
            task="devign",
            robust=unknown,
            asr=unknown,
            accuracy=plain.get(ACCURACY.metric, unknown),
            f1=unknown,
            size=unknown,
            parameters=unknown,
            seeds=0,
            flags=(REPORTED,),
            source=f"{source} ({rest})" if rest else source,
        )


def _table(models: Sequence[Model]) -> Table:
    caption = (
        "Robust accuracy and ASR are those of the worst case, all attacks together.",
        f"{MARK} or collapsed: no better than a constant; reported: published by others, not measured here.",
    )
    rows = tuple(map(_row, models))
    return Table("leaderboard", "Leaderboard", COLUMNS, rows, caption)


def _row(model: Model) -> tuple[Entry, ...]:
    seeds = Number(float(model.seeds) if model.link else None, digits=0)
    return (model.teacher, model.method, model.task, *model.numbers, seeds, ", ".join(model.flags), model.source)


def _names(stores: Sequence[Store]) -> list[str]:
    """Return a folder name for each run, told apart by a number where two are called the same."""
    names = [slug(store.root.resolve().name) for store in stores]
    given: list[str] = []
    for name in names:
        numbered = (f"{name}-{number}" for number in count(1))
        given.append(name if names.count(name) == 1 else next(n for n in numbered if n not in {*names, *given}))
    return given
