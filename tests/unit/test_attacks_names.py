"""Sources of substitutes: what is legal, who gets a contested name, what is counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from attacks.given import Given, given
from attacks.names import CharacterNgrams, Fixed, Neighbours, Suggested, sift
from attacks.rename import Drawn, Substitutes, rename_loci
from bench.syntax.csource import parse
from bench.types import Sample, UsageError

CODE = "int f(int first, int second) { return first + second + g(first); }"
SOURCE = parse(CODE)
POOL = ("one", "two", "three", "firsts", "seconds", "fist", "int", "MAX", "g", "third_of_all", "last")


def alleles(substitutes: Substitutes, seed: int = 0) -> list[tuple[str, ...]]:
    return [locus.alleles for locus in rename_loci(SOURCE, substitutes, np.random.default_rng(seed))]


class Model:
    """Suggests what it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[str], int]] = []

    def suggest(self, program: str, names: Sequence[str], count: int) -> Sequence[Sequence[str]]:
        assert program == CODE
        self.asked.append((names, count))
        return [[" same", name, "while", f"{name}_"][:count] for name in names]


def test_given_lists_are_stripped_filtered_and_counted() -> None:
    rows = {CODE: {"first": [" a", "int", "a", "g", "b"], "second": ["c", "b", "x y"], "g": ["h"], "gone": ["i", "j"]}}
    source = Given(rows)
    assert alleles(source) == [("first", "a"), ("second", "c", "b")]
    assert source.census(SOURCE) == {
        "kept": 3,
        "illegal": 2,
        "repeated": 1,
        "taken": 1,
        "contested": 1,
        "not a local": 3,
    }


def test_an_unknown_program_has_no_substitutes() -> None:
    assert alleles(Given({})) == []
    assert Given({}).census(SOURCE) == {}


def test_rows_are_joined_by_text_or_by_id() -> None:
    samples = [Sample("devign/test/7", CODE, 1)]
    lists = {"first": [" a"], "second": ["c"]}
    for row in ({"func": CODE.replace(" ", "\n"), "idx": 1}, {"idx": 7}, {"idx": "devign/test/7"}):
        assert alleles(given([("x:1", {**row, "substitutes": lists})], samples)) == [("first", "a"), ("second", "c")]
    assert given([("x:1", {"idx": 8, "substitutes": lists})], samples).lists == {}


@pytest.mark.parametrize(
    "row",
    [
        3,
        {"substitutes": {}},
        {"idx": 7},
        {"idx": 7, "substitutes": ["a"]},
        {"idx": 7, "substitutes": {"a": "b"}},
        {"idx": 7, "substitutes": {"a": [1]}},
        {"idx": 7, "substitutes": {"another": ["b"], "program": ["c"]}},
    ],
)
def test_rows_of_another_shape_or_for_other_programs_are_a_users_mistake(row: object) -> None:
    with pytest.raises(UsageError, match=r"^x:1: expected .*`|^expected substitutes|substitutes for 'a'"):
        given([("x:1", row)], [Sample("devign/test/7", CODE, 1)])


def test_a_contested_name_goes_to_whoever_ranks_it_higher_then_to_the_first() -> None:
    assert sift(SOURCE, [["x", "y"], ["y", "x"]]).kept == (("x",), ("y",))
    assert sift(SOURCE, [["x"], ["x"]]).kept == (("x",), ())
    assert sift(SOURCE, []).kept == ()


def test_a_model_is_asked_once_per_program() -> None:
    model = Model()
    assert alleles(Suggested(model, count=4)) == [("first", "same", "first_"), ("second", "second_")]
    assert model.asked == [(["first", "second"], 4)]


def test_neighbours_are_ranked_by_spelling() -> None:
    first, second = alleles(Neighbours(POOL, count=2))
    assert first == ("first", "firsts", "fist")
    assert second[:2] == ("second", "seconds")


def test_neighbours_keep_length_and_distance() -> None:
    assert all("third_of_all" not in names for names in alleles(Neighbours(POOL, longer=3)))
    assert alleles(Neighbours(POOL, furthest=0.2)) == [("first", "firsts"), ("second", "seconds")]
    assert alleles(Neighbours(("int", "MAX"))) == []


@pytest.mark.parametrize("substitutes", [Neighbours(POOL), Suggested(Model()), Fixed(Drawn())])
def test_no_two_names_share_a_substitute(substitutes: Substitutes) -> None:
    found = [name for names in alleles(substitutes) for name in names]
    assert len(found) == len(set(found))


def test_fixed_names_do_not_depend_on_the_attack() -> None:
    assert alleles(Fixed(Drawn()), 1) == alleles(Fixed(Drawn()), 2)
    assert alleles(Drawn(), 1) != alleles(Drawn(), 2)
    assert all(len(names) == 4 for names in alleles(Fixed(Drawn(), 3)))


def test_character_ngrams() -> None:
    vectors = CharacterNgrams().embed(["buffer", "buffers", "xyz", "buffer"])
    likeness = vectors @ vectors.T
    assert np.allclose(np.diag(likeness), 1)
    assert likeness[0, 1] > 0.8 > 0.3 > likeness[0, 2]
    assert (vectors[0] == vectors[3]).all()
