"""Pictures: the same bytes in every process, and nothing of what names hold is taken for anything but text."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.reporting.pictures import COLOURS, LONGEST, Line, Picture, plain, render, short, ticks

HOSTILE = "$\\frac{1}$ & </title><script>x</script> _a^b %#{}~ é漢\x00\x1b\n\\input{x} $$ ]]> --"
PICTURE = Picture(
    name="curves-attack-alert",
    title="alert: success against queries",
    caption="What it shows.",
    across="queries (programs)",
    upward="fooled (%)",
    lines=(Line("moekd", 0, ((1, 0.0), (4, 20.0), (60, 35.5))), Line("majority †", 1, ((1, 0.0),))),
    right=100,
    top=40.0,
)
SVG = "{http://www.w3.org/2000/svg}"
SCRIPT = """
import hashlib, runpy, sys
found = runpy.run_path(sys.argv[1])
print({ending: hashlib.sha256(content).hexdigest() for ending, content in found["render"](found["PICTURE"]).items()})
"""


def texts(svg: bytes) -> list[str]:
    """What matplotlib drew as text; it leaves each as a comment beside the outlines."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.fromstring(svg, parser)
    return [str(node.text).strip() for node in root.iter() if node.tag is ElementTree.Comment]


def test_another_process_draws_the_same_bytes() -> None:
    env = {**os.environ, "PYTHONHASHSEED": "77", "SOURCE_DATE_EPOCH": "1700000000", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__))]
    out = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout
    here = {ending: hashlib.sha256(content).hexdigest() for ending, content in render(PICTURE).items()}
    assert out.strip() == str(here)


def test_the_style_of_the_user_takes_no_part() -> None:
    import matplotlib

    expected = render(PICTURE)
    with matplotlib.rc_context({"text.usetex": True, "font.size": 30.0, "svg.fonttype": "none", "axes.grid": False}):
        assert render(PICTURE) == expected
        assert matplotlib.rcParams["font.size"] == 30.0


def test_a_picture_says_its_title_its_axes_and_its_lines() -> None:
    found = texts(render(PICTURE)["svg"])
    assert {PICTURE.title, PICTURE.across, PICTURE.upward, "moekd", "majority †", "100", "40"} <= set(found)
    assert found.index("moekd") < found.index("majority †")


def test_the_highest_line_comes_first_in_the_legend() -> None:
    lines = (Line("low", 0, ((1, 0.0),)), Line("high", 1, ((1, 0.0), (2, 30.0))), Line("zero", 2, ((1, 0.0),)))
    found = texts(render(replace(PICTURE, lines=lines))["svg"])
    assert [text for text in found if text in ("low", "high", "zero")] == ["high", "low", "zero"]


def test_who_cannot_see_a_picture_is_told_what_it_shows() -> None:
    root = ElementTree.fromstring(render(PICTURE)["svg"])
    assert root.findtext(f"{SVG}title") == PICTURE.title
    assert root.findtext(f"{SVG}desc") == PICTURE.caption


def test_neither_holds_a_date() -> None:
    found = render(PICTURE)
    assert b"dc:date" not in found["svg"]
    assert b"Date" not in found["pdf"]


def test_hostile_names_are_text() -> None:
    lines = tuple(
        Line(name, look, ((1, 0.0), (3, 10.0))) for look, name in enumerate((HOSTILE, "$x$", "$\\frac$", "_hidden", ""))
    )
    hostile = replace(PICTURE, title=HOSTILE, caption=HOSTILE, lines=lines)
    found = render(hostile)
    root = ElementTree.fromstring(found["svg"])
    assert root.findtext(f"{SVG}title") == plain(HOSTILE)
    assert root.findtext(f"{SVG}desc") == plain(HOSTILE)
    assert not list(root.iter(f"{SVG}script"))
    assert {"$x$", "$\\frac$", "_hidden"} <= set(texts(found["svg"]))
    assert found["pdf"].startswith(b"%PDF")


def test_names_are_spelled_out_and_cut() -> None:
    assert plain("a\n b\x00é †") == "a b(U+0000)(U+00E9) †"
    assert short("x" * LONGEST) == "x" * LONGEST
    assert short("x" * LONGEST + "y") == "x" * (LONGEST - 3) + "..."


def test_fifty_lines_look_different_and_their_legend_fits() -> None:
    lines = tuple(Line(f"line {look}", look, ((1, 0.0), (2 + look, float(look)))) for look in range(40))
    svg = render(replace(PICTURE, lines=lines))["svg"]
    assert len([text for text in texts(svg) if text.startswith("line ")]) == 40
    height = float(ElementTree.fromstring(svg).attrib["height"].removesuffix("pt"))
    assert height > 40 * 15
    assert b"#F0E442" not in svg, "yellow is too pale for paper"
    assert all(colour.lower().encode() in svg for colour in COLOURS)


def test_curves_hold_their_value_up_to_the_right_edge() -> None:
    svg = render(replace(PICTURE, lines=(Line("one", 0, ((1, 0.0), (10, 40.0))),)))["svg"]
    nodes = [node.attrib for node in ElementTree.fromstring(svg).iter(f"{SVG}path")]
    line = next(node["d"] for node in nodes if f"stroke: {COLOURS[0].lower()}" in node.get("style", ""))
    points = [tuple(map(float, point.split())) for point in line.removeprefix("M").split("L")]
    (left, low), (turn, same), (up, high), (right, end) = dict.fromkeys(points)
    assert left < turn == up < right
    assert low == same > high == end, "SVG counts downwards"
    assert turn - left == pytest.approx(right - turn, rel=1e-3), "10 is halfway between 1 and 100"


def test_ticks_are_round_numbers() -> None:
    assert ticks(100) == [1, 2, 5, 10, 20, 50, 100]
    assert ticks(2) == [1, 2]
    assert ticks(150) == [1, 2, 5, 10, 20, 50, 100]
    assert ticks(200_000) == [1, 10, 100, 1_000, 10_000, 100_000]


def test_pdf_embeds_fonts_that_journals_take() -> None:
    pdf = render(PICTURE)["pdf"]
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
