"""Tables from hand-made records, compared byte for byte with tests/golden/tables.

After a wanted change: `MOEKD_RECORD=1 pytest tests/unit/test_report.py`, then review the difference in git.
"""

import csv
import io
import math
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import report
from bench.config import CONTROLS, Experiment
from bench.measuring.robustness import WORST_CASE
from bench.presets import EMBEDDED
from bench.reporting.columns import COLLAPSED
from bench.reporting.latex import escape_latex, latex
from bench.reporting.summary import Summary
from bench.reporting.tables import MISSING, Number, Table, as_csv, escape_markdown, markdown
from bench.results import Record
from bench.storage.store import Cell, Store
from bench.types import UsageError

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "tables"
HOSTILE = "\\input{/etc/passwd} & 50% $x^2$ #1 _a~b <script>|`ls`[x](y) *** --"
TEACHER = "codebert-scratch"
FACTS = {
    "sha256": "abc",
    "source": "generator, seed 0",
    "synthetic": True,
    "teachers": {TEACHER: "RoBERTa architecture, small, pre-trained here; not Microsoft's weights"},
}
SIZES = replace(EMBEDDED, size_mb=0.5, test_limit=400, attack_limit=60, query_budget=150)
EXPERIMENT = Experiment(methods=("moekd", "compressor"), attacks=("rename-greedy",), seeds=(0, 1), preset=SIZES)


def record(method: str, metric: str, value: float, *, seed: int = 0, attack: str = "", **more: object) -> Record:
    fields = {"unit": "%", "n": 400, "teacher": TEACHER, "device": "cpu, 1 thread", **more}
    return Record(task="embedded", method=method, seed=seed, attack=attack, metric=metric, value=value, **fields)  # type: ignore[arg-type]


def clean(method: str, seed: int, accuracy: float, balanced_low: float) -> list[Record]:
    return [
        record(method, "accuracy", accuracy, seed=seed, low=accuracy - 4, high=accuracy + 4),
        record(method, "precision", math.nan if accuracy == 50 else accuracy + 1, seed=seed),
        record(method, "f1", accuracy - 5, seed=seed),
        record(method, "balanced_accuracy", accuracy, seed=seed, low=balanced_low, high=accuracy + 5),
        record(method, "auroc", accuracy / 100, seed=seed, unit=""),
        record(method, "parameters", 123_456, seed=seed, unit="", n=1),
        record(method, "size_mb", 0.4938, seed=seed, unit="MB", n=1),
    ]


def attacked(method: str, seed: int, attack: str, asr: float) -> list[Record]:
    union = "rename-greedy" if attack == WORST_CASE else ""
    found = [
        record(method, "attacked", 40 + seed, seed=seed, attack=attack, unit="", n=60),
        record(method, "asr", asr, seed=seed, attack=attack, n=40, low=asr / 2, high=min(100, asr * 2)),
        record(method, "asr_all", asr * 0.8, seed=seed, attack=attack, n=50, low=asr / 3, high=min(100, asr * 2)),
        record(method, "asr_untruncated", asr * 0.9, seed=seed, attack=attack, n=40, low=asr / 3, high=asr),
        record(method, "truncated", 4 * seed, seed=seed, attack=attack, unit="", n=10),
        record(method, "robust_accuracy", 90 - asr, seed=seed, attack=attack, n=60, low=80 - asr, high=99 - asr),
        record(method, "queries_mean", 33.25, seed=seed, attack=attack, unit="", n=40),
        record(method, "queries_fooled_mean", math.nan if asr == 0 else 21.5, seed=seed, attack=attack, unit="", n=10),
    ]
    return [replace(one, source=union) for one in found]


