"""The recipes through the judge: exact counts, the papers' bounds, and what each one may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from attacks import recipes, recipes_code
from attacks.judge import judge
from attacks.names import Fixed
from attacks.rename import Drawn
from bench.results import Outcome
from bench.types import Attack, Probabilities, Sample

CODE = """int sum(int *list, int size) {
    int total = 0;
    for (int at = 0; at < size; at++) total += list[at];
    return total;
}
"""
OCCURRENCES = 11  # list, size: 2; total: 3; at: 4
SAMPLE = Sample("t/1", CODE, 1)
PLENTY = 100_000


@dataclass
class Stubborn:
    """Never falls; a little less sure with every `e`, which no keyword of CODE holds."""

    asked: list[str] = field(default_factory=list)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        self.asked.extend(programs)
        ones = np.array([0.9 - 0.001 * min(text.count("e"), 300) for text in programs])
        return np.stack([1 - ones, ones], axis=1)


def resisted(attack: Attack, budget: int = PLENTY, code: str = CODE) -> Outcome:
    outcome = judge(attack, Stubborn(), Sample("t/1", code, 1), budget, np.random.default_rng(0))
    assert outcome.verdict == "resisted"
    assert outcome.queries - outcome.distinct in {0, 1}  # the judge and the attack both put the original
    return outcome


@pytest.mark.parametrize("per_name", [1, 4])
def test_alert_greedy_costs_what_the_paper_says(per_name: int) -> None:
    """q = 1 (original) + 1 + occurrences + all substitutes (spec, 1.2)."""
    outcome = resisted(recipes.alert_greedy(Drawn(count=per_name)))
    assert (outcome.sites, outcome.alleles) == (4, 4 * per_name)
    assert outcome.queries == 1 + 1 + OCCURRENCES + 4 * per_name


def test_alert_goes_on_where_greedy_ends_and_stays_in_its_bound() -> None:
    greedy, both = resisted(recipes.alert_greedy()), resisted(recipes.alert())
    assert greedy.queries < both.queries <= greedy.queries + 1 + 5 * 5 * 64


def test_metropolis_hastings_stays_in_its_bound() -> None:
    names = [f"name{number}" for number in range(6000)]
    outcome = resisted(recipes.mhm_vocabulary(names))
    assert outcome.alleles == 5000
    assert 1000 < outcome.queries <= 1 + 1 + 30 * 100


def test_exhaustive_counts_the_whole_space_and_leaves_large_ones_alone() -> None:
    assert resisted(recipes.exhaustive()).queries == 1 + 5**4
    large = judge(recipes.exhaustive(Drawn()), Stubborn(), SAMPLE, PLENTY, np.random.default_rng(0))
    assert (large.verdict, large.queries) == ("too_large", 1)
    short = judge(recipes.exhaustive(), Stubborn(), SAMPLE, 5**4, np.random.default_rng(0))
    assert (short.verdict, short.queries) == ("too_large", 1)


def test_wir_random_as_first_released_changes_five_names_at_most() -> None:
    code = "int f(int ga, int gb, int gc, int gd, int gf, int gg) { return ga + gb + gc + gd + gf + gg; }"
    assert len(resisted(recipes.wir_random_first(), code=code).changed) == 5
    assert len(resisted(recipes.wir_random(), code=code).changed) == 6


def test_rnns_measures_and_then_follows() -> None:
    assert 1 + 1 + 4 * 16 < resisted(recipes.rnns()).queries <= 1 + 1 + 4 * 16 + 4 * 6 * 60


def test_style_transfer_asks_five_hundred_and_renames_nothing() -> None:
    outcome = resisted(recipes_code.style_transfer())
    assert 400 < outcome.queries <= 1 + 1 + 500  # some ways to rewrite meet in one text, which is put once
    assert not any(change.startswith("rename") for change in outcome.changed)


def test_coda_stays_in_its_bound() -> None:
    outcome = resisted(recipes_code.coda_style())
    assert outcome.queries <= 1 + 1 + 64 + 64 * 4
    assert any(change.startswith("rename") for change in outcome.changed)


@dataclass
class Needs:
    """Falls only when both are in the program."""

    words: tuple[str, ...]

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        ones = np.array([0.9 - 0.45 * np.mean([word in text for word in self.words]) for text in programs])
        ones = np.where(ones < 0.46, 0.1, ones)
        return np.stack([1 - ones, ones], axis=1)


def test_the_families_together_find_what_neither_finds_alone() -> None:
    victim, few = Needs(("while", "buf")), Fixed(Drawn(("buf", "ptr", "len", "cnt", "idx", "val", "tmp", "res")), 2)
    assert CODE.count("while") == CODE.count("buf") == 0
    verdicts = [
        judge(attack, victim, SAMPLE, 400, np.random.default_rng(0)).verdict
        for attack in (recipes.exhaustive(few), recipes_code.style_transfer(), recipes_code.combined(few))
    ]
    assert verdicts == ["resisted", "resisted", "fooled"]


def test_on_one_bounded_space_nothing_beats_the_exhaustive_search() -> None:
    makers = (recipes.alert_greedy, recipes.alert, recipes.mhm, recipes.random_names, recipes.rename_beam)
    space, victim = Fixed(Drawn(), 3), Needs(("e",))
    optimum = judge(recipes.exhaustive(space), victim, SAMPLE, PLENTY, np.random.default_rng(0))
    for make in makers:
        outcome = judge(make(space), victim, SAMPLE, PLENTY, np.random.default_rng(1))
        assert (outcome.sites, outcome.alleles) == (optimum.sites, optimum.alleles)
        assert (outcome.verdict == "fooled") <= (optimum.verdict == "fooled")
