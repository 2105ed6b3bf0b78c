"""MORPH's search keeps to the space, finds what is better in some objective, and is the same for the same seed."""

import numpy as np
import pytest

from baselines.avatar_space import configuration_space, pruned_box
from baselines.morph import Rated
from baselines.morph_space import latin_sample
from bench.measuring import cost

pytest.importorskip("pymoo", reason="the extra `moo` is not installed")


def test_the_front_is_valid_non_dominated_and_repeatable(budget):
    from baselines.avatar_space import student_spec
    from baselines.morph_search import MorphSearch

    space = configuration_space(pruned_box(budget.size_mb, budget.max_tokens), budget)

    def rate(candidates):
        specs = [student_spec(one) for one in candidates]
        return [
            Rated(one, cost.megabytes(spec), 1 / (1 + one["layers"]), one["ffn"] / 1e4, cost.gflops(spec))
            for one, spec in zip(candidates, specs, strict=True)
        ]

    start = latin_sample(space, 3, np.random.default_rng(0))
    fronts = [MorphSearch(12, 8).run(space, start, rate, np.random.default_rng(5)) for _ in range(2)]
    assert fronts[0] == fronts[1]
    assert len(fronts[0]) == len({one.candidate for one in fronts[0]}) > 1
    assert all(one.candidate in space for one in fronts[0])
    for one in fronts[0]:
        assert not any(
            all(a <= b for a, b in zip(two.costs, one.costs, strict=True)) and two.costs != one.costs
            for two in fronts[0]
        )
