"""Success against queries, counted by hand."""

import math

import pytest

from bench.reporting.curves import Trace, speed, success, trace
from bench.results import Outcome


def fooled(sample: str, fell_at: int, queries: int, seconds: float = 0.5) -> Outcome:
    return Outcome(sample, 1, "fooled", queries, fell_at=fell_at, seconds=seconds)


def test_a_trace_keeps_what_was_attacked_and_when_it_fell() -> None:
    found = trace(
        [
            fooled("a", 9, 12),
            Outcome("b", 1, "resisted", 100, seconds=2.0),
            fooled("c", 3, 3),
            Outcome("d", 0, "already_wrong", 1, seconds=0.25),
            Outcome("e", 0, "no_sites", 1),
            Outcome("f", 0, "too_large", 1),
        ]
    )
    right = {"a": False, "b": True, "c": False, "d": False, "e": True}
    assert found == Trace(attacked=3, fell_at=(3, 9), queries=118, seconds=3.25, right=right)
    assert [found.within(queries) for queries in (1, 2, 3, 8, 9, 100)] == pytest.approx(
        [0, 0, 100 / 3, 100 / 3, 200 / 3, 200 / 3]
    )


def test_a_curve_has_a_row_where_it_changes() -> None:
    assert success([Trace(4, (3, 3, 9), 0, 0)]) == ((1, 0.0), (3, 50.0), (9, 75.0))
    assert success([Trace(4, (), 0, 0)]) == ((1, 0.0),)


def test_seeds_are_pooled_as_the_mean_of_their_curves() -> None:
    few, many = Trace(1, (5,), 0, 0), Trace(10, (2, 5, 7), 0, 0)
    assert success([few, many]) == ((1, 0.0), (2, 5.0), (5, 60.0), (7, 65.0))


def test_a_seed_without_attacked_samples_has_no_curve() -> None:
    nothing = Trace(0, (), 5, 1.0)
    assert success([nothing]) == success([]) == ()
    assert math.isnan(nothing.within(5))
    assert success([nothing, Trace(2, (4,), 0, 0)]) == ((1, 0.0), (4, 50.0))


def test_speed_is_that_of_all_together() -> None:
    assert speed([Trace(1, (), 100, 1.0), Trace(1, (), 50, 4.0)]) == 30
    assert math.isnan(speed([Trace(1, (), 100, 0.0)]))
