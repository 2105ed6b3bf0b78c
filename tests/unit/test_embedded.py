"""The generator of `embedded`: what a reader may rely on, labels aside (tests/property/test_embedded_labels.py)."""

import re
from collections import Counter
from itertools import pairwise

import pytest

from bench.tasks.embedded import FAMILIES, generate
from bench.tasks.embedded.names import PLAIN, TERSE
from bench.types import UsageError

BLOCK = 2 * len(FAMILIES)


def _terse_rate(label: int, shortcut: float) -> float:
    """Share of this label's programs whose accumulator has a terse name."""
    codes = [sample.code for sample in generate(600, 3, shortcut=shortcut) if sample.label == label]
    return sum(re.search(rf"\b({'|'.join(TERSE['acc'])}) \S?= ", code) is not None for code in codes) / len(codes)


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert generate(80, 7) == generate(80, 7)
    assert generate(80, 7) != generate(80, 8)


def test_a_longer_run_extends_a_shorter_one() -> None:
    assert generate(90, 7)[:37] == generate(37, 7)


def test_half_of_every_family_is_vulnerable() -> None:
    counts = Counter((sample.project, sample.label) for sample in generate(10 * BLOCK, 1))
    assert counts == {(family.cwe, label): 10 for family in FAMILIES for label in (0, 1)}


def test_families_are_distinct_and_have_three_variants() -> None:
    assert len({family.cwe for family in FAMILIES}) == len(FAMILIES) >= 12
    assert all(len(family.variants) >= 3 for family in FAMILIES)


def test_ids_are_unique_and_carry_the_prefix() -> None:
    ids = [sample.id for sample in generate(200, 1, prefix="other")]
    assert len(set(ids)) == 200
    assert ids[17] == "other/00017"


def test_no_program_occurs_twice_in_two_thousand() -> None:
    codes = [" ".join(sample.code.split()) for sample in generate(2000, 1)]
    assert len(codes) - len(set(codes)) <= 2


def test_code_has_no_main_and_no_mark_left() -> None:
    for sample in generate(600, 2):
        assert not re.search(r"\bmain\b|[$@]|\{\{|##|~\||ISNULL|NOTNULL|STEP", sample.code.replace("'$'", ""))
        assert "int main(void)" in sample.driver


def test_the_driver_mentions_no_name_but_the_functions() -> None:
    own = {word for words in (*TERSE.values(), *PLAIN.values()) for word in words}
    for sample in generate(300, 2):
        driver = re.sub(r'"[^"]*"|\'[^\']*\'|#include.*', "", sample.driver)
        assert own.isdisjoint(re.findall(r"[A-Za-z_]\w*", driver))


def test_the_shortcut_is_what_the_docstring_says() -> None:
    rates = [(_terse_rate(1, shortcut), _terse_rate(0, shortcut)) for shortcut in (0.0, 0.6, 1.0)]
    assert rates[0] == pytest.approx((0.5, 0.5), abs=0.1)
    assert rates[1] == pytest.approx((0.8, 0.2), abs=0.1)
    assert rates[2] == (1.0, 0.0)
    assert all(later[0] > earlier[0] for earlier, later in pairwise(rates))


def test_the_shortcut_changes_names_and_comments_only() -> None:
    for honest, cued in zip(generate(200, 5, shortcut=0.0), generate(200, 5, shortcut=1.0), strict=True):
        assert (honest.label, honest.project) == (cued.label, cued.project)
        assert _shape(honest.code) == _shape(cued.code)


def _shape(code: str) -> str:
    """Return the code without comments and white space, every word replaced by one letter."""
    bare = re.sub(r"//[^\n]*|/\*.*?\*/|\s+", " ", code)
    return re.sub(r"\s+", "", re.sub(r"[A-Za-z_]\w*", "a", bare))


@pytest.mark.parametrize("arguments", [(-1, 0.0), (3, 1.5), (3, -0.1)])
def test_bad_arguments_are_a_usage_error(arguments: tuple[int, float]) -> None:
    with pytest.raises(UsageError):
        generate(arguments[0], 0, shortcut=arguments[1])
