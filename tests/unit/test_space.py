"""Spaces: bounds, codes, distances, enumeration."""

import numpy as np
import pytest

from bench.distillation.space import Candidate, Gene, Space
from bench.types import UsageError

COLOUR = Gene("colour", ("red", "green", "blue"), choice=True)
WIDTH = Gene("width", range(10, 31, 5))
RATE = Gene("rate", (0.1, 0.5))
SPACE = Space((COLOUR, WIDTH, RATE))


def test_size_is_the_product_of_the_genes():
    assert SPACE.size == 3 * 5 * 2


def test_a_gene_needs_values_and_no_repetition():
    with pytest.raises(UsageError, match="at least one value for width"):
        Gene("width", range(5, 5))
    with pytest.raises(UsageError, match="distinct values"):
        Gene("rate", (0.1, 0.1))
    with pytest.raises(UsageError, match="ascending"):
        Gene("rate", (0.5, 0.1))


def test_codes_are_values_and_for_options_their_place_from_one():
    candidate = SPACE.candidate(colour="blue", width=20, rate=0.5)
    assert SPACE.codes(candidate).tolist() == [3.0, 20.0, 0.5]


def test_a_candidate_outside_its_bounds_is_refused():
    for wrong in ({"colour": "pink"}, {"width": 12}, {"width": 35}, {"rate": 0.3}):
        with pytest.raises(UsageError, match="inside the space"):
            SPACE.candidate(**{"colour": "red", "width": 10, "rate": 0.1, **wrong})


def test_candidates_are_frozen_and_compare_by_value():
    one = SPACE.candidate(colour="red", width=10, rate=0.1)
    other = one.but({"width": 15})
    assert (one["width"], other["width"]) == (10, 15)
    assert one == SPACE.candidate(colour="red", width=10, rate=0.1)
    assert len({one, other, other.but({"width": 10})}) == 2
    with pytest.raises(AttributeError):
        one.values = ()  # type: ignore[misc]


def test_distance_scales_each_gene_to_one():
    one = SPACE.candidate(colour="red", width=10, rate=0.1)
    assert SPACE.distance(one, one) == 0.0
    assert SPACE.distance(one, one.but({"width": 30})) == 1.0
    assert SPACE.distance(one, one.but({"width": 20})) == pytest.approx(0.5)
    assert SPACE.distance(one, one.but({"colour": "green"})) == SPACE.distance(one, one.but({"colour": "blue"})) == 1.0
    far = SPACE.candidate(colour="blue", width=30, rate=0.5)
    assert SPACE.distance(one, far) == pytest.approx(np.sqrt(3))


def test_a_gene_with_one_value_is_at_no_distance_and_mutates_to_itself():
    space = Space((Gene("only", (7,)), WIDTH))
    rng = np.random.default_rng(0)
    candidate = space.sample(rng)
    assert space.distance(candidate, candidate.but({"width": candidate["width"]})) == 0.0
    assert space.mutate(candidate, ["only"], rng) == candidate


def test_columns_enumerate_every_combination_once():
    rows = np.concatenate([np.stack(list(chunk.values()), axis=1) for chunk in SPACE.columns()])
    assert rows.shape == (SPACE.size, 3)
    assert len({tuple(row) for row in rows.tolist()}) == SPACE.size
    assert list(next(iter(SPACE.columns()))) == ["colour", "width", "rate"]


def test_an_empty_space_says_so():
    nothing = Space((WIDTH,), valid=lambda candidate: False)
    with pytest.raises(UsageError, match="got none"):
        nothing.sample(np.random.default_rng(0))


def test_sampling_reaches_every_value_about_equally_often():
    rng = np.random.default_rng(1)
    widths = [SPACE.sample(rng)["width"] for _ in range(2000)]
    counts = [widths.count(width) for width in WIDTH.values]
    assert min(counts) > 320
    assert max(counts) < 480


def test_a_mutation_that_the_constraint_forbids_returns_the_parent():
    space = Space((WIDTH, RATE), valid=lambda candidate: candidate["width"] == 10)
    parent = space.candidate(width=10, rate=0.1)
    assert space.mutate(parent, ["width"], np.random.default_rng(0)) == parent


def test_a_forbidden_child_of_a_crossing_is_replaced_by_its_parent():
    space = Space((WIDTH, RATE), valid=lambda candidate: candidate["width"] < 30 or candidate["rate"] == 0.1)
    one, two = space.candidate(width=30, rate=0.1), space.candidate(width=10, rate=0.5)
    first, second = space.cross(one, two, ["rate"], np.random.default_rng(0))
    assert first == one
    assert second == Candidate(("width", "rate"), (10, 0.1))
