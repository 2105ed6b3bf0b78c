"""The gate's statistics on synthetic answers: what raises an alarm, what does not, and how surely."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.config import Experiment
from bench.gate.baseline import RIGHT, WRONG, Answers, Baseline
from bench.gate.check import Check, Comparison, Limits, compare, summary, table
from bench.gate.check_formats import as_json, github, junit
from bench.measuring.stats import holm, mcnemar
from bench.storage.schema import as_json as plain
from bench.types import UsageError

STUDENTS = ("majority", "teacher", "supervised", "kd", "moekd", "compressor", "avatar")
HOSTILE = "a\n::error::x%0A<b>&\x00\x1b|`"
Truth = NDArray[np.bool_]


def reduced(rights: dict[tuple[str, str, int], Truth], seeds: Sequence[int], **more: object) -> Baseline:
    """A baseline of these answers: by method, attack and seed, one truth value for each sample."""
    n = len(next(iter(rights.values())))
    answers = tuple(
        Answers("t", method, seed, attack, "".join(RIGHT if right else WRONG for right in row))
        for (method, attack, seed), row in rights.items()
    )
    experiment = plain(asdict(replace(Experiment(seeds=tuple(seeds)), **more)))
    return Baseline(experiment, {"sha256": "abc"}, [], tuple(f"t/{i}" for i in range(n)), answers)


def one(right: Sequence[bool], seed: int = 0) -> Baseline:
    return reduced({("kd", "", seed): np.array(right)}, [seed])


def students(rng: np.random.Generator, seeds: Sequence[int], easy: NDArray[np.float64]) -> Baseline:
    """Students of three methods, trained anew for each seed: they differ on about one sample in eight."""
    rights = {}
    for method in STUDENTS[:3]:
        for seed in seeds:
            margin = easy + rng.normal(0, 0.5, easy.size) + rng.normal(0, 0.05)
            rights[method, "", seed] = margin > 0
            for attack, strength in (("rename", 0.4), ("rewrite", 0.8)):
                rights[method, attack, seed] = margin - strength + rng.normal(0, 0.2, easy.size) > 0
    return reduced(rights, seeds)


def spoiled(rng: np.random.Generator, before: Baseline, points: float, churn: float) -> Baseline:
    """The same run after `points` % of the last student's clean samples went wrong, and `churn` % flipped both ways."""
    answers = []
    for answer in before.answers:
        letters = np.array(list(answer.letters))
        right, wrong = np.flatnonzero(letters == RIGHT), np.flatnonzero(letters == WRONG)
        noisy = round(churn * letters.size / 100)
        harmed = noisy + (round(points * letters.size / 100) if answer is before.answers[-3] else 0)
        letters[rng.choice(right, harmed, replace=False)] = WRONG
        letters[rng.choice(wrong, noisy, replace=False)] = RIGHT
        answers.append(replace(answer, letters="".join(letters)))
    return replace(before, answers=tuple(answers))


def whole_run(rng: np.random.Generator, n: int) -> Baseline:
    """One seed, seven students, clean and under two attacks."""
    return reduced(
        {(name, attack, 0): rng.random(n) < 0.7 for name in STUDENTS for attack in ("", "rename", "rewrite")}, [0]
    )


def test_a_run_against_itself_passes_and_prints_no_table() -> None:
    before = whole_run(np.random.default_rng(0), 100)
    found = compare(before, before, Limits())
    assert not found.regressions
    assert {comparison.verdict for comparison in found.comparisons} == {"unchanged"}
    assert table(found) == ""
    assert "21 comparisons (same seeds, paired): 21 unchanged" in summary(found)


def test_one_seed_is_exactly_mcnemar_with_holm() -> None:
    rng = np.random.default_rng(1)
    before = {(name, "", 0): rng.random(80) < 0.7 for name in STUDENTS}
    after = {key: row ^ (rng.random(80) < 0.2) for key, row in before.items()}
    found = compare(reduced(before, [0]), reduced(after, [0]), Limits()).comparisons
    expected = [mcnemar(before[key], after[key]) for key in before]
    assert [comparison.p for comparison in found] == pytest.approx(expected)
    assert [comparison.corrected for comparison in found] == pytest.approx(holm(expected))
    assert found[0].change == pytest.approx(100 * (after["majority", "", 0].mean() - before["majority", "", 0].mean()))