def speed(method: str) -> list[Record]:
    return [
        record(method, "latency_p50", 1.234, unit="ms", n=30),
        record(method, "energy", 3.2, unit="J", n=30, source="estimated from CPU time"),
    ]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Store]:
    """A run of two seeds in which the second seed of compressor is not there yet."""
    store = Store.open(tmp_path / "run", EXPERIMENT, FACTS)
    for method, accuracy, low in (("majority", 50, 45.1), ("teacher", 85, 80), ("kd", 75, 70), ("moekd", 78.5, 73)):
        for seed in (0, 1):
            store.put(Cell(TEACHER, method, seed), clean(method, seed, accuracy + seed * (method != "majority"), low))
            asr = 0 if method == "majority" else 100 - accuracy
            for attack in ("rename-greedy", "worst-case"):
                store.put(Cell(TEACHER, method, seed, attack, "attack"), attacked(method, seed, attack, asr))
    store.put(Cell(TEACHER, "compressor", 0), clean("compressor", 0, 74, 69))
    nothing_to_attack = record("compressor", "asr", math.nan, attack="rename-greedy", n=0)
    store.put(Cell(TEACHER, "compressor", 0, "rename-greedy", "attack"), [nothing_to_attack])
    entropy = record("moekd", "fact/router_entropy", 0.91, unit="")
    store.put(Cell(TEACHER, "moekd", 0, kind="speed"), [*speed("moekd"), entropy])
    yield store
    store.close()


def table(store: Store, name: str) -> Table:
    return next(table for table in report.build(Summary(store)) if table.name == name)


def cell(found: Table, method: str, column: str) -> str | Number:
    row = next(row for row in found.rows if str(row[1]).split(" ")[0] == method)
    return row[found.columns.index(column)]


def test_tables_match_the_golden_files(run: Store, tmp_path: Path) -> None:
    drawn = (".svg", ".pdf", ".html")  # another version of matplotlib may draw otherwise
    files = [path for path in report.write(run, tmp_path / "out") if path.suffix not in drawn]
    if os.environ.get("MOEKD_RECORD"):
        for old in GOLDEN.glob("*"):
            old.unlink()
        report.save(GOLDEN, {path.name: path.read_bytes() for path in files})
    assert sorted(path.name for path in files) == sorted(path.name for path in GOLDEN.iterdir())
    for path in files:
        assert path.read_bytes() == (GOLDEN / path.name).read_bytes(), path.name


def test_a_report_made_twice_is_the_same(run: Store, tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in report.write(run, tmp_path / "a")}
    second = {path.name: path.read_bytes() for path in report.write(Store.read(run.root), tmp_path / "b")}
    assert first == second
    report.write(run, tmp_path / "a")
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == first


def test_every_control_has_its_row_before_the_methods(run: Store) -> None:
    methods = [str(row[1]) for row in table(run, "main").rows]
    assert [name.split(" ")[0] for name in methods] == [*CONTROLS, "moekd", "compressor"]


def test_a_mean_over_seeds_has_an_interval_wider_than_one_seed(run: Store) -> None:
    found = table(run, "main")
    two, one = cell(found, "moekd", "accuracy %"), cell(found, "compressor", "accuracy %")
    assert isinstance(two, Number)
    assert isinstance(one, Number)
    assert (two.value, one.value, one.low, one.high) == (79.0, 74, 70, 78)
    assert two.high - two.low > 8


def test_a_collapsed_student_is_marked(run: Store) -> None:
    marked = [row[1] for row in table(run, "main").rows if "†" in str(row[1])]
    assert marked == ["majority †"]


def test_every_table_that_marks_a_student_says_what_the_mark_means(run: Store) -> None:
    marking = [one for one in report.build(Summary(run)) if any("†" in str(entry) for row in one.rows for entry in row)]
    assert {"main", "clean", "asr", "compression", "efficiency"} <= {one.name for one in marking}
    assert [one.name for one in marking if COLLAPSED not in one.caption] == []


def test_a_student_of_unknown_balance_is_marked(tmp_path: Path) -> None:
    store = Store.open(tmp_path, EXPERIMENT, FACTS)
    store.put(Cell(TEACHER, "kd", 0), [record("kd", "balanced_accuracy", math.nan, low=math.nan, high=math.nan)])
    store.close()
    assert "kd †" in [row[1] for row in table(store, "clean").rows]


