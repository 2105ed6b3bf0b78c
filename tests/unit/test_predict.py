"""Functions found in C files, and what is said about them: to people in lines, to tools in JSON and SARIF."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench import cli
from bench.deploying.predicting import MEANING, RULE, as_json, judge, sarif
from bench.syntax.functions import MOST_BYTES, divide
from bench.types import Probabilities


class Fake:
    """Vulnerable where a function calls danger."""

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        vulnerable = np.array([0.88 if "danger" in program else 0.12 for program in programs])
        return np.stack([1 - vulnerable, vulnerable], axis=1)


class Near(Fake):
    """It reads a quarter."""

    def visible(self, program: str) -> int:
        return len(program) // 4


FILE = b"""#include <stdio.h>
int total;
static int first(char *p)
{
    return danger(p);
}

#ifdef DEEP
unsigned long *(*second(void))[3] { return check(0); }
#endif
struct s { int x; };
int third(a, b) int a; char *b; { /* caf\xc3\xa9 */ return danger(b); }
"""


def test_functions_are_found_with_their_lines() -> None:
    found = divide("x.c", FILE)
    assert [(one.name, one.first, one.last) for one in found.functions] == [
        ("first", 3, 6),
        ("second", 9, 9),
        ("third", 12, 12),
    ]
    assert found.functions[0].text == "static int first(char *p)\n{\n    return danger(p);\n}"
    assert found.note == ""


@pytest.mark.parametrize(
    ("content", "note", "names"),
    [
        (b"", "no function found", []),
        (b"\x7fELF\0\0", "skipped: holds NUL bytes", []),
        (b"x" * (MOST_BYTES + 1), f"skipped: more than {MOST_BYTES:,} bytes", []),
        (b"int f(void) { return 1; }\n}}} @@ int g(", "could not be parsed", ["f"]),
        (b"int f(void) { return '\xff'; }", "", ["f"]),
        (b"import os\nprint(1)\n", "no function found", []),
        (b"(" * 5000 + b"int", "no function found", []),
    ],
)
def test_what_is_no_c_source_has_a_note(content: bytes, note: str, names: list[str]) -> None:
    found = divide("x.c", content)
    assert [one.name for one in found.functions] == names
    assert note in found.note
    assert bool(note) == bool(found.note)


def test_each_function_is_judged_in_order() -> None:
    judged = judge(Fake(), [divide("x.c", FILE), divide("y.c", b"")], 0.5)
    assert [one.found for one in judged] == [True, False, True]
    assert judged[0].line() == "x.c:3 first 0.8800 vulnerable"
    assert judged[1].line() == "x.c:9 second 0.1200 safe"
    assert [row["line"] for row in as_json(judged, [])["functions"]] == [3, 9, 12]


def test_a_name_cannot_end_a_line() -> None:
    judged = judge(Fake(), [divide("a\n\x1b[2Jb.c", FILE)], 0.5)
    assert judged[0].line().startswith("a\\x0a\\x1b[2Jb.c:3 first")


def test_what_was_not_read_is_said() -> None:
    files = [divide("x.c", FILE)]
    judged = judge(Near(), files, 0.5)
    assert judged[0].line().endswith("vulnerable (read 24% of it)")
    message = sarif(judged, files, "1", 0.5)["runs"][0]["results"][0]["message"]["text"]
    assert "Only the first 24% of it was read." in message


def test_sarif_has_the_shape_of_its_standard() -> None:
    files = [divide("src/a b#.c", FILE), divide("/abs/x.c", FILE), divide("bin", b"\0")]
    log = json.loads(json.dumps(sarif(judge(Fake(), files, 0.5), files, "0.1", 0.5)))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("moekd-bench", "0.1")
    assert driver["rules"][0]["id"] == RULE
    assert driver["rules"][0]["fullDescription"]["text"] == MEANING
    assert "NUL bytes" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]
    assert len(run["results"]) == 4
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        assert 0.0 <= result["rank"] <= 100.0
        (location,) = result["locations"]
        region = location["physicalLocation"]["region"]
        assert 1 <= region["startLine"] <= region["endLine"]
        assert location["logicalLocations"][0]["kind"] == "function"
        assert len(result["partialFingerprints"]["function/v1"]) == 64
    uris = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]]
    assert uris == ["src/a%20b%23.c"] * 2 + ["file:///abs/x.c"] * 2


FACTORY = """
import numpy as np
def model():
    class Model:
        def probabilities(self, programs):
            vulnerable = np.array([0.9 if "danger" in program else 0.2 for program in programs])
            return np.stack([1 - vulnerable, vulnerable], axis=1)
    return Model()
"""


def call(monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", "predict", *argv])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "guessing.py").write_text(FACTORY)
    (tmp_path / "x.c").write_bytes(FILE)
    (tmp_path / "safe.c").write_text("int f(void) { return 0; }")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


MODEL = ("--model", "guessing:model")


def test_a_finding_ends_with_1_only_if_asked(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "x.c", *MODEL) == 0
    assert capsys.readouterr().out.splitlines()[0] == "x.c:3 first 0.9000 vulnerable"
    assert call(monkeypatch, "x.c", *MODEL, "--fail-on-findings") == 1
    assert call(monkeypatch, "safe.c", *MODEL, "--fail-on-findings") == 0
    assert call(monkeypatch, "x.c", *MODEL, "--fail-on-findings", "--threshold", "0.95") == 0


def test_standard_input_json_and_sarif(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FILE)))
    assert call(monkeypatch, "-", "safe.c", "safe.c", *MODEL, "--json", "--sarif", "out.sarif") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["path"], row["name"]) for row in found["functions"]] == [
        ("stdin", "first"),
        ("stdin", "second"),
        ("stdin", "third"),
        ("safe.c", "f"),
    ]
    assert len(json.loads(Path("out.sarif").read_text())["runs"][0]["results"]) == 2


def test_a_file_without_functions_is_noted(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "image").write_bytes(b"\x89PNG\0")
    assert call(monkeypatch, "image", "x.c", *MODEL) == 0
    printed = capsys.readouterr()
    assert printed.err == "note: image: skipped: holds NUL bytes, so it is no C source\n"
    assert len(printed.out.splitlines()) == 3


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("missing.c", *MODEL), "expected a C file that can be read, got 'missing.c' (No such file or directory)"),
        ((".", *MODEL), "(Is a directory)"),
        (("x.c", "--model", "guessing:nothing"), "expected 'nothing' in the module"),
        (("x.c", *MODEL, "--student", "kd"), "expected a run directory beside --student"),
        (("x.c", *MODEL, "--sarif", "no/such/folder.sarif"), "in a directory that exists"),
    ],
)
def test_a_mistake_is_one_line(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    argv: tuple[str, ...],
    said: str,
) -> None:
    assert call(monkeypatch, *argv) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_a_student_of_a_run_judges(
    finished_run: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "x.c", "--model", str(finished_run), "--student", "kd") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["x.c:3", "x.c:9", "x.c:12"]
    assert call(monkeypatch, "x.c", "--model", str(finished_run)) == 2
    assert "expected --student with the run directory" in capsys.readouterr().err