def test_the_same_student_under_three_seeds_is_no_stronger_evidence_than_under_one() -> None:
    before, after = np.arange(60) < 45, np.arange(60) < 41
    single = compare(one(before), one(after), Limits())
    thrice = compare(
        reduced({("kd", "", seed): before for seed in range(3)}, range(3)),
        reduced({("kd", "", seed): after for seed in range(3)}, range(3)),
        Limits(),
    )
    assert thrice.comparisons == single.comparisons


def test_a_regression_of_5_points_is_caught_in_600_samples() -> None:
    """With 4% of all samples flipping by themselves; 21 comparisons, so that Holm asks for p below 0.0024."""
    rng, caught = np.random.default_rng(2), 0
    for _ in range(40):
        before = whole_run(rng, 600)
        found = compare(before, spoiled(rng, before, points=5, churn=2), Limits())
        names = {(comparison.method, comparison.attack) for comparison in found.regressions}
        assert names <= {("avatar", "")}, "what only flipped both ways raised an alarm"
        caught += bool(names)
    assert caught >= 38, "a power of 95% at the least"


@pytest.mark.parametrize(("lost", "alarm"), [(9, False), (10, True)])
def test_the_smallest_significant_loss_is_what_the_summary_says(lost: int, alarm: bool) -> None:
    before = whole_run(np.random.default_rng(3), 200)
    after = spoiled(np.random.default_rng(3), before, points=lost / 2, churn=0)
    found = compare(before, after, Limits())
    assert found.least == 10
    assert "Significant from 10 samples on" in summary(found)
    assert bool(found.regressions) == alarm


def test_a_significant_drop_within_the_tolerance_passes() -> None:
    before = np.ones(2000, dtype=bool)
    after = before.copy()
    after[:30] = False
    assert compare(one(before), one(after), Limits()).comparisons[0].verdict == "tolerated"
    assert compare(one(before), one(after), Limits(tolerance=1.0)).regressions
    assert compare(one(after), one(before), Limits(tolerance=1.0)).comparisons[0].verdict == "improvement"


def test_too_few_samples_cannot_fail_and_the_summary_says_so() -> None:
    found = compare(one([True] * 5), one([False] * 5), Limits())
    assert found.comparisons[0].verdict == "noise"
    assert "1 with fewer samples than that cannot fail" in summary(found)


def test_ten_reruns_with_other_seeds_raise_no_alarm() -> None:
    rng = np.random.default_rng(4)
    easy = rng.normal(0.5, 1.0, 300)
    before = students(rng, (0, 1, 2), easy)
    moved = 0
    for rerun in range(10):
        seeds = range(3 * rerun + 3, 3 * rerun + 6)
        found = compare(before, students(rng, seeds, easy), Limits())
        assert not found.paired
        assert not found.regressions
        moved += sum(comparison.verdict == "noise" for comparison in found.comparisons)
    assert moved > 80, "the re-runs did differ"


def test_false_alarms_over_many_pairs_of_reruns_are_fewer_than_alpha() -> None:
    rng, alarms = np.random.default_rng(5), 0
    for _ in range(100):
        easy = rng.normal(0.5, 1.0, 200)
        found = compare(students(rng, (0, 1), easy), students(rng, (2, 3), easy), Limits(tolerance=0.0))
        alarms += bool(found.regressions)
    assert alarms <= 1


def test_a_collapse_is_caught_with_other_seeds_as_well() -> None:
    rng = np.random.default_rng(6)
    easy = rng.normal(0.5, 1.0, 600)
    before, after = students(rng, range(5), easy), students(rng, range(5, 10), easy - 0.5)
    assert {comparison.attack for comparison in compare(before, after, Limits()).regressions} == {
        "",
        "rename",
        "rewrite",
    }


def test_one_other_seed_is_no_basis() -> None:
    with pytest.raises(UsageError, match="what seeds alone change is then not known"):
        compare(one([True] * 9), one([True] * 9, seed=1), Limits())


def test_more_seeds_than_the_baseline_are_paired_with_its_own() -> None:
    before, after = one([True, False, True]), {("kd", "", seed): np.array([True, seed > 0, True]) for seed in (0, 1)}
    found = compare(before, reduced(after, (0, 1)), Limits())
    assert found.paired
    assert found.comparisons[0].verdict == "unchanged"


