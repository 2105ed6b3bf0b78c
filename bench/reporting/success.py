"""Success against queries, as a report shows it: a table in long format and pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.reporting.columns import ASR, COLLAPSED
from bench.reporting.curves import Curve, success
from bench.reporting.pictures import Line, Picture
from bench.reporting.runs import Row
from bench.reporting.summary import Summary
from bench.reporting.tables import Number, Table
from bench.storage.files import slug

ACROSS, UPWARD = "queries to the student (programs, log scale)", "attacked programs fooled (%)"


def curves(run: Summary) -> dict[tuple[Row, str], Curve]:
    """Return the curve of every student under every attack, where there is one."""
    return {key: curve for key, traces in run.traces.items() if (curve := success(list(traces.values())))}


def table(run: Summary) -> Table:
    """Return all curves in long format: a row wherever a share changes, and one at the right end."""
    found = curves(run)
    rows = tuple(
        (run.short(teacher), method, attack, Number(float(queries), digits=0), Number(share))
        for ((teacher, method), attack), curve in found.items()
        for queries, share in dict((*curve, (_right(run, found), curve[-1][1]))).items()
    )
    return Table("curves", "Success against queries", ("teacher", "method", "attack", "queries", ASR.title), rows)


def caption(run: Summary) -> tuple[str, ...]:
    """Return what holds for all curves."""
    return (
        *run.setting,
        run.attack_setting,
        "Share of attacked programs that fell within so many queries, the original and repetitions included; at the "
        "right end it is the ASR.",
        "Several seeds are pooled as the mean of their curves, each weighing the same; finished attacks only.",
        "Legends are in the order of the lines at the right end.",
        COLLAPSED,
    )


def pictures(run: Summary) -> list[Picture]:
    """Return a picture for each attack, with a line for each method, and the other way round."""
    found, drawn = curves(run), []
    right = _right(run, found)
    top = min(100.0, 10.0 * math.floor(max((curve[-1][1] for curve in found.values()), default=0.0) / 10 + 1))

    def picture(kind: str, subject: str, teacher: str, lines: Sequence[tuple[str, tuple[Row, str]]]) -> Picture:
        shown = tuple(Line(name, look, found[key]) for look, (name, key) in enumerate(lines) if key in found)
        suffix = f".{slug(run.short(teacher))}" if len(run.teachers) > 1 else ""
        title = f"{subject}: success against queries, {run.short(teacher)}"
        ends = "; ".join(f"{line.name} {line.points[-1][1]:.1f}%" for line in shown)
        told = " ".join((f"{title}.", f"At the right end: {ends}.", *caption(run)))
        return Picture(f"curves-{kind}-{slug(subject)}{suffix}", title, told, ACROSS, UPWARD, shown, right, top)

    for teacher in run.teachers:
        rows = [(teacher, method) for method in run.methods]
        named = [(str(run.label(row)[1]), row) for row in rows]
        drawn += [picture("attack", a, teacher, [(name, (row, a)) for name, row in named]) for a in run.attacks]
        drawn += [picture("method", row[1], teacher, [(a, (row, a)) for a in run.attacks]) for row in rows]
    return [one for one in drawn if one.lines]


def _right(run: Summary, found: dict[tuple[Row, str], Curve]) -> int:
    """Return where the axis of queries ends: at the budget, or later where an attack has one of its own."""
    return max(2, int(run.experiment["preset"]["query_budget"]), *(curve[-1][0] for curve in found.values()))
