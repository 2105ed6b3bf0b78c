"""Our searches inside TextAttack find what they find outside, for the same queries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from attacks.program import Program
from attacks.rename import Drawn, rename_loci
from attacks.search import Greedy, MetropolisHastings
from attacks.walk import Search, drive
from bench.syntax.csource import parse
from bench.types import Probabilities

CODE = "int f(int alpha, int beta) { int sum = alpha; sum += beta; return sum; }"


class Lengths:
    """Less vulnerable with every character; counts what it is asked."""

    def __init__(self) -> None:
        self.count = 0

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        self.count += len(programs)
        ones = np.array([1 / (1 + np.exp((len(text) - len(CODE) - 8) / 10)) for text in programs])
        return np.stack([1 - ones, ones], axis=1)


@pytest.mark.parametrize("search", [Greedy(), MetropolisHastings()], ids=["greedy", "mhm"])
@pytest.mark.parametrize("budget", [2, 5, 40, 1000])
def test_the_same_inside_and_outside(search: Search, budget: int) -> None:
    bridge = pytest.importorskip("attacks.textattack_bridge")
    from attacks.textattack_search import Driven

    source = parse(CODE)
    program = Program(source, rename_loci(source, Drawn(), np.random.default_rng(0)))
    outside, inside = Lengths(), Lengths()
    found = drive(program, search.walk(program, np.random.default_rng(1)), outside, 1, budget)
    plan = bridge.Plan(Driven(search, np.random.default_rng(1)), bridge.AlleleSwap(), budget, np.random.default_rng(2))
    assert bridge.search(program, inside, 1, plan) == found
    assert inside.count == outside.count <= budget
