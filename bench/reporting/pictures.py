"""A picture of step curves as values, and how pictures are rendered: SVG, PDF, and SVG inside a page. Pure.

Everything that is text may come from somebody else's data: it is spelled out where a font or XML may lack a character,
cut where it is long, and never read as mathematics. Colours are those of Okabe and Ito without the yellow, which is too
pale for paper; line styles and markers say the same again without colour. matplotlib is imported when something is
drawn, without pyplot: no window, no backend, and no style of the user's takes part.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from xml.sax.saxutils import escape, quoteattr

from bench.reporting.tables import MARK

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

PAGE_COLOURS = {"#ffffff": "var(--surface)", "#000000": "currentColor", "#dddddd": "var(--grid)"} | {
    colour.lower(): f"var(--s{place})" for place, colour in enumerate(COLOURS) if colour != "#000000"
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

    def draw(self) -> Figure:
        """Draw it; see `Drawable`."""
        return _draw(self)


class Drawable(Protocol):
    """A picture as values: the same values give the same bytes."""

    @property
    def name(self) -> str:
        """File name without its ending."""
        ...

    @property
    def title(self) -> str:
        """What it is called."""
        ...

    @property
    def caption(self) -> str:
        """Says to one who cannot see it what it shows."""
        ...

    def draw(self) -> Figure:
        """Draw it in the style that is set, laid out once for all renderings."""
        ...


def render(picture: Drawable) -> dict[str, bytes]:
    """Return the bytes by the ending of the file: svg for a page, pdf for `\\includegraphics`."""
    with _plain():
        figure = picture.draw()
        return {"svg": _svg(figure, picture), "pdf": _pdf(figure, picture)}


def inline(picture: Drawable) -> str:
    """Return SVG to stand inside a page: its text is text, its colours are variables of the page's style sheet.

    The variables are --surface, --grid and --s0 to --s6, in the order of COLOURS; ink is the page's own.
    """
    with _plain({"svg.fonttype": "none", "svg.hashsalt": picture.name}):
        text = _svg(picture.draw(), picture).decode()
    text = re.sub(r"<metadata>.*?</metadata>|<title>.*?</title>|<desc>.*?</desc>", "", text, flags=re.DOTALL)
    kept = set(re.findall(r"(?:href=\"|url\()#([\w-]+)", text))
    text = re.sub(r' id="([\w-]+)"', lambda match: match[0] if match[1] in kept else "", text)
    for colour, variable in PAGE_COLOURS.items():
        text = text.replace(colour, variable)
    box = re.search(r'viewBox="[\d. -]+"', text)
    if box is None:
        raise ValueError("expected matplotlib to write a viewBox")
    label = f"{plain(picture.title)}. {plain(picture.caption)}"
    opening = f'<svg {box[0]} role="img" aria-label={quoteattr(label)} xmlns:xlink="http://www.w3.org/1999/xlink">'
    return re.sub(r"^.*?<svg[^>]*>", lambda _: opening, text, count=1, flags=re.DOTALL).strip()


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
def _plain(more: Any = None) -> Iterator[None]:
    """Draw by our style alone, and by what is given besides, whatever the user's settings are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        with matplotlib.rc_context({**STYLE, **(more or {})}):
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


def _svg(figure: Figure, picture: Drawable) -> bytes:
    """Return SVG with the caption as its description, for whoever cannot see it."""
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Title": plain(picture.title), "Date": None})
    described = f"</title>\n <desc>{escape(plain(picture.caption))}</desc>".encode()
    return stream.getvalue().replace(b"</title>", described, 1)


def _pdf(figure: Figure, picture: Drawable) -> bytes:
    stream = io.BytesIO()
    facts = {"Title": plain(picture.title), "Subject": plain(picture.caption), "CreationDate": None}
    figure.savefig(stream, format="pdf", metadata=facts)
    return stream.getvalue()
