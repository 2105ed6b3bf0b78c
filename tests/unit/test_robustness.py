"""What attacks leave, counted by hand."""

import math

import pytest

from bench.measuring import robustness as counts
from bench.measuring.robust import optimum, robust
from bench.measuring.stats import wilson
from bench.results import Outcome, Verdict


def outcome(sample: str, verdict: Verdict, queries: int = 1, **fields: object) -> Outcome:
    return Outcome(sample_id=sample, label=1, verdict=verdict, queries=queries, **fields)  # type: ignore[arg-type]


def judged(verdicts: str) -> list[Outcome]:
    """One letter a sample: f, r, w(rong), n(o sites), l(arge)."""
    words: dict[str, Verdict] = {
        "f": "fooled",
        "r": "resisted",
        "w": "already_wrong",
        "n": "no_sites",
        "l": "too_large",
    }
    return [outcome(str(place), words[letter]) for place, letter in enumerate(verdicts)]


SIX = [
    outcome("a", "fooled", 10, distinct=8, sites=4, changed=("x", "y"), tokens_changed=0.2, stopped={"static": 2}),
    outcome("b", "resisted", 40, distinct=30, original_parses=False, stopped={"static": 1, "gcc": 3}),
    outcome("c", "resisted", 100, distinct=100),
    outcome("d", "already_wrong"),
    outcome("e", "no_sites"),
    outcome("f", "unparsable"),
]


def test_robustness_counts_what_the_protocol_counts() -> None:
    found = counts.robustness(SIX)
    assert (found.total, found.attacked) == (6, 3)
    assert found.asr == pytest.approx(1 / 3)
    assert found.asr_all == pytest.approx(1 / 4), "the one without a place to change is robust"
    assert found.robust_accuracy == pytest.approx(3 / 6), "resisted and no_sites; an unparsable sample is not counted"
    assert (found.queries_mean, found.queries_median, found.distinct_mean) == (50, 40, 46)
    assert (found.queries_fooled_mean, found.queries_fooled_median) == (10, 10)
    assert (found.loci_changed, found.tokens_changed) == (0.5, 0.2)
    assert found.parse_rate == pytest.approx(2 / 3)
    assert found.asr_interval == wilson(1, 3)
    assert found.asr_all_interval == wilson(1, 4)
    assert found.robust_interval == wilson(3, 6)
    assert list(found.stopped.items()) == [("gcc", 3), ("static", 3)]


def test_a_success_owed_to_truncation_is_told_apart() -> None:
    found = counts.robustness([*SIX, outcome("g", "fooled", by_truncation=True)])
    assert (found.fooled, found.truncated) == (2, 1)
    assert (found.asr, found.asr_untruncated) == (2 / 4, 1 / 4)
    assert found.asr_untruncated_interval == wilson(1, 4)


def test_what_is_too_large_says_nothing() -> None:
    with_large = counts.robustness([*SIX, *judged("lll")])
    assert with_large.too_large == 3
    assert with_large.total == 6
    assert math.isnan(with_large.robust_accuracy), "misjudged samples of any size are in, right ones only if small"
    assert with_large.asr == pytest.approx(1 / 3)
    assert math.isnan(counts.robustness(judged("ll")).robust_accuracy)


def test_robustness_of_nothing_is_not_defined() -> None:
    found = counts.robustness([])
    rates = (found.asr, found.asr_all, found.asr_untruncated, found.robust_accuracy)
    assert all(math.isnan(value) for value in (*rates, found.queries_mean, found.queries_fooled_median))
    wrong = counts.robustness([outcome("a", "already_wrong")])
    assert math.isnan(wrong.asr)
    assert wrong.robust_accuracy == 0


