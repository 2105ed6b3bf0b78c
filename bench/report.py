"""Runs to read: one page, tables in Markdown, LaTeX, CSV and JSON, pictures. Pure: the same runs give the same bytes.

No number is typed here: ours come from the stores, other people's from bench/reporting/paper.toml.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.reporting import success, tradeoffs
from bench.reporting.ablation import ablation
from bench.reporting.attack_tables import asr, attacks, optimum, robustness
from bench.reporting.html.report import page
from bench.reporting.latex import latex
from bench.reporting.pictures import Drawable, Picture, render
from bench.reporting.published import beside_ours
from bench.reporting.significance import significance, winners
from bench.reporting.student_tables import clean, compression, diagnostics, efficiency, main
from bench.reporting.summary import Summary
from bench.reporting.tables import Table, as_csv, as_json, escape_markdown, markdown
from bench.storage.files import write_atomically
from bench.storage.store import Store
from bench.types import UsageError

SCHEMA = 1
"""Version of report.json."""
TIMED = ("efficiency.", "latency-robustness.", "report.")
"""Beginnings of the names of files that hold measured times: two runs of one experiment differ in these alone."""


def build(run: Summary) -> list[Table]:
    """Return every table of a run, in reading order."""
    best = winners(run)
    tables = [main(run, best), *significance(run), *ablation(run), clean(run, best)]
    costs = [asr(run), robustness(run, best), attacks(run), *optimum(run), compression(run), efficiency(run)]
    return [*tables, *costs, *diagnostics(run), beside_ours(run)]


def overview(*stores: Store) -> str:
    """Return what a terminal shows after a run: the main tables, without intervals."""
    run = Summary(*stores)
    best = winners(run)
    attacked = asr(run) if len(run.attacks) > len(run.leading) else robustness(run, best)
    return "\n".join(markdown(table, intervals=False) for table in (main(run, best), attacked))


def write(store: Store, out: Path, *others: Store) -> list[Path]:
    """Write everything that there is to read about a run, or about several as one, into `out`; return the files.

    Each table is written as .md, .tex and .csv, the curves as .csv and each picture as .svg and .pdf; report.html and
    report.md show all of it, and report.json holds every table unrounded.

    Raises:
        UsageError: the runs do not belong together, or `out` cannot be written.
    """
    return save(out, contents(store, *others))


def save(out: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files by name into a folder, which is made if need be; return their paths."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"expected to write to {out}, got {error.strerror}: give another --out") from error
    for name, content in files.items():
        write_atomically(out / name, content)
    return [out / name for name in files]


def html(*stores: Store) -> bytes:
    """Return report.html alone."""
    run = Summary(*stores)
    return page(run, build(run))


def contents(*stores: Store) -> dict[str, bytes]:
    """Return every file of a report by its name."""
    run = Summary(*stores)
    tables, curves = build(run), success.pictures(run)
    texts = {
        "report.md": "\n".join(["# Results\n", *map(markdown, tables), *_shown(run, curves)]),
        "report.json": _json(run, tables),
    }
    for table in tables:
        texts |= {
            f"{table.name}.md": markdown(table),
            f"{table.name}.tex": latex(table),
            f"{table.name}.csv": as_csv(table),
        }
    if curves:
        texts["curves.csv"] = as_csv(success.table(run))
    files = {name: text.encode("utf-8") for name, text in texts.items()}
    files["report.html"] = page(run, tables)
    drawn: list[Drawable] = [*curves, *tradeoffs.pictures(run)]
    for picture in drawn:
        files |= {f"{picture.name}.{ending}": content for ending, content in render(picture).items()}
    return files


def _json(run: Summary, tables: Sequence[Table]) -> str:
    content = {
        "schema": SCHEMA,
        "runs": [store.manifest.facts.get("sha256") for store in run.runs.stores],
        "tables": [as_json(table) for table in (*tables, success.table(run))],
    }
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _shown(run: Summary, pictures: Sequence[Picture]) -> list[str]:
    """Return the pictures as Markdown, with what holds for all of them under the last."""
    images = [f"![{escape_markdown(picture.title)}]({picture.name}.svg)\n" for picture in pictures]
    caption = escape_markdown(" ".join(success.caption(run)))
    return ["## Success against queries\n", *images, f"{caption}\n"] if pictures else []