def test_what_is_missing_is_a_dash_and_is_counted(run: Store) -> None:
    found = table(run, "main")
    assert cell(found, "supervised", "accuracy %") == Number(None)
    assert "Unfinished: 18 of 32 cells; means cover the finished seeds only." in found.caption
    assert MISSING in markdown(found)


def test_what_is_not_defined_is_not_a_dash(run: Store) -> None:
    number = cell(table(run, "main"), "compressor", "rename-greedy: ASR %")
    assert isinstance(number, Number)
    assert number.text() == "n/a"
    assert number.interval() == ""


def test_wide_tables_show_the_first_attacks_of_many(tmp_path: Path) -> None:
    names = ("suite", "alert", "style-transfer", "layout")
    store = Store.open(tmp_path, Experiment(methods=("moekd", "moekd[router=uniform]"), attacks=names), FACTS)
    for method in ("moekd", "moekd[router=uniform]"):
        store.put(Cell(TEACHER, method, 0), clean(method, 0, 70, 60))
        for asr, attack in enumerate((*names, WORST_CASE)):
            union = " + ".join(names) if attack == WORST_CASE else ""
            records = [replace(one, source=union) for one in attacked(method, 0, attack, asr)]
            store.put(Cell(TEACHER, method, 0, attack, "attack"), records)
    for wide in (table(store, "main"), table(store, "ablation")):
        assert [f"{name}: ASR %" in wide.columns for name in names] == [True, True, True, False]
        assert "worst-case: robust accuracy %" in wide.columns
        assert "the union of all 4 attacks; the first 3 have columns here" in " ".join(wide.caption)
    matrix = table(store, "asr")
    assert matrix.columns == ("teacher", "method", *names, WORST_CASE)
    assert [n.value for n in matrix.rows[-1] if isinstance(n, Number)] == [0, 1, 2, 3, 4]
    assert matrix.title in report.overview(store)
    store.close()


def test_captions_say_what_the_numbers_are_worth(run: Store) -> None:
    for found in report.build(Summary(run)):
        text = " ".join(found.caption)
        assert text.startswith("Synthetic data: the numbers are about the machinery")
        assert "not Microsoft's weights" in text
        assert "generator, seed 0" in text
        assert "seeds 0, 1" in text
        assert "Preset embedded" in text
    assert "depend on the machine" in " ".join(table(run, "efficiency").caption)
    assert "60 programs and 150 queries" in " ".join(table(run, "robustness").caption)


def test_a_finished_run_as_released_says_so(tmp_path: Path) -> None:
    store = Store.open(tmp_path, Experiment(methods=(), attacks=(), as_released=True), {"sha256": ""})
    for method in CONTROLS:
        store.put(Cell(TEACHER, method, 0), clean(method, 0, 70, 60))
    caption = " ".join(table(store, "main").caption)
    store.close()
    assert "as released" in caption
    assert "Unfinished" not in caption
    assert "Synthetic" not in caption


def test_energy_stands_beside_its_source(run: Store) -> None:
    found = table(run, "efficiency")
    assert cell(found, "moekd", "energy source") == "estimated from CPU time"
    assert cell(found, "moekd", "J per 1,000 inferences") == Number(3.2, digits=2)


def test_published_values_stand_beside_ours(run: Store) -> None:
    found = table(run, "published")
    rows = [row for row in found.rows if row[0] == "codebert" and str(row[1]).startswith("compressor")]
    assert [row[-2] for row in rows] == [Number(59.44, digits=2)]
    ours = rows[0][-1]
    assert isinstance(ours, Number)
    assert ours.value == 74
    assert all(row[-1] == "" for row in found.rows if row[0] == "graphcodebert")


