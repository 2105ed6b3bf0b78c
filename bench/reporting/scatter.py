"""A picture of students as points with intervals, the best trade-offs joined by a line. Pure; see `pictures`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.measuring.stats import Interval
from bench.reporting.pictures import COLOURS, HEIGHT, HEIGHT_PER_LINE, LONGEST_TITLE, MARKERS, WIDTH, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOWHERE: Interval = (math.nan, math.nan)


@dataclass(frozen=True)
class Point:
    """One student."""

    name: str
    look: int
    """Its place in the run: the same student looks the same in every picture."""
    x: float
    y: float
    x_interval: Interval = NOWHERE
    y_interval: Interval = NOWHERE
    hollow: bool = False
    """A collapsed student: it is shown, and never among the best trade-offs."""


@dataclass(frozen=True)
class Scatter:
    """Points over two axes; `front` names those that nothing else beats on both."""

    name: str
    """File name without its ending."""
    title: str
    caption: str
    across: str
    """Title of the horizontal axis, with its unit, as the next one."""
    upward: str
    points: tuple[Point, ...]
    front: tuple[Point, ...] = ()
    """From left to right; joined by a line."""

    def draw(self) -> Figure:
        """Draw it, laid out once for all renderings."""
        from matplotlib.figure import Figure

        height = max(HEIGHT, HEIGHT_PER_LINE * (len(self.points) + 4))
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        if len(self.front) > 1:
            xs, ys = [point.x for point in self.front], [point.y for point in self.front]
            axes.step(xs, ys, where="post", color="#000000", linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        for point in self.points:
            _mark(axes, point, point in self.front)
        figure.suptitle(short(self.title, LONGEST_TITLE), x=0.01, ha="left", fontsize="medium")
        axes.set_xlabel(self.across)
        axes.set_ylabel(self.upward)
        axes.margins(0.08)
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        return figure


def front(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return the points that no other beats on both axes, less of x and more of y being better, from left to right."""
    best: list[Point] = []
    for point in sorted((p for p in points if not p.hollow), key=lambda p: (p.x, -p.y)):
        if not best or point.y > best[-1].y:
            best.append(point)
    return tuple(best)


def _mark(axes: Axes, point: Point, on_front: bool) -> None:
    """Draw one point; the blank before its name keeps names that begin with an underscore in the legend."""
    colour, turn = COLOURS[point.look % len(COLOURS)], point.look // len(COLOURS)
    axes.errorbar(
        [point.x],
        [point.y],
        xerr=_bars(point.x, point.x_interval),
        yerr=_bars(point.y, point.y_interval),
        label=f" {short(point.name)}",
        color=colour,
        marker=MARKERS[(point.look + turn) % len(MARKERS)],
        markersize=8 if on_front else 6,
        markerfacecolor="white" if point.hollow else colour,
        linestyle="none",
        elinewidth=0.9,
        zorder=2,
    )


def _bars(centre: float, interval: Interval) -> list[list[float]] | None:
    """Return how far an interval reaches to both sides; None where there is none."""
    low, high = interval
    return [[max(0.0, centre - low)], [max(0.0, high - centre)]] if math.isfinite(low) and math.isfinite(high) else None