def test_samples_that_are_unknown_on_one_side_are_left_out() -> None:
    before = replace(one([True] * 4), answers=(Answers("t", "kd", 0, "exhaustive", "rtf."),))
    after = replace(before, answers=(Answers("t", "kd", 0, "exhaustive", "frr."),))
    (found,) = compare(before, after, Limits()).comparisons
    assert (found.n, found.lost, found.gained, found.before, found.after) == (2, 1, 1, 50.0, 50.0)
    nothing = replace(before, answers=(Answers("t", "kd", 0, "exhaustive", "tt.."),))
    (found,) = compare(nothing, nothing, Limits()).comparisons
    assert (found.n, found.verdict) == (0, "unchanged")
    assert json.loads(as_json(compare(nothing, nothing, Limits())))["comparisons"][0]["before"] is None


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (reduced({("moekd", "", 0): np.array([True])}, [0]), "expected t kd in the run"),
        (replace(one([True]), facts={"sha256": "other"}), "data sha256 = abc, got other"),
        (replace(one([True]), samples=("u/0",)), "the baseline's samples"),
        (reduced({("kd", "", 0): np.array([True])}, [0], as_released=True), "as_released = False, got True"),
        (replace(one([True]), experiment={"nonsense": 1}), "got 'nonsense'"),
        (replace(one([True]), experiment={"seeds": "x"}), "seeds"),
    ],
)
def test_what_cannot_be_compared_is_said(after: Baseline, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        compare(one([True]), after, Limits())


def test_another_device_may_be_compared() -> None:
    other = reduced({("kd", "", 0): np.array([True])}, [0], device="cuda")
    assert not compare(one([True]), other, Limits()).regressions


def test_two_versions_of_a_model_are_compared() -> None:
    first, second = (one([right] * 40) for right in (True, False))
    first, second = (replace(b, facts={**b.facts, "model_sha256": name}) for b, name in ((first, "a"), (second, "b")))
    assert compare(first, second, Limits()).regressions


@pytest.mark.parametrize("limits", [{"tolerance": -1}, {"tolerance": 100}, {"alpha": 0}, {"alpha": float("nan")}])
def test_limits_that_mean_nothing_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected"):
        Limits(**limits)


@pytest.fixture
def failed() -> Check:
    """A regression of a student with a hostile name, an improvement, and nothing."""
    comparisons = (
        Comparison("t", HOSTILE, HOSTILE, 50, 90.0, 60.0, 15, 0, 1e-4, 3e-4, "regression"),
        Comparison("t", "kd", "", 50, 60.0, 80.0, 0, 10, 2e-3, 4e-3, "improvement"),
        Comparison("t", "majority", "", 50, 60.0, 60.0, 0, 0, 1.0, 1.0),
    )
    return Check(comparisons, paired=True, limits=Limits())


def test_the_table_shows_what_moved_worst_first(failed: Check) -> None:
    rows = [line for line in table(failed).splitlines() if line.startswith("| t ")]
    assert ["REGRESSION" in rows[0], "+20.0" in rows[1], len(rows)] == [True, True, 2]
    assert "-30.0" in rows[0]


def test_junit_has_a_case_for_each_comparison(failed: Check) -> None:
    suite = ElementTree.fromstring(junit(failed))
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    cases = suite.findall("testcase")
    assert [case.find("failure") is not None for case in cases] == [True, False, False]
    assert "<b>&" in str(cases[0].get("name"))
    assert "90.0% to 60.0% of 50 samples" in str(cases[0].find("failure").get("message"))  # type: ignore[union-attr]


def test_a_name_cannot_become_a_workflow_command(failed: Check) -> None:
    lines = github(failed)
    assert len(lines) == 2
    assert all("\n" not in line and "\r" not in line for line in lines)
    assert lines[0].startswith("::error title=Robustness regression::a%0A::error::x%250A<b>&")


def test_json_tells_everything(failed: Check) -> None:
    found = json.loads(as_json(failed))
    assert (found["passed"], found["tolerance"], found["alpha"], found["paired"]) == (False, 2.0, 0.05, True)
    assert [row["verdict"] for row in found["comparisons"]] == ["regression", "improvement", "unchanged"]
    assert found["comparisons"][0]["change"] == -30.0
