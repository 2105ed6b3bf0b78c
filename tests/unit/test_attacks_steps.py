"""The steps of single algorithms by hand: Metropolis-Hastings, genetic, exhaustive, beams, restyling, RNNS."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from attacks.beam import BreadthFirst, RenameBeam
from attacks.genetic import Genetic, GreedyThenGenetic, Individual, first_generation, mutate, survivors
from attacks.names import Fixed
from attacks.program import Program
from attacks.rename import Drawn, rename_loci
from attacks.restyle import RestyleThenRename
from attacks.rewrite import rewrite_loci
from attacks.rnns import NearestNames
from attacks.search import Exhaustive, Greedy, MetropolisHastings, space_size
from attacks.walk import drive, others
from bench.syntax.csource import parse
from bench.types import Probabilities

CODE = """int add(int left, int right) {
    int sum = left;
    return sum + right; }
"""


@dataclass
class Sure:
    """Vulnerable with a probability from 0.6 to 1, by a checksum of the program; remembers what it was asked."""

    asked: list[str] = field(default_factory=list)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        self.asked.extend(programs)
        ones = np.array([0.6 + 0.4 * (zlib.crc32(text.encode()) % 1000) / 999 for text in programs])
        return np.stack([1 - ones, ones], axis=1)


def renaming(code: str = CODE, count: int = 4) -> Program:
    source = parse(code)
    return Program(source, rename_loci(source, Fixed(Drawn(), count), np.random.default_rng(0)))


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
    victim = Sure()
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


def test_the_genetic_step_follows_greedy() -> None:
    """ALERT asks what greedy asks, in its order, and then goes on."""
    program, victim = renaming(), Sure()
    drive(program, GreedyThenGenetic().walk(program, np.random.default_rng(0)), victim, 1, 10_000)
    alone = Sure()
    drive(program, Greedy().walk(program, np.random.default_rng(0)), alone, 1, 10_000)
    assert victim.asked[: len(alone.asked)] == alone.asked
    assert len(victim.asked) > len(alone.asked)


def test_space_size_and_fewest_changes_first() -> None:
    program, victim = renaming(count=2), Sure()
    assert space_size(program) == 27
    drive(program, Exhaustive().walk(program, np.random.default_rng(0)), victim, 1, 10_000)
    assert len(victim.asked) == 27
    assert victim.asked[0] == CODE
    victim.asked.clear()
    drive(program, Exhaustive(limit=26).walk(program, np.random.default_rng(0)), victim, 1, 10_000)
    assert victim.asked == []


def test_style_transfer_asks_for_all_single_rewrites_first() -> None:
    source = parse("int f(int a) { if (a > 0) a++; else a--; return a + 1; }")
    program, victim = Program(source, rewrite_loci(source)), Sure()
    drive(program, BreadthFirst(limit=500).walk(program, np.random.default_rng(0)), victim, 1, 10_000)
    singles = {program.render(m) for i in range(len(program.loci)) for m in others(program, program.original, i)}
    assert set(victim.asked[1 : 1 + len(singles)]) == singles
    assert len(victim.asked) <= 501


def test_coda_renames_round_by_round_cumulatively() -> None:
    program, victim = renaming(), Sure()
    drive(program, RestyleThenRename().walk(program, np.random.default_rng(0)), victim, 1, 10_000)
    expected = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2), (3, 2, 2)]
    assert victim.asked[:8] == [program.render(genotype) for genotype in expected]


def test_rnns_measures_each_name_with_sixteen_dummies() -> None:
    program, victim = renaming(), Sure()
    drive(program, NearestNames().walk(program, np.random.default_rng(0)), victim, 1, 1 + 3 * 16)
    assert sum("int fghig" in text for text in victim.asked) == 3


def test_names_are_grouped_by_the_most_sensitive_statement_they_stand_in() -> None:
    code = """int f(int p, int q) {
        int c = 0, r = 1, e = 2, i;
        if (c > 0) e = 1;
        for (i = 0; i < 3; i++) q += e;
        return r; }"""
    program = renaming(code)
    groups = RenameBeam().groups(program)
    named = {kind: [program.loci[index].label for index in loci] for kind, loci in groups.items()}
    assert named == {"if": ["c"], "function": ["p", "q"], "for": ["i"], "return": ["r"], "other": ["e"]}
