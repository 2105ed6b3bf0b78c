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
from attacks.genetic import Genetic, GreedyThenGenetic, Individual, first_generation, mutate, survivors
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
    space_size,
)
from attacks.walk import Search, drive, others
from bench.csource import parse
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


@pytest.mark.parametrize(
    ("proposed", "current", "drawn", "threshold", "accepted"),
    [
        (0.6, 0.8, 0.99, 1.0, True),  # better: alpha 2
        (0.8, 0.8, 0.99, 1.0, True),  # equal: alpha 1
        (0.9, 0.8, 0.01, 1.0, False),  # worse: alpha 0.5, below the threshold as ALERT calls it
        (0.8101, 0.8, 0.90, 0.95, False),  # alpha 0.9495, below MHM's own threshold
        (0.809, 0.8, 0.90, 0.95, True),  # alpha 0.955: kept by MHM's own threshold
        (0.809, 0.8, 0.96, 0.95, False),  # unless the draw says no
        (1.0, 1.0, 0.99, 1.0, True),  # the 1e-10 keeps the ratio defined
    ],
)
def test_the_acceptance_rule(proposed: float, current: float, drawn: float, threshold: float, accepted: bool) -> None:
    assert MetropolisHastings(threshold=threshold).accepts(proposed, current, drawn) is accepted


def test_mhm_moves_to_the_best_candidate_and_not_to_the_last() -> None:
    program = renaming("int f(int a) { return a; }", count=8)
    victim = robust()
    walk = MetropolisHastings(iterations=1).walk(program, np.random.default_rng(1))
    next(walk)
    drawn = walk.send(np.array([0.9]))
    assert not isinstance(drawn, tuple)
    scores = np.linspace(0.5, 0.8, 8)
    scores[3] = 0.2
    with pytest.raises(StopIteration) as stopped:
        walk.send(scores)
    assert stopped.value.value == list(drawn)[3]  # type: ignore[call-overload]
    assert victim.asked == []


def test_mhm_draws_at_most_thirty_different_candidates() -> None:
    program = renaming("int f(int a) { return a; }", count=50)
    walk = MetropolisHastings().walk(program, np.random.default_rng(1))
    next(walk)
    drawn = list(walk.send(np.array([0.9])))  # type: ignore[call-overload]
    assert len(drawn) == len(set(drawn)) == 30


def test_the_first_generation_is_the_original_and_greedys_single_choices() -> None:
    assert first_generation((2, 0, 3)) == [(0, 0, 0), (2, 0, 0), (0, 0, 3)]


def test_the_worst_individual_gives_way_and_nobody_is_edited() -> None:
    before = [Individual((0,), 0.5), Individual((1,), 0.9), Individual((2,), 0.7)]
    kept = list(before)
    after = survivors(before, Individual((3,), 0.6))
    assert [individual.genotype for individual in after] == [(0,), (3,), (2,)]
    assert before == kept
    assert survivors(after, Individual((4,), 0.7)) is after


def test_children_differ_from_both_parents_and_parents_stay() -> None:
    program, rng = renaming(), np.random.default_rng(0)
    parents = [(0, 0, 0), (1, 0, 0), (0, 2, 0), (0, 0, 3)]
    copies = [tuple(parent) for parent in parents]
    for _ in range(200):
        child = Genetic().child(program, parents, rng)
        assert len(child) == 3
        assert all(0 <= allele < len(locus.alleles) for allele, locus in zip(child, program.loci, strict=True))
    assert parents == copies
    assert all(mutate(program, (1, 1, 1), rng) != (1, 1, 1) for _ in range(50))


def test_the_genetic_step_starts_where_greedy_failed() -> None:
    """Greedy takes the best name first and gets stuck; two middling names together flip."""
    program, victim = renaming(), robust()
    drive(program, GreedyThenGenetic().walk(program, np.random.default_rng(0)), victim, 1, 10_000)
    alone = robust()
    drive(program, Greedy().walk(program, np.random.default_rng(0)), alone, 1, 10_000)
    assert victim.asked[: len(alone.asked)] == alone.asked
    assert len(victim.asked) > len(alone.asked)


def test_space_size_and_fewest_changes_first() -> None:
    program, victim = renaming(count=2), robust()
    assert space_size(program) == 27
    drive(program, Exhaustive().walk(program, np.random.default_rng(0)), victim, 1, 10_000)
    assert len(victim.asked) == 27
    assert victim.asked[0] == CODE
    victim.asked.clear()
    drive(program, Exhaustive(limit=26).walk(program, np.random.default_rng(0)), victim, 1, 10_000)
    assert victim.asked == []


def test_style_transfer_asks_for_all_single_rewrites_first() -> None:
    source = parse("int f(int a) { if (a > 0) a++; else a--; return a + 1; }")
    program, victim = Program(source, rewrite_loci(source)), robust()
    drive(program, BreadthFirst(limit=500).walk(program, np.random.default_rng(0)), victim, 1, 10_000)
    singles = {program.render(m) for i in range(len(program.loci)) for m in others(program, program.original, i)}
    assert set(victim.asked[1 : 1 + len(singles)]) == singles
    assert len(victim.asked) <= 501


def test_coda_renames_round_by_round_cumulatively() -> None:
    program, victim = renaming(), robust()
    drive(program, RestyleThenRename().walk(program, np.random.default_rng(0)), victim, 1, 10_000)
    expected = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2), (3, 2, 2)]
    assert victim.asked[:8] == [program.render(genotype) for genotype in expected]


def test_rnns_measures_each_name_with_sixteen_dummies() -> None:
    program, victim = renaming(), robust()
    drive(program, NearestNames().walk(program, np.random.default_rng(0)), victim, 1, 1 + 3 * 16)
    assert sum("int fghig" in text for text in victim.asked) == 3
