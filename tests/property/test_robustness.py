"""What holds for every set of outcomes."""

import math

from hypothesis import given
from hypothesis import strategies as st

from bench.measuring.robust import optimum, robust
from bench.measuring.robustness import PRECEDENCE, robustness, worst_case
from bench.reporting.curves import success, trace
from bench.results import Outcome

VERDICTS = st.sampled_from(PRECEDENCE)


def judged(verdicts: list[str]) -> list[Outcome]:
    return [Outcome(str(i), 1, verdict, 1) for i, verdict in enumerate(verdicts)]  # type: ignore[arg-type]


@st.composite
def attacked(draw: st.DrawFn) -> list[Outcome]:
    """Outcomes as the judge gives them: a fooled sample fell at one of its queries."""
    found = []
    for place, verdict in enumerate(draw(st.lists(VERDICTS, max_size=20))):
        queries = draw(st.integers(2, 50))
        fell = draw(st.integers(2, queries)) if verdict == "fooled" else None
        found.append(Outcome(str(place), 1, verdict, queries, fell_at=fell, by_truncation=draw(st.booleans())))
    return found


@given(st.lists(st.tuples(VERDICTS, VERDICTS), max_size=30))
def test_the_union_is_never_more_robust_than_one_attack(pairs: list[tuple[str, str]]) -> None:
    sides = [judged([pair[side] for pair in pairs]) for side in (0, 1)]
    union = robustness(worst_case({"a": sides[0], "b": sides[1]}))
    assert union.total + union.too_large == len(pairs)
    assert union.fooled >= max(robustness(side).fooled for side in sides)
    assert union.too_large <= min(robustness(side).too_large for side in sides)


@given(attacked())
def test_rates_are_in_order_and_shares_are_shares(outcomes: list[Outcome]) -> None:
    found = robustness(outcomes)
    if found.attacked:
        assert 0 <= found.asr_all <= found.asr <= 1
        assert 0 <= found.asr_untruncated <= found.asr
        assert found.asr_untruncated == found.asr or found.truncated
    for one in robust(outcomes):
        assert math.isnan(one.value) or one.unit != "%" or 0 <= one.value <= 100, one.metric


@given(st.lists(st.tuples(VERDICTS, VERDICTS), max_size=30))
def test_an_attack_that_fools_all_that_can_be_fooled_reaches_the_optimum(pairs: list[tuple[str, str]]) -> None:
    exact, other = judged([pair[0] for pair in pairs]), judged([pair[1] for pair in pairs])
    share, extra = optimum({"exhaustive": exact, "other": other})["other"]
    assert extra.value <= robustness(exact).resisted
    assert share.n == robustness(exact).fooled
    reached, none = optimum({"exhaustive": exact, "other": exact})["other"]
    assert none.value == 0
    assert reached.value == 100 or math.isnan(reached.value)


@given(st.lists(attacked(), min_size=1, max_size=3))
def test_a_curve_climbs_from_nothing_to_the_attack_success_rate(seeds: list[list[Outcome]]) -> None:
    curve = success([trace(outcomes) for outcomes in seeds])
    rates = [100 * rate for outcomes in seeds if not math.isnan(rate := robustness(outcomes).asr)]
    if not rates:
        assert curve == ()
        return
    queries, shares = zip(*curve, strict=True)
    assert (queries[0], shares[0]) == (1, 0)
    assert list(queries) == sorted(set(queries))
    assert list(shares) == sorted(shares)
    assert math.isclose(shares[-1], math.fsum(rates) / len(rates))