def test_an_empty_run_still_has_tables(tmp_path: Path) -> None:
    with_nothing = Store.open(tmp_path, EXPERIMENT, {"sha256": ""})
    report.write(with_nothing, tmp_path / "tables")
    with_nothing.close()
    assert "Unfinished: 0 of 32 cells" in (tmp_path / "tables" / "main.md").read_text(encoding="utf-8")


def test_the_overview_is_the_main_tables_without_intervals(run: Store) -> None:
    text = report.overview(run)
    assert "## Accuracy, robustness and size" in text
    assert "## Robustness" in text
    assert not re.search(r"\d \[\d", text)


def test_a_directory_teacher_shows_no_machine_path(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "run", Experiment(teachers=("/home/somebody/models/mine",)), {"sha256": ""})
    report.write(store, tmp_path / "out")
    store.close()
    assert all("somebody" not in path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir())


def test_names_from_data_cannot_break_a_table(tmp_path: Path) -> None:
    experiment = Experiment(methods=(HOSTILE, "=cmd()"), attacks=(HOSTILE,), teachers=(HOSTILE + "\n\\end{document}",))
    store = Store.open(tmp_path / "run", experiment, {"sha256": "", "source": HOSTILE})
    report.write(store, tmp_path / "out")
    store.close()
    for path in (tmp_path / "out").glob("*.tex"):
        text = path.read_text(encoding="utf-8")
        assert text.isascii()
        assert "\\input" not in text
        assert text.count("\\end{table*}") == text.count("\\begin{table*}")
        lines = text.split("\\midrule")[1].split("\\bottomrule")[0].strip().splitlines()
        spec = re.search(r"begin\{tabular\}\{(\w+)\}", text)
        assert spec is not None
        assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {len(spec.group(1)) - 1}
        assert not [line for line in lines if line.startswith(("[", "*"))]
    for path in (tmp_path / "out").glob("*.md"):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
        assert not [line for line in lines if "<script>" in line.replace("\\<", "")]
    for path in (tmp_path / "out").glob("*.csv"):
        assert not [
            item for row in csv.reader(path.open(encoding="utf-8")) for item in row if item[:1] in "=+@" and item
        ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & 5%", r"a\_b \& 5\%"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("[x] *", "{[}x{]} {*}"),
        ("a--b---c", "a-{}-b-{}-{}-c"),
        ("é漢\n\nx", "(U+00E9)(U+6F22) x"),
        ("it's ``x''", "it's `{}`x'{}'"),
        ("~^<>|", r"\textasciitilde{}\textasciicircum{}\textless{}\textgreater{}\textbar{}"),
        ("\0\x1b", "(U+0000)(U+001B)"),
    ],
)
def test_latex_shows_text_as_it_is(text: str, expected: str) -> None:
    assert escape_latex(text) == expected


def test_markdown_shows_text_as_it_is() -> None:
    assert escape_markdown("a|b\n<b> [x](y) `c` *d*") == r"a\|b \<b\> \[x\](y) \`c\` \*d\*"


def test_numbers_are_rounded_for_people_and_exact_for_programs() -> None:
    found = Table("t", "T", ("name", "x"), (("a", Number(-0.04, -1.26, 2, digits=1)), ("b", Number(1 / 3, digits=2))))
    assert "0.0 [-1.3, 2.0]" in markdown(found)
    assert "-0.0" not in markdown(found).replace("[-", "")
    rows = list(csv.reader(io.StringIO(as_csv(found))))
    assert rows == [["name", "x", "x low", "x high"], ["a", "-0.04", "-1.26", "2"], ["b", "0.333333333333", "", ""]]
    assert "$-1.5$" in latex(Table("t", "T", ("x",), ((Number(-1.5),),)))


def test_a_ragged_table_is_a_bug() -> None:
    with pytest.raises(ValueError, match="2 entries"):
        Table("t", "T", ("a", "b"), (("x",),))


def test_tables_that_cannot_be_written_are_one_clear_line(run: Store, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="give another --out"):
        report.write(run, tmp_path / "out")