def test_worst_case_is_fooled_by_any_attack() -> None:
    union = counts.worst_case(
        {
            "rename": [outcome("a", "resisted", 5), outcome("b", "no_sites"), outcome("c", "unparsable")],
            "rewrite": [outcome("b", "resisted", 7), outcome("a", "fooled", 3), outcome("c", "unparsable")],
        }
    )
    assert [(o.sample_id, o.verdict, o.queries) for o in union] == [
        ("a", "fooled", 8),
        ("b", "resisted", 8),
        ("c", "unparsable", 2),
    ]
    assert counts.worst_case({}) == []


def test_worst_case_prefers_a_success_that_needs_no_truncation() -> None:
    cut, plain = outcome("a", "fooled", by_truncation=True), outcome("a", "fooled")
    assert not counts.worst_case({"x": [cut], "y": [plain]})[0].by_truncation
    assert counts.worst_case({"x": [cut], "y": [outcome("a", "resisted")]})[0].by_truncation


def test_worst_case_adds_up_what_checks_stopped() -> None:
    first, second = outcome("a", "fooled", stopped={"gcc": 1}), outcome("a", "resisted", stopped={"gcc": 2, "run": 4})
    assert counts.worst_case({"x": [first], "y": [second]})[0].stopped == {"gcc": 3, "run": 4}


@pytest.mark.parametrize("other", "frwn")
def test_what_is_too_large_is_never_the_worst(other: str) -> None:
    union = counts.worst_case({"exhaustive": judged("l"), "other": judged(other)})
    assert [one.verdict for one in union] == [one.verdict for one in judged(other)]


def test_worst_case_needs_the_same_samples() -> None:
    with pytest.raises(ValueError, match="same samples"):
        counts.worst_case({"a": [outcome("x", "fooled")], "b": []})


def test_records_hold_every_count_with_its_size() -> None:
    found = {one.metric: one for one in robust([*SIX, *judged("l")])}
    assert len(found) == len(robust([*SIX, *judged("l")]))
    assert (found["asr"].value, found["asr"].n) == (pytest.approx(100 / 3), 3)
    assert (found["asr_all"].value, found["asr_all"].n, found["asr_all"].unit) == (25, 4, "%")
    assert math.isnan(found["robust_accuracy"].value)
    assert (found["attacked"].value, found["attacked"].n) == (3, 7)
    assert (found["too_large"].value, found["too_large"].n) == (1, 7)
    assert (found["stopped/static"].value, found["stopped/gcc"].value) == (3, 3)
    assert not [name for name in found if "second" in name], "a timing would make records differ from run to run"


def test_share_of_the_optimum_is_of_what_the_exhaustive_attack_fooled() -> None:
    found = optimum({"mhm": judged("ffrrflw"), "exhaustive": judged("fffrllw"), "combined": judged("fffffnw")})
    assert list(found) == ["mhm", "combined"]
    share, extra = found["mhm"]
    assert (share.metric, share.value, share.n) == ("optimum_share", pytest.approx(200 / 3), 3)
    assert (share.low, share.high) == pytest.approx(tuple(100 * end for end in wilson(2, 3)))
    assert (extra.metric, extra.value, extra.n) == ("optimum_extra", 0, 1), "too large proves nothing"
    assert [one.value for one in found["combined"]] == [100, 1]


def test_there_is_no_optimum_without_an_exhaustive_attack() -> None:
    assert optimum({"mhm": judged("fr")}) == {}
    assert optimum({"exhaustive": judged("fr")}) == {}
    assert list(optimum({"mhm": judged("fr"), "all": judged("ff")}, exact="all")) == ["mhm"]


def test_the_optimum_of_what_cannot_be_fooled_is_not_defined() -> None:
    share, extra = optimum({"mhm": judged("r"), "exhaustive": judged("r")})["mhm"]
    assert math.isnan(share.value)
    assert extra.value == 0


def test_the_optimum_needs_the_same_samples() -> None:
    with pytest.raises(ValueError, match="same samples"):
        optimum({"mhm": judged("f"), "exhaustive": judged("ff")})
