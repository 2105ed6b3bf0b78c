"""Accuracy, size and latency against robustness, as a report shows them: pictures of all students of a report."""

from __future__ import annotations

import math

from bench.measuring.robustness import WORST_CASE
from bench.reporting.columns import ACCURACY, COLLAPSED, EFFICIENCY, INTERVALS, ROBUST, SIZE, Column
from bench.reporting.runs import Row
from bench.reporting.scatter import NOWHERE, Point, Scatter, front
from bench.reporting.summary import Summary
from bench.reporting.tables import MARK, Number

LATENCY = EFFICIENCY[0]
UPWARD = "robust accuracy under all attacks (%)"


def pictures(run: Summary) -> list[Scatter]:
    """Return accuracy, size and latency against worst-case robust accuracy; none of them without a point."""
    drawn = [
        _picture(run, "accuracy-robustness", "Accuracy against robustness", ACCURACY, "clean accuracy (%)"),
        _picture(run, "size-robustness", "Size against robustness", SIZE, "size (MB)"),
        _picture(run, "latency-robustness", "Latency against robustness", LATENCY, "latency at batch 1, median (ms)"),
    ]
    return [one for one in drawn if one.points]


def _picture(run: Summary, name: str, title: str, column: Column, across: str) -> Scatter:
    found = [_point(run, look, row, column) for look, row in enumerate(run.rows())]
    points = tuple(point for point in found if math.isfinite(point.x) and math.isfinite(point.y))
    best = () if column == ACCURACY else front(points)
    told = "; ".join(f"{point.name}: {point.x:.{column.digits}f} and {point.y:.1f}%" for point in points)
    line = "Dashed: the Pareto front, students that no other beats on both." if best else ""
    notes = " ".join(filter(None, (line, INTERVALS, f"Hollow: {COLLAPSED}")))
    return Scatter(name, title, f"{told}. {notes}", across, UPWARD, points, best)


def _point(run: Summary, look: int, row: Row, column: Column) -> Point:
    x, y = run.number(row, column), run.number(row, ROBUST, WORST_CASE)
    collapsed = run.collapsed(row)
    method = f"{row[1]} {MARK}" if collapsed else row[1]
    name = f"{run.short(row[0])}, {method}" if len(run.teachers) > 1 else method
    return Point(name, look, _value(x), _value(y), _interval(x), _interval(y), collapsed)


def _value(number: Number) -> float:
    return math.nan if number.value is None else number.value


def _interval(number: Number) -> tuple[float, float]:
    return (number.low, number.high) if number.bounded else NOWHERE
