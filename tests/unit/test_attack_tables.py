"""From judged samples to what a report says about attacks: tables, curves and pictures of a run of two seeds.

After a wanted change: `MOEKD_RECORD=1 pytest tests/unit/test_attack_tables.py`, then review the difference in git.
Pictures are no golden files: another version of matplotlib may draw them otherwise.
"""

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from bench import report
from bench.config import CONTROLS, Experiment, Model
from bench.measuring.evaluate import Measured, share
from bench.measuring.robust import optimum as compare
from bench.measuring.robust import robust
from bench.measuring.robustness import UNION, WORST_CASE, worst_case
from bench.presets import EMBEDDED
from bench.reporting import success
from bench.reporting.attack_tables import attacks, optimum, robustness
from bench.reporting.summary import Summary
from bench.reporting.tables import MARK, Number, Table, as_csv, markdown
from bench.results import Outcome, Record, Verdict
from bench.storage.store import Cell, Store

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "attacks"
TEACHER = "codebert-scratch"
METHODS = ("majority", "moekd")
ATTACKS = ("mhm", "combined", "exhaustive")
EXPERIMENT = Experiment(
    methods=METHODS,
    attacks=ATTACKS,
    seeds=(0, 1),
    preset=replace(EMBEDDED, test_limit=40, attack_limit=40, query_budget=150),
)
FACTS = {"sha256": "abc", "source": "generator", "checks": "A success must parse and compile (gcc 13)"}
HOSTILE = "\\input{/etc/passwd} & 50% $x^2$ #1 _a~b <script>|`ls`[x](y) *** --"
ODDS: dict[str, tuple[float, ...]] = {
    "mhm": (0.3, 0.7, 0.0),
    "combined": (0.5, 0.5, 0.0),
    "exhaustive": (0.3, 0.3, 0.4),
}
"""Of an attacked sample: fooled, resisted, too large."""


def outcomes(attack: str, seed: int, easy: float) -> list[Outcome]:
    """Forty samples: five misjudged, three without a place to change, the rest attacked."""
    rng = np.random.default_rng([seed, len(attack)])
    fates: list[Verdict] = ["fooled", "resisted", "too_large"]
    found = []
    for place in range(40):
        verdict: Verdict = "already_wrong" if place < 5 else "no_sites" if place < 8 else "resisted"
        if place >= 8 and easy:
            verdict = fates[int(rng.choice(3, p=ODDS[attack]))]
        fell = int(rng.integers(2, 60)) if verdict == "fooled" else None
        found.append(
            Outcome(
                f"embedded/test/{place}",
                1,
                verdict,
                queries=(fell or 150) if place >= 8 else 1,
                distinct=(fell or 150) // 2,
                fell_at=fell,
                sites=6,
                changed=("a -> b",) if fell else (),
                tokens_changed=0.05 if fell else 0.0,
                stopped={"compile": 1} if fell and place % 4 == 0 else {},
                by_truncation=bool(fell) and place % 5 == 0,
                seconds=0.125,
            )
        )
    return found


def put(store: Store, cell: Cell, measured: list[Measured]) -> None:
    labels = ("embedded", cell.teacher, cell.method, cell.seed, cell.attack)
    store.put(cell, [Record(*labels, **asdict(one)) for one in measured])


