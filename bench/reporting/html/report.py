"""report.html: everything that a run has to say, on one page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.reporting import success, tradeoffs
from bench.reporting.columns import Column
from bench.reporting.html.examples import examples
from bench.reporting.html.page import render
from bench.reporting.pictures import Drawable, inline
from bench.reporting.runs import Row
from bench.reporting.summary import Summary, unlocated
from bench.reporting.tables import Number, Table
from bench.storage.store import Store

BUDGETS = (1, 10, 30, 100, 300, 1000, 3000)
"""Queries at which a curve is told in numbers (protocol, "Metrics")."""
FACTS = {
    "router_entropy": "0: one expert decides each program; 1: all weigh the same",
    "router_largest_load": "the mean weight of the busiest expert",
    "router_load": "mean weight of one expert",
    "router_step": "the step of the router's training that was kept; 0: uniform weights",
    "mixture_teacher_agreement": "same answers of the mixture and the single teacher",
    "expert_accuracy_inside": "experts on programs of their own part",
    "expert_accuracy_outside": "experts on programs of other parts",
    "mixture_accuracy": "experts weighted by the router",
    "uniform_accuracy": "the same experts, all weighing the same",
}
"""What a router's diagnostics mean; shares from 0 to 1, on validation."""


@dataclass(frozen=True)
class Figure:
    """A picture in the page, with the same in numbers."""

    name: str
    title: str
    svg: str
    table: Table | None = None


@dataclass(frozen=True)
class Fact:
    """One diagnostic of a router."""

    student: str
    name: str
    meaning: str
    number: Number

    @property
    def width(self) -> float:
        """How long its bar is, in %."""
        return 100 * min(1.0, max(0.0, self.number.value or 0.0))


def page(run: Summary, tables: Sequence[Table]) -> bytes:
    """Return the page; `tables` are those of the report, the main one first."""
    curves = success.pictures(run)
    told = _at_budgets(run)
    return render(
        "report.html",
        title="Robustness of compressed code models",
        synthetic=bool(run.facts.get("synthetic")),
        setting=run.setting,
        common=(*run.setting, run.attack_setting),
        attack_setting=run.attack_setting,
        numbers=_numbers(run),
        tables={table.name: table for table in tables},
        tradeoffs=_figures(tradeoffs.pictures(run)),
        curves=_figures([one for one in curves if one.name.startswith("curves-attack-")]),
        curve_table=told,
        curve_caption=[line for line in success.caption(run) if line not in (*run.setting, run.attack_setting)],
        facts=_facts(run),
        examples=examples(run),
        manifests=[_manifest(store) for store in run.runs.stores],
    )


def _figures(pictures: Sequence[Drawable]) -> list[Figure]:
    return [Figure(one.name, one.title, inline(one)) for one in pictures]


def _at_budgets(run: Summary) -> Table:
    """Return the curves at a few budgets, as far as they go."""
    right = int(run.experiment["preset"]["query_budget"])
    budgets = [budget for budget in BUDGETS if budget < right] + [right]

    def within(row: Row, attack: str, budget: int) -> Number:
        shares = [trace.within(budget) for trace in run.traces[row, attack].values() if trace.attacked]
        return Number(math.fsum(shares) / len(shares)) if shares else Number(None)

    rows = tuple(
        (*run.label(row), attack, *(within(row, attack, budget) for budget in budgets))
        for row in run.rows()
        for attack in run.attacks
    )
    columns = ("teacher", "method", "attack", *(f"{budget:,} queries" for budget in budgets))
    return Table("budgets", "Share of attacked programs fooled (%)", columns, rows)


def _facts(run: Summary) -> list[Fact]:
    """Return what methods with a router say about it."""
    names = sorted({key[3] for key in run.index if key[3].startswith("fact/")})
    found = []
    for row in run.rows():
        for name in names:
            short = name.removeprefix("fact/")
            meaning = FACTS.get(short) or FACTS.get(short.rstrip("0123456789").rstrip("_"))
            if meaning and run.seeded(row, name):
                student = f"{run.label(row)[1]} ({run.short(row[0])})"
                found.append(Fact(student, short.replace("_", " "), meaning, run.number(row, Column(name, name, 3))))
    return found


def _numbers(run: Summary) -> list[tuple[str, str]]:
    """Return the size of the report in a few figures."""
    counts = (
        ("students and controls", len(run.rows())),
        ("attacks", len(run.attacks)),
        ("seeds", len(run.seeds)),
        ("runs", len(run.runs.stores)),
    )
    return [(name, f"{count:,}") for name, count in counts]


def _manifest(store: Store) -> list[tuple[str, str]]:
    """Return what a run says about itself, as names and values."""
    manifest = store.manifest
    listed: list[tuple[str, str]] = [("schema", str(manifest.schema))]
    for part in (manifest.facts, manifest.experiment):
        listed += [(name, _text(value)) for name, value in part.items() if value not in ("", None, {}, [])]
    for place, session in enumerate(manifest.sessions, start=1):
        listed.append((f"session {place}", _text(session)))
    return listed


def _text(value: Any) -> str:
    """Return JSON as words; of a directory of this machine only the last part."""
    if isinstance(value, dict):
        return "; ".join(f"{unlocated(str(name))}: {_text(one)}" for name, one in value.items())
    return ", ".join(map(_text, value)) if isinstance(value, list) else unlocated(str(value))
