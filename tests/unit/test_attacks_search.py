"""Each search by hand on small programs, and all of them against the optimum that exhaustive search finds."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from attacks.beam import BreadthFirst, GreedyThenBeam, MovesBeam, RenameBeam
from attacks.genetic import GreedyThenGenetic
from attacks.names import Fixed
from attacks.program import Genotype, Program
from attacks.rename import Drawn, rename_loci
from attacks.restyle import RestyleThenRename
from attacks.rewrite import rewrite_loci
from attacks.rnns import NearestNames
from attacks.search import (
    Exhaustive,
    Greedy,
    MetropolisHastings,
    RandomSearch,
    at_random,
    by_hiding,
    by_occurrence,
)
from attacks.walk import Search, drive, others
from bench.syntax.csource import parse
from bench.types import Probabilities

CODE = """int add(int left, int right) {
    int sum = left;
    return sum + right; }
"""


@dataclass
class Linear:
    """Log-odds of "vulnerable" are a sum of weights over the tokens; unknown tokens get one from their CRC-32."""

    bias: float = 0.0
    sign: int = 1
    weights: dict[str, float] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def weight(self, token: str) -> float:
        return self.weights.get(token, (zlib.crc32(token.encode()) % 2001 - 1000) / 1000)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        self.asked.extend(programs)
        odds = [self.bias + self.sign * sum(map(self.weight, re.findall(r"<unk>|\w+|\S", text))) for text in programs]
        ones = np.array([1 / (1 + math.exp(-odd)) for odd in odds])
        return np.stack([1 - ones, ones], axis=1)


def renaming(code: str = CODE, count: int = 4, seed: int = 0) -> Program:
    source = parse(code)
    return Program(source, rename_loci(source, Fixed(Drawn(), count), np.random.default_rng(seed)))


def both(code: str = CODE) -> Program:
    source = parse(code)
    loci = rename_loci(source, Fixed(Drawn(), 3), np.random.default_rng(0))
    return Program(source, (*loci, *rewrite_loci(source)))


def score(program: Program, genotype: Genotype, victim: Linear, label: int) -> float:
    return float(victim.probabilities([program.render(genotype)])[0, label])


SEARCHES: dict[str, Search] = {
    "greedy": Greedy(),
    "greedy, random order": Greedy(at_random, most_changed=5),
    "greedy, any family": Greedy(by_hiding),
    "genetic": GreedyThenGenetic(),
    "mhm": MetropolisHastings(),
    "random": RandomSearch(draws=2000),
    "exhaustive": Exhaustive(),
    "rename beam": RenameBeam(),
    "breadth first": BreadthFirst(),
    "moves beam": MovesBeam(),
    "greedy, beam": GreedyThenBeam(),
    "rnns": NearestNames(),
    "restyle": RestyleThenRename(),
}


def robust(code: str = CODE) -> Linear:
    """A victim that is sure enough of label 1 never to fall, and not so sure that scores are all alike."""
    return at_odds(12.0, code)


def at_odds(odds: float, code: str = CODE, sign: int = 1) -> Linear:
    """A victim whose log-odds on the program itself are these; with sign -1, all that spoke for label 1 does for 0."""
    return Linear(bias=odds - sign * sum(map(Linear().weight, re.findall(r"\w+|\S", code))), sign=sign)


@pytest.mark.parametrize("name", SEARCHES)
def test_finds_the_optimum_of_a_separable_victim(name: str) -> None:
    program = renaming()
    best = drive(program, Exhaustive().walk(program, np.random.default_rng(0)), robust(), 1, 10_000)
    found = drive(program, SEARCHES[name].walk(program, np.random.default_rng(0)), robust(), 1, 10_000)
    if name == "restyle":  # cumulative rounds see few combinations
        assert score(program, found, robust(), 1) <= score(program, program.original, robust(), 1)
    else:
        assert found == best
        assert sum(map(bool, best)) >= 2


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("budget", [0, 1, 2, 5, 50])
def test_keeps_every_budget(name: str, budget: int) -> None:
    victim, program = robust(), both()
    drive(program, SEARCHES[name].walk(program, np.random.default_rng(0)), victim, 1, budget)
    assert len(victim.asked) <= budget
    assert len(victim.asked) == len(set(victim.asked))
    assert len(victim.asked) == budget or budget == 50


@pytest.mark.parametrize("name", SEARCHES)
def test_the_same_generator_gives_the_same_walk_and_a_longer_budget_continues_it(name: str) -> None:
    logs = []
    for budget in (40, 40, 25):
        victim, program = robust(), both()
        drive(program, SEARCHES[name].walk(program, np.random.default_rng(3)), victim, 1, budget)
        logs.append(victim.asked)
    assert logs[0] == logs[1]
    assert logs[0][:25] == logs[2]


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("label", [0, 1])
def test_nothing_beats_the_exhaustive_search(name: str, label: int) -> None:
    falls = 0
    for odds in np.linspace(0.1, 10, 10):
        program, victim = renaming(count=2), at_odds(float(odds)) if label else at_odds(-float(odds), sign=-1)
        exact = drive(program, Exhaustive().walk(program, np.random.default_rng(0)), victim, label, 10_000)
        found = drive(program, SEARCHES[name].walk(program, np.random.default_rng(0)), victim, label, 10_000)
        fell = [(victim.probabilities([program.render(g)])[0, 1] > 0.5) != bool(label) for g in (exact, found)]
        assert fell[0] >= fell[1]
        falls += fell[0]
    assert 0 < falls < 10


def order_of(program: Program, victim: Linear, how: object = by_occurrence) -> tuple[list[int], int]:
    """The ranking that greedy starts from, and what it cost."""
    found: list[int] = []

    def walk():  # type: ignore[no-untyped-def]
        found.extend((yield from how(program, np.random.default_rng(0))))  # type: ignore[operator]
        return program.original

    drive(program, walk(), victim, 1, 10_000)
    return found, len(victim.asked)


def test_importance_by_hand() -> None:
    """Left and sum occur twice, right twice; hiding one occurrence removes its weight w and adds that of <unk>, 0."""
    zero = dict.fromkeys(("int", "add", "return", "(", ")", "{", "}", ",", "=", "+", ";", "<unk>"), 0.0)
    victim = Linear(weights={**zero, "left": 0.2, "right": 0.9, "sum": 0.5})
    program = renaming()
    assert [locus.label for locus in program.loci] == ["left", "right", "sum"]
    order, cost = order_of(program, victim)
    assert [program.loci[i].label for i in order] == ["right", "sum", "left"]
    assert cost == 1 + 6
    assert victim.asked[1] == CODE.replace("int left", "int <unk>")
    assert victim.asked[2] == CODE.replace("= left", "= <unk>")


def test_importance_sums_single_occurrences() -> None:
    """One strong occurrence counts less than three weak ones together."""
    code = "int f(int once, int often) { return often + often + once + often; }"
    victim = Linear(bias=-1.4, weights={"<unk>": 0.0, "once": 1.0, "often": 0.6})
    program = renaming(code)
    order, _ = order_of(program, victim)
    assert [program.loci[i].label for i in order] == ["often", "once"]


def test_hiding_ranks_names_for_one_query_each_and_puts_rewrites_last() -> None:
    code = "int f(int once, int often) { return often + often + once + often; }"
    source, victim = parse(code), Linear(bias=-1.4, weights={"<unk>": 0.0, "once": 1.0, "often": 0.6})
    loci = (*rewrite_loci(source), *rename_loci(source, Drawn(), np.random.default_rng(0)))
    program = Program(source, loci)
    order, cost = order_of(program, victim, by_hiding)
    assert [program.loci[i].label for i in order[:2]] == ["often", "once"]
    assert order[2:] == list(range(len(loci) - 2))
    assert cost == 3
    assert victim.asked[2] == "int f(int once, int <unk>) { return <unk> + <unk> + once + <unk>; }"


def test_greedy_asks_for_all_substitutes_in_list_order_and_keeps_the_best() -> None:
    program, victim = renaming(), robust()
    drive(program, Greedy().walk(program, np.random.default_rng(0)), victim, 1, 10_000)
    assert len(victim.asked) == 1 + 6 + sum(len(locus.alleles) - 1 for locus in program.loci)
    order, cost = order_of(program, robust())
    first = victim.asked[cost : cost + 4]
    assert first == [program.render(move) for move in others(program, program.original, order[0])]


def test_greedy_changes_no_more_than_it_may() -> None:
    program = renaming()
    found = drive(program, Greedy(most_changed=1).walk(program, np.random.default_rng(0)), robust(), 1, 10_000)
    assert np.count_nonzero(found) == 1