def fill(store: Store, method: str, seed: int, attacks: tuple[str, ...] = ATTACKS) -> None:
    """Store what a run stores of one student."""
    balanced = (45.0, 55.0) if method == "majority" else (70.0, 80.0)
    middle = sum(balanced) / 200
    put(
        store,
        Cell(TEACHER, method, seed),
        [share("accuracy", middle, 40), share("balanced_accuracy", middle, 40, (balanced[0] / 100, balanced[1] / 100))],
    )
    judged = {attack: outcomes(attack, seed, float(method != "majority")) for attack in attacks}
    nearness = compare(judged)
    for attack, found in judged.items():
        cell = Cell(TEACHER, method, seed, attack, "attack")
        for outcome in found:
            store.append(cell, outcome)
        put(store, cell, [*robust(found), *nearness.get(attack, [])])
    union = [replace(one, source=UNION.join(judged)) for one in robust(worst_case(judged))]
    put(store, Cell(TEACHER, method, seed, WORST_CASE, "attack"), union)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two students; the second seed of moekd, and all other controls, are not there yet."""
    made = Store.open(tmp_path / "run", EXPERIMENT, FACTS)
    for method, seed in (("majority", 0), ("majority", 1), ("moekd", 0)):
        fill(made, method, seed)
    yield made
    made.close()


@pytest.fixture
def run(store: Store) -> Summary:
    return Summary(store)


def cell(table: Table, method: str, attack: str, column: str) -> Number:
    row = next(row for row in table.rows if str(row[1]).split(" ")[0] == method and row[2] == attack)
    found = row[table.columns.index(column)]
    assert isinstance(found, Number)
    return found


def test_tables_match_the_golden_files(run: Summary) -> None:
    tables = {table.name: table for table in (robustness(run), attacks(run), *optimum(run), success.table(run))}
    files = {f"{name}.csv": as_csv(table) for name, table in tables.items()}
    files |= {f"{name}.md": markdown(table) for name, table in tables.items() if name != "curves"}
    if os.environ.get("MOEKD_RECORD"):
        GOLDEN.mkdir(exist_ok=True)
        for old in GOLDEN.glob("*"):
            old.unlink()
        for name, text in files.items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
    assert sorted(files) == sorted(path.name for path in GOLDEN.iterdir())
    for name, text in files.items():
        assert text == (GOLDEN / name).read_text(encoding="utf-8"), name


def test_costs_are_those_of_the_outcomes(run: Summary) -> None:
    judged = outcomes("mhm", 0, 1.0)
    attacked = [one for one in judged if one.verdict in ("fooled", "resisted")]
    fooled = [one for one in attacked if one.fell_at]
    table = attacks(run)
    assert cell(table, "moekd", "mhm", "queries mean").value == pytest.approx(
        np.mean([one.queries for one in attacked])
    )
    assert cell(table, "moekd", "mhm", "queries median (fooled)").value == np.median([one.queries for one in fooled])
    assert cell(table, "moekd", "mhm", "truncated").value == sum(one.by_truncation for one in fooled) > 0
    assert cell(table, "moekd", "mhm", "stopped by compile").value == sum(bool(one.stopped) for one in judged) > 0
    assert cell(table, "moekd", "exhaustive", "too large").value == sum(
        one.verdict == "too_large" for one in outcomes("exhaustive", 0, 1.0)
    )


def test_nothing_stopped_is_zero_and_not_finished_is_a_dash(run: Summary) -> None:
    table = attacks(run)
    assert cell(table, "majority", "mhm", "stopped by compile") == Number(0.0, digits=0)
    assert cell(table, "kd", "mhm", "stopped by compile") == Number(None)


def test_a_count_is_a_mean_over_all_finished_seeds(store: Store) -> None:
    fill(store, "moekd", 1)
    table = attacks(Summary(store))
    for attack in ATTACKS:
        counts = [sum(bool(one.stopped) for one in outcomes(attack, seed, 1.0)) for seed in (0, 1)]
        assert cell(table, "moekd", attack, "stopped by compile").value == sum(counts) / 2


def test_a_seed_in_which_nothing_was_stopped_counts_as_zero(store: Store) -> None:
    calm = [replace(one, stopped={}) for one in outcomes("mhm", 1, 1.0)]
    put(store, Cell(TEACHER, "moekd", 1, "mhm", "attack"), robust(calm))
    stopped = sum(bool(one.stopped) for one in outcomes("mhm", 0, 1.0))
    assert cell(attacks(Summary(store)), "moekd", "mhm", "stopped by compile").value == stopped / 2 > 0


def test_the_optimum_stands_beside_the_exact_rates(run: Summary) -> None:
    [table] = optimum(run)
    assert [row[2] for row in table.rows if row[1] == "moekd"] == ["mhm", "combined"]
    exact = outcomes("exhaustive", 0, 1.0)
    fooled = {one.sample_id for one in exact if one.verdict == "fooled"}
    resisted = {one.sample_id for one in exact if one.verdict == "resisted"}
    by_mhm = {one.sample_id for one in outcomes("mhm", 0, 1.0) if one.verdict == "fooled"}
    assert cell(table, "moekd", "mhm", "share of optimum %").value == pytest.approx(
        100 * len(fooled & by_mhm) / len(fooled)
    )
    assert cell(table, "moekd", "mhm", "extra").value == len(resisted & by_mhm)
    decided = len(fooled) + len(resisted)
    asr, left = (cell(table, "moekd", "mhm", column) for column in ("exact ASR %", "exact robust accuracy %"))
    assert asr.value == pytest.approx(100 * len(fooled) / decided)
    assert left.value == pytest.approx(100 * len(resisted) / decided)
    assert left.value is not None
    assert left.low < left.value < left.high
    assert cell(table, "moekd", "mhm", "exhausted").value == decided
    assert cell(table, "moekd", "mhm", "too large").value == 32 - decided
    assert cell(table, "kd", "mhm", "exact robust accuracy %") == Number(None)


def opened(root: Path, experiment: Experiment, **facts: object) -> Store:
    return Store.open(root, experiment, {**FACTS, **facts})


def test_there_is_no_optimum_without_the_exhaustive_attack(tmp_path: Path) -> None:
    made = opened(tmp_path, replace(EXPERIMENT, attacks=("mhm",)))
    fill(made, "moekd", 0, ("mhm",))
    made.close()
    assert optimum(Summary(made)) == []


def test_every_curve_ends_at_the_attack_success_rate(run: Summary) -> None:
    found = success.curves(run)
    assert list(found) == [((TEACHER, method), attack) for method in METHODS for attack in ATTACKS]
    for (row, attack), curve in found.items():
        assert curve[-1][1] == pytest.approx(cell(robustness(run), row[1], attack, "ASR %").value)
    assert max(curve[-1][1] for curve in found.values()) > 0


def test_curves_are_a_long_table_up_to_the_budget(run: Summary) -> None:
    rows = list(csv.DictReader(as_csv(success.table(run)).splitlines()))
    assert list(rows[0]) == ["teacher", "method", "attack", "queries", "ASR %"]
    for method in METHODS:
        for attack in ATTACKS:
            queries = [int(row["queries"]) for row in rows if (row["method"], row["attack"]) == (method, attack)]
            assert (queries[0], queries[-1]) == (1, 150)
            assert queries == sorted(set(queries))


def test_outcomes_that_are_damaged_draw_no_line(store: Store) -> None:
    path = next((store.root / "outcomes").glob("*moekd*mhm*"))
    path.write_bytes(path.read_bytes()[:-200])
    found = success.curves(Summary(Store.read(store.root)))
    assert ((TEACHER, "moekd"), "mhm") not in found
    assert ((TEACHER, "moekd"), "combined") in found


def test_there_is_a_picture_per_attack_and_one_per_method(run: Summary) -> None:
    found = {picture.name: picture for picture in success.pictures(run)}
    assert list(found) == [f"curves-attack-{a}" for a in ATTACKS] + [f"curves-method-{m}" for m in METHODS]
    assert [line.name for line in found["curves-attack-mhm"].lines] == [f"majority {MARK}", "moekd"]
    assert [line.name for line in found["curves-method-moekd"].lines] == list(ATTACKS)
    by_attack = {line.name: line.look for name in ATTACKS for line in found[f"curves-attack-{name}"].lines}
    assert by_attack["moekd"] == len(CONTROLS), "a method looks the same in every picture, finished or not"
    assert len({(picture.right, picture.top) for picture in found.values()}) == 1, "pictures can be compared"
    caption = found["curves-attack-mhm"].caption
    assert "mean of their curves" in caption
    assert "Unfinished" in caption
    assert re.search(r"At the right end: majority † 0.0%; moekd \d+\.\d%\.", caption)


def test_pictures_of_several_teachers_have_names_of_their_own(tmp_path: Path) -> None:
    made = opened(tmp_path, replace(EXPERIMENT, teachers=(TEACHER, "/home/somebody/mine")))
    fill(made, "moekd", 0)
    made.close()
    names = [picture.name for picture in success.pictures(Summary(made))]
    assert f"curves-attack-mhm.{TEACHER}" in names
    assert len(names) == len(set(names)) == 4


def test_the_report_shows_the_pictures_and_writes_their_files(store: Store, tmp_path: Path) -> None:
    files = {path.name for path in report.write(store, tmp_path / "out")}
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert shown == [f"{picture.name}.svg" for picture in success.pictures(Summary(store))]
    assert {*shown, *(name.replace(".svg", ".pdf") for name in shown), "curves.csv"} <= files
    assert files == {path.name for path in (tmp_path / "out").iterdir()}
    assert text.index("mean of their curves") > text.index(shown[-1])


def test_a_run_without_curves_has_no_pictures(tmp_path: Path) -> None:
    made = opened(tmp_path / "run", EXPERIMENT)
    files = [path.name for path in report.write(made, tmp_path / "out")]
    made.close()
    assert not [name for name in files if name.startswith("curves")]
    assert "queries\n" not in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_queries_per_second_stand_in_the_efficiency_table_alone(run: Summary) -> None:
    tables = {table.name: table for table in report.build(run)}
    row = next(row for row in tables["efficiency"].rows if row[1] == "moekd")
    spent = sum(one.queries for attack in ATTACKS for one in outcomes(attack, 0, 1.0))
    assert row[-2:] == (Number(spent / (3 * 40 * 0.125)), f"timed over {spent:,} queries")
    assert not [name for name, table in tables.items() if "queries/s" in " ".join(table.columns) and name[0] != "e"]


def test_names_from_data_cannot_break_a_picture(tmp_path: Path) -> None:
    experiment = replace(EXPERIMENT, methods=(HOSTILE,), attacks=(HOSTILE, "$\\frac$"), teachers=(TEACHER, HOSTILE))
    made = opened(tmp_path / "run", experiment, source=HOSTILE)
    for attack in experiment.attacks:
        where = Cell(TEACHER, HOSTILE, 0, attack, "attack")
        judged = outcomes("mhm", 0, 1.0)
        for outcome in judged:
            made.append(where, outcome)
        put(made, where, robust(judged))
    files = report.write(made, tmp_path / "out")
    made.close()
    pictures = [path for path in files if path.suffix in (".svg", ".pdf")]
    assert len(pictures) == 6
    assert all(re.fullmatch(r"[a-z0-9.-]+", path.name) for path in pictures)
    for path in pictures:
        if path.suffix == ".svg":
            assert not [node for node in ElementTree.parse(path).iter() if node.tag.endswith("script")]


def test_captions_say_what_attacks_were_allowed(tmp_path: Path) -> None:
    made = opened(tmp_path, replace(EXPERIMENT, substitutes="mlm:/home/somebody/bert"))
    setting = Summary(made).attack_setting
    made.close()
    assert "Substitutes for names: mlm:bert." in setting
    assert "A success must parse and compile (gcc 13)." in setting


def test_a_manifest_of_before_says_nothing_about_substitutes(store: Store) -> None:
    del store.manifest.experiment["substitutes"], store.manifest.experiment["controls"], store.manifest.facts["checks"]
    run = Summary(store)
    assert run.attack_setting == "Each attack got 40 programs and 150 queries for each."
    assert run.methods == [*CONTROLS, "moekd"]


def test_a_finished_model_has_one_row_and_no_preset(tmp_path: Path) -> None:
    model = Model("/home/somebody/mine")
    experiment = replace(EXPERIMENT, methods=("as given",), controls=(), teachers=(model.source,), model=model)
    made = opened(tmp_path, experiment)
    made.close()
    run = Summary(made)
    assert list(run.rows()) == [(model.source, "as given")]
    assert "Finished model mine, not trained here; seeds 0, 1." in run.setting
    assert "students" not in " ".join(run.setting)
