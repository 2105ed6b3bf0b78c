"""LaTeX that a real engine sets: no error, nothing wider or higher than a page, nothing read as a macro."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.reporting.latex import LINES, latex
from bench.reporting.tables import Number, Table

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "tables"
HOSTILE = "\\input{/etc/passwd} \\write18{ls} & 50% $x^2$ #1 _a~b {[*]} ``--'' \\end{tabular} é漢"
DOCUMENT = r"""\documentclass[twocolumn]{article}
\usepackage{booktabs}
\begin{document}
%s
\clearpage
\end{document}
"""
WIDE = Table(
    "wide",
    "Wide",
    ("teacher", "method", *(f"attack-{i}: robust accuracy %" for i in range(24))),
    tuple(("codebert", f"method {i}", *(Number(50.0 + k, 41, 62) for k in range(24))) for i in range(70)),
    ("A note.",),
)
engine = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs a TeX engine: pdflatex is not installed")


def compiled(folder: Path, *tables: str) -> str:
    """Set the tables in a document; return the log."""
    (folder / "t.tex").write_text(DOCUMENT % "\n".join(tables), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "t.tex"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return (folder / "t.log").read_text(encoding="utf-8", errors="replace")


@engine
def test_every_golden_table_compiles_and_fits(tmp_path: Path) -> None:
    files = sorted(GOLDEN.glob("*.tex"))
    assert files
    log = compiled(tmp_path, *(rf"\input{{{file.as_posix()}}}" for file in files))
    assert "Overfull" not in log
    assert "too large" not in log


@engine
def test_a_table_too_wide_and_too_high_becomes_floats_that_fit(tmp_path: Path) -> None:
    log = compiled(tmp_path, latex(WIDE))
    assert "Overfull" not in log
    assert "too large" not in log


@engine
def test_hostile_text_is_set_as_it_is(tmp_path: Path) -> None:
    rows = ((HOSTILE, Number(-1.5, -3, 2)), ("[x]", Number(None)), ("*", Number(float("nan"))))
    log = compiled(tmp_path, latex(Table("t", HOSTILE, (HOSTILE, "x"), rows, (HOSTILE,))))
    assert "(/etc/passwd" not in log  # how a log names a file that was read
    assert "runsystem" not in log


def test_every_cell_of_a_divided_table_is_there_once() -> None:
    text = latex(WIDE)
    assert text.count("\\label{") == 1
    assert text.count("\\addtocounter{table}{-1}") == text.count("\\begin{table*}") - 1 > 0
    cells = re.findall(r"(?:(?<=& )|(?<=^))(\d+\.0) \{\\tiny", text)
    assert len(cells) == 24 * 70
    for part in text.split("\\begin{table*}")[1:]:
        assert part.count(" \\\\\n") <= LINES


def test_a_table_that_fits_is_one_float() -> None:
    text = latex(Table("t", "T", ("a", "b"), (("x", Number(1.0)),)))
    assert text.count("\\begin{tabular}") == 1
    assert "continued" not in text


def test_bold_is_bold() -> None:
    text = latex(Table("t", "T", ("a", "b"), (("x", Number(1.0, 0.5, 1.5, best=True)), ("y", Number(0.5)))))
    assert "\\textbf{1.0} {\\tiny [0.5, 1.5]}" in text
    assert text.count("textbf") == 1
