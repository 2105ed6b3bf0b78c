"""A picture of step curves as values, and its two renderings: SVG and PDF. Pure: same picture, same bytes.

Everything that is text may come from somebody else's data: it is spelled out where a font or XML may lack a character,
cut where it is long, and never read as mathematics. Colours are those of Okabe and Ito without the yellow, which is too
pale for paper; line styles and markers say the same again without colour. matplotlib is imported when something is
drawn, without pyplot: no window, no backend, and no style of the user's takes part.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from bench.tables import MARK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1)), (0, (8, 2)), (0, (4, 1, 1, 1, 1, 1)))
MARKERS = "osD^vPX<>*hdp8"
LONGEST, LONGEST_TITLE = 28, 80
"""Characters of a name and of a title in a picture."""
WIDTH, HEIGHT, HEIGHT_PER_LINE = 7.0, 4.0, 0.22
"""Inches; a legend of many lines makes a picture higher."""
STYLE: Any = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9.0,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "svg.hashsalt": "moekd-bench",
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Line:
    """One step curve."""

    name: str
    look: int
    """The place of its name in the run: the same name looks the same in every picture."""
    points: tuple[tuple[int, float], ...]
    """Where it changes: x ascending from 1, and y from there on."""


@dataclass(frozen=True)
class Picture:
    """Step curves over a logarithmic axis from 1 to `right`, and an axis in % from 0 to `top`."""

    name: str
    """File name without its ending."""
    title: str
    caption: str
    """Says to a reader, or to one who cannot see it, what the picture shows."""
    across: str
    """Title of the horizontal axis, with its unit, as the next one."""
    upward: str
    lines: tuple[Line, ...]
    right: int
    top: float


def render(picture: Picture) -> dict[str, bytes]:
    """Return the bytes by the ending of the file: svg for a page, pdf for `\\includegraphics`."""
    with _plain():
        figure = _draw(picture)
        return {"svg": _svg(figure, picture), "pdf": _pdf(figure, picture)}


def plain(text: str) -> str:
    """Return text on one line, spelled out where a font may lack a character."""
    flat = " ".join(text.split())
    return "".join(char if " " <= char <= "~" or char == MARK else f"(U+{ord(char):04X})" for char in flat)


def short(text: str, longest: int = LONGEST) -> str:
    """Return plain text that is not too long for its place."""
    shown = plain(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."


def ticks(right: int) -> list[int]:
    """Return 1, 2, 5, 10, ... up to `right`, or the powers of ten alone where the former would be crowded."""
    steps = (1, 2, 5) if right <= 10_000 else (1,)
    marks = [step * 10**power for power in range(len(str(right))) for step in steps]
    return [mark for mark in marks if mark <= right]


@contextmanager
def _plain() -> Iterator[None]:
    """Draw by our style alone, whatever the user's settings are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        with matplotlib.rc_context(STYLE):
            yield


def _draw(picture: Picture) -> Figure:
    """Draw, and lay out once for both renderings."""
    from matplotlib.figure import Figure

    height = max(HEIGHT, HEIGHT_PER_LINE * (len(picture.lines) + 4))
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    highest_first = sorted(picture.lines, key=lambda line: -line.points[-1][1])
    for line in highest_first:
        _step(axes, line, picture.right)
    figure.suptitle(short(picture.title, LONGEST_TITLE), x=0.01, ha="left", fontsize="medium")
    axes.set_xlabel(picture.across)
    axes.set_ylabel(picture.upward)
    axes.set_xscale("log")
    marks = ticks(picture.right)
    axes.set_xticks(marks, [f"{mark:,}" for mark in marks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(1, picture.right)
    axes.set_ylim(0, picture.top)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0, handlelength=3.5)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def _step(axes: Axes, line: Line, right: int) -> None:
    """Draw a line that holds each value until the next, up to the right edge; a second round of colours is hollow.

    The blank before its name keeps names that begin with an underscore, or are empty, in the legend.
    """
    turn = line.look // len(COLOURS)
    points = [*line.points, (right, line.points[-1][1])]
    axes.step(
        [x for x, _ in points],
        [y for _, y in points],
        where="post",
        label=f" {short(line.name)}",
        color=COLOURS[line.look % len(COLOURS)],
        linestyle=DASHES[(line.look + 2 * turn) % len(DASHES)],
        marker=MARKERS[line.look % len(MARKERS)],
        markersize=4.5,
        markerfacecolor="white" if turn % 2 else None,
        markevery=(0.02 * (line.look % len(COLOURS)), 0.16),
        clip_on=False,
    )


def _svg(figure: Figure, picture: Picture) -> bytes:
    """Return SVG with the caption as its description, for whoever cannot see it."""
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Title": plain(picture.title), "Date": None})
    described = f"</title>\n <desc>{escape(plain(picture.caption))}</desc>".encode()
    return stream.getvalue().replace(b"</title>", described, 1)


def _pdf(figure: Figure, picture: Picture) -> bytes:
    stream = io.BytesIO()
    facts = {"Title": plain(picture.title), "Subject": plain(picture.caption), "CreationDate": None}
    figure.savefig(stream, format="pdf", metadata=facts)
    return stream.getvalue()
