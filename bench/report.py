"""A run to read: tables in Markdown, LaTeX and CSV, curves as pictures. Pure: the same run gives the same bytes.

No number is typed here: ours come from the store, other people's from results/paper.toml. Leaves out bold winners:
a winner needs a paired test, and that comes with the regression gate.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import success
from bench.attack_tables import attacks, optimum, robustness
from bench.columns import (
    ACCURACY,
    ASR,
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
    TITLES,
    Column,
    titles,
)
from bench.curves import speed
from bench.files import write_atomically
from bench.pictures import Picture, render
from bench.robustness import WORST_CASE
from bench.store import Store
from bench.summary import Row, Summary
from bench.tables import Entry, Number, Table, as_csv, escape_markdown, latex, markdown
from bench.types import UsageError

PUBLISHED = Path(__file__).resolve().parent.parent / "results" / "paper.toml"


def build(run: Summary) -> list[Table]:
    """Return every table of a run, in reading order."""
    tables = [_main(run), _clean(run), robustness(run), attacks(run), *optimum(run), _compression(run)]
    return [*tables, _efficiency(run), *_diagnostics(run), *_published(run, PUBLISHED)]


def overview(store: Store) -> str:
    """Return what a terminal shows after a run: the main tables, without intervals."""
    run = Summary(store)
    return "\n".join(markdown(table, intervals=False) for table in (_main(run), robustness(run)))


def write(store: Store, out: Path) -> list[Path]:
    """Write everything that there is to read into `out`; return the files.

    Each table is written as .md, .tex and .csv, the curves as .csv and each picture of them as .svg and .pdf; report.md
    shows all of it.
    """
    run = Summary(store)
    tables, pictures = build(run), success.pictures(run)
    texts = {"report.md": "\n".join(["# Results\n", *map(markdown, tables), *_shown(run, pictures)])}
    for table in tables:
        texts |= {
            f"{table.name}.md": markdown(table),
            f"{table.name}.tex": latex(table),
            f"{table.name}.csv": as_csv(table),
        }
    if pictures:
        texts["curves.csv"] = as_csv(success.table(run))
    files = {name: text.encode("utf-8") for name, text in texts.items()}
    for picture in pictures:
        files |= {f"{picture.name}.{ending}": content for ending, content in render(picture).items()}
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"expected to write tables to {out}, got {error.strerror}: give another --out") from error
    for name, content in files.items():
        write_atomically(out / name, content)
    return [out / name for name in files]


def _shown(run: Summary, pictures: Sequence[Picture]) -> list[str]:
    """Return the pictures as Markdown, with what holds for all of them under the last."""
    images = [f"![{escape_markdown(picture.title)}]({picture.name}.svg)\n" for picture in pictures]
    caption = escape_markdown(" ".join(success.caption(run)))
    return ["## Success against queries\n", *images, f"{caption}\n"] if pictures else []


def _main(run: Summary) -> Table:
    attacked = [(attack, column) for attack in run.attacks for column in (ASR, ROBUST)] + [(WORST_CASE, ROBUST)]
    before, after = (ACCURACY, F1, BALANCED), (SIZE, PARAMETERS, GFLOPS)

    def line(row: Row) -> tuple[Entry, ...]:
        rates = tuple(run.number(row, column, attack) for attack, column in attacked)
        return run.label(row) + run.numbers(row, before) + rates + run.numbers(row, after)

    columns = [
        "teacher",
        "method",
        *titles(before),
        *(f"{attack}: {column.title}" for attack, column in attacked),
        *titles(after),
    ]
    caption = (*run.setting, run.attack_setting, INTERVALS, *RATES, "Worst case: the union of all attacks.", COLLAPSED)
    return Table("main", "Accuracy, robustness and size", tuple(columns), tuple(map(line, run.rows())), caption)


def _clean(run: Summary) -> Table:
    return _per_student(run, "clean", "Clean performance", CLEAN, ("F1 is that of class 1, vulnerable.", COLLAPSED))


def _compression(run: Summary) -> Table:
    notes = (
        "1 MB is 1e6 bytes at 4 bytes a parameter, embeddings included.",
        "GFLOPs per inference at the longest input; the paper formula is that of the baselines' code.",
    )
    return _per_student(run, "compression", "Compression", COMPRESSION, notes)


def _per_student(run: Summary, name: str, title: str, columns: Sequence[Column], notes: tuple[str, ...]) -> Table:
    rows = tuple(run.label(row) + run.numbers(row, columns) for row in run.rows())
    return Table(name, title, ("teacher", "method", *titles(columns)), rows, (*run.setting, INTERVALS, *notes))


def _efficiency(run: Summary) -> Table:
    rows, devices = [], []
    for row in run.rows():
        sources = dict.fromkeys(record.source for record in run.seeded(row, "energy"))
        devices += [record.device for record in run.seeded(row, "latency_p50")]
        rows.append((*run.label(row), *run.numbers(row, EFFICIENCY), "; ".join(sources), *_attack_speed(run, row)))
    notes = (
        "Measured timings at batch 1: they depend on the machine, and this is the only table that another run of the "
        "same experiment does not reproduce to the digit.",
        "Attack queries/s: queries of all attacks over the seconds that their programs took in one worker, search and "
        "checks included.",
        f"Device: {'; '.join(dict.fromkeys(filter(None, devices))) or 'not measured yet'}.",
    )
    columns = ("teacher", "method", *titles(EFFICIENCY), "energy source", "attack queries/s", "attack time source")
    return Table("efficiency", "Efficiency (measured)", columns, tuple(rows), (*run.setting, *notes))


def _attack_speed(run: Summary, row: Row) -> tuple[Entry, ...]:
    """Return the queries per second of all attacks on a student, and how that was measured."""
    traces = [trace for attack in run.attacks for trace in run.traces[row, attack]]
    queries = sum(trace.queries for trace in traces)
    return (Number(speed(traces)), f"timed over {queries:,} queries") if queries else (Number(None), "")


def _diagnostics(run: Summary) -> list[Table]:
    """Return what methods say about themselves, where they say anything."""
    names = sorted({key[3] for key in run.index if key[3].startswith("fact/")})
    rows = tuple(
        (*run.label(row), name.removeprefix("fact/"), run.number(row, Column(name, name, 3)))
        for row in run.rows()
        for name in names
        if run.seeded(row, name)
    )
    caption = (*run.setting, "Means over seeds of what a method reports about its own making.")
    return [Table("diagnostics", "Diagnostics", ("teacher", "method", "fact", "value"), rows, caption)] if rows else []


def _published(run: Summary, path: Path) -> list[Table]:
    """Return other people's numbers beside ours, where the file that holds them is there."""
    if not path.is_file():
        return []
    with path.open("rb") as file:
        values: list[dict[str, Any]] = tomllib.load(file)["value"]
    fixed = ("published for", "method", "attack", "metric", "source", "published")
    columns = (*fixed, *(f"ours: {run.short(teacher)}" for teacher in run.teachers))
    caption = (
        *run.setting,
        "Published values are on Devign, with their authors' models and budgets: a reference only.",
    )
    if run.experiment["task"] != "devign":
        caption = (*caption, "Ours are on another task and cannot be compared with them.")
    return [Table("published", "Published values beside ours", columns, tuple(_quote(run, v) for v in values), caption)]


def _quote(run: Summary, value: dict[str, Any]) -> tuple[Entry, ...]:
    """Return one published value, and ours of the same method, attack and metric under each of our teachers."""
    metric = TITLES.get(value["metric"]) or f"{value['metric'].replace('_', ' ')} {value['unit']}".strip()
    method = f"{value['method']} ({value['note']})" if value.get("note") else value["method"]
    column = Column(value["metric"], metric, value["digits"])
    ours: list[Entry] = []
    for teacher in run.teachers:
        row = (teacher, value["method"])
        related = teacher == value["teacher"] or teacher.startswith(f"{value['teacher']}-")
        known = related and run.seeded(row, column.metric, value["attack"])
        ours.append(run.number(row, column, value["attack"]) if known else "")
    published = Number(float(value["value"]), digits=value["digits"])
    return (value["teacher"], method, value["attack"], metric, value["source"], published, *ours)
