"""Records to tables: Markdown, LaTeX and CSV. Pure: the same records give the same bytes, on any machine.

No number is typed here: ours come from the store, other people's from results/paper.toml. Leaves out bold winners:
a winner needs a paired test, and that comes with the regression gate.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.files import write_atomically
from bench.metrics import WORST_CASE
from bench.store import Store
from bench.summary import Column, Row, Summary
from bench.tables import MARK, Entry, Number, Table, as_csv, latex, markdown
from bench.types import UsageError

PUBLISHED = Path(__file__).resolve().parent.parent / "results" / "paper.toml"
ACCURACY, F1 = Column("accuracy", "accuracy %"), Column("f1", "F1 %")
BALANCED = Column("balanced_accuracy", "balanced accuracy %")
ASR, ROBUST = Column("asr", "ASR %"), Column("robust_accuracy", "robust accuracy %")
PARAMETERS, SIZE, GFLOPS = (
    Column("parameters", "parameters", 0),
    Column("size_mb", "MB", 2),
    Column("gflops", "GFLOPs", 3),
)
CLEAN = (
    ACCURACY,
    Column("precision", "precision %"),
    Column("recall", "recall %"),
    F1,
    BALANCED,
    Column("mcc", "MCC", 3),
    Column("auroc", "AUROC", 3),
    Column("positive_rate", "positive rate %"),
    Column("ece", "ECE", 3),
)
ROBUSTNESS = (
    Column("attacked", "attacked", 0),
    ASR,
    ROBUST,
    Column("queries_mean", "queries mean"),
    Column("queries_median", "queries median"),
    Column("loci_changed", "loci changed %"),
    Column("tokens_changed", "tokens changed %"),
    Column("parse_rate", "parse %"),
)
COMPRESSION = (PARAMETERS, SIZE, GFLOPS, Column("paper_gflops", "GFLOPs (paper formula)", 3))
EFFICIENCY = (
    Column("latency_p50", "latency p50 ms", 2),
    Column("latency_p90", "latency p90 ms", 2),
    Column("cpu_p50", "CPU p50 ms", 2),
    Column("energy", "J per 1,000 inferences", 2),
)
TITLES = {column.metric: column.title for column in (*CLEAN, *ROBUSTNESS, *COMPRESSION, *EFFICIENCY)}
INTERVALS = "Means over seeds [95% interval: sampling and, with several seeds, training; none where none is known]."
COLLAPSED = f"{MARK} collapsed: the 95% interval of its balanced accuracy is not above 50%; not to be ranked."
RATES = (
    "ASR: fooled over attacked, where attacked means classified correctly and offering a place to change.",
    "Robust accuracy: share of all programs still classified correctly under attack; higher is better.",
)


def build(store: Store) -> list[Table]:
    """Return every table of a run, in reading order."""
    run = Summary(store)
    tables = [_main(run), _clean(run), _robustness(run), _compression(run), _efficiency(run)]
    return [*tables, *_diagnostics(run), *_published(run, PUBLISHED)]


def overview(store: Store) -> str:
    """Return what a terminal shows after a run: the main tables, without intervals."""
    run = Summary(store)
    return "\n".join(markdown(table, intervals=False) for table in (_main(run), _robustness(run)))


def write(store: Store, out: Path) -> list[Path]:
    """Write each table as .md, .tex and .csv, and all of them as report.md, into `out`; return the files."""
    tables = build(store)
    files = {"report.md": "\n".join(["# Results\n", *map(markdown, tables)])}
    for table in tables:
        files |= {
            f"{table.name}.md": markdown(table),
            f"{table.name}.tex": latex(table),
            f"{table.name}.csv": as_csv(table),
        }
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"expected to write tables to {out}, got {error.strerror}: give another --out") from error
    for name, text in files.items():
        write_atomically(out / name, text.encode("utf-8"))
    return [out / name for name in files]


def _main(run: Summary) -> Table:
    attacks = [(attack, column) for attack in run.attacks for column in (ASR, ROBUST)] + [(WORST_CASE, ROBUST)]
    before, after = (ACCURACY, F1, BALANCED), (SIZE, PARAMETERS, GFLOPS)

    def line(row: Row) -> tuple[Entry, ...]:
        attacked = tuple(run.number(row, column, attack) for attack, column in attacks)
        return run.label(row) + run.numbers(row, before) + attacked + run.numbers(row, after)

    titles = [*_titles(before), *(f"{attack}: {column.title}" for attack, column in attacks), *_titles(after)]
    caption = (*run.setting, run.attack_setting, INTERVALS, *RATES, "Worst case: the union of all attacks.", COLLAPSED)
    return Table(
        "main", "Accuracy, robustness and size", ("teacher", "method", *titles), tuple(map(line, run.rows())), caption
    )


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
    return Table(name, title, ("teacher", "method", *_titles(columns)), rows, (*run.setting, INTERVALS, *notes))


def _robustness(run: Summary) -> Table:
    rows = [
        (*run.label(row), attack, *run.numbers(row, ROBUSTNESS, attack))
        for row in run.rows()
        for attack in (*run.attacks, WORST_CASE)
    ]
    notes = ("Changes are means over fooled programs; parse is the share of attacked programs that parse.", COLLAPSED)
    caption = (*run.setting, run.attack_setting, INTERVALS, *RATES, *notes)
    return Table(
        "robustness", "Robustness", ("teacher", "method", "attack", *_titles(ROBUSTNESS)), tuple(rows), caption
    )


def _efficiency(run: Summary) -> Table:
    rows, devices = [], []
    for row in run.rows():
        sources = dict.fromkeys(record.source for record in run.seeded(row, "energy"))
        devices += [record.device for record in run.seeded(row, "latency_p50")]
        rows.append((*run.label(row), *run.numbers(row, EFFICIENCY), "; ".join(sources)))
    notes = (
        "Measured timings at batch 1: they depend on the machine, and this is the only table that another run of the "
        "same experiment does not reproduce to the digit.",
        f"Device: {'; '.join(dict.fromkeys(filter(None, devices))) or 'not measured yet'}.",
    )
    titles = ("teacher", "method", *_titles(EFFICIENCY), "energy source")
    return Table("efficiency", "Efficiency (measured)", titles, tuple(rows), (*run.setting, *notes))


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


def _titles(columns: Sequence[Column]) -> list[str]:
    return [column.title for column in columns]
