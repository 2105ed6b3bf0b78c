"""AVATAR's search: dominance, the archive, the operators, and NSGA-II beside them."""

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from baselines.avatar import Avatar, adaptive_sample, choose
from baselines.avatar_search import GeneticSearch, Scored, admit, dominates, dominates_strictly
from baselines.avatar_space import configuration_space, pruned_box
from baselines.avatar_surrogate import fit_surrogate
from bench.distillation.space import Candidate
from bench.types import Budget, Recipe

RECIPE = Recipe(epochs=3, learning_rate=1e-2, batch_size=8, temperature=4.0)
SMALL = Budget(0.5, 256, RECIPE, RECIPE, surrogate_trainings=4, surrogate_epochs=2)
PAPER = Budget(3.0, 512, RECIPE, RECIPE, surrogate_trainings=6)


def space_of(budget):
    return configuration_space(pruned_box(budget.size_mb, budget.max_tokens), budget)


def scored(name, size_error, quality, effort):
    return Scored(Candidate(("name",), (name,)), size_error, quality, effort)


def test_pareto_dominance_needs_one_better_and_none_worse():
    one = scored("one", 0.1, 0.6, 1.0)
    assert dominates(one, scored("two", 0.1, 0.6, 1.1))
    assert not dominates(one, scored("equal", 0.1, 0.6, 1.0))
    assert not dominates(one, scored("trade", 0.2, 0.7, 1.0))
    assert not dominates_strictly(one, scored("two", 0.1, 0.6, 1.1))
    assert dominates_strictly(one, scored("worse", 0.2, 0.5, 1.1))


def test_admission_removes_the_dominated_and_changes_no_archive():
    old = (scored("a", 0.1, 0.6, 1.0), scored("b", 0.3, 0.9, 2.0))
    new = admit(old, scored("c", 0.1, 0.7, 0.5), dominates)
    assert [one.candidate["name"] for one in new] == ["b", "c"]
    assert [one.candidate["name"] for one in old] == ["a", "b"]
    assert admit(new, scored("d", 0.2, 0.6, 0.6), dominates) is new
    assert admit(new, new[0], dominates) is new


def searched(budget, algorithm="genetic", watch=None, seed=3):
    """Run the search on a surrogate that likes layers."""
    space = space_of(budget)
    rng = np.random.default_rng(seed)
    start = adaptive_sample(space, 6, rng, budget.as_released)
    surrogate = fit_surrogate(np.array([space.codes(one) for one in start]), np.array([one["layers"] for one in start]))
    surrogate = surrogate._replace(predict=watch(surrogate.predict)) if watch else surrogate
    method = Avatar(algorithm=algorithm, settings=GeneticSearch(generations=15))
    return space, start, method.search(space, start, surrogate, budget, seed)


@pytest.mark.parametrize("algorithm", ["genetic", "nsga2"])
@pytest.mark.parametrize("budget", [SMALL, PAPER, replace(SMALL, as_released=True)])
def test_the_archive_holds_no_dominated_member_and_only_valid_ones(algorithm, budget):
    if algorithm == "nsga2":
        pytest.importorskip("pymoo")
    space, start, archive = searched(budget, algorithm)
    beats = dominates_strictly if budget.as_released else dominates
    assert not any(beats(one, two) for one, two in product(archive, archive))
    assert all(one.candidate in space for one in archive)
    assert len({one.candidate for one in archive}) == len(archive) > 1
    assert any(one.candidate not in start for one in archive)


@pytest.mark.parametrize("algorithm", ["genetic", "nsga2"])
def test_the_search_is_deterministic(algorithm):
    if algorithm == "nsga2":
        pytest.importorskip("pymoo")
    assert searched(SMALL, algorithm)[2] == searched(SMALL, algorithm)[2]
    assert searched(SMALL, algorithm)[2] != searched(SMALL, algorithm, seed=4)[2]


def test_archive_members_never_change_after_their_admission(monkeypatch):
    seen, copies = [], []
    genuine = GeneticSearch._admitted

    def watching(self, archive, members):
        made = genuine(self, archive, members)
        seen.append(made)
        copies.append(deepcopy(made))
        return made

    monkeypatch.setattr(GeneticSearch, "_admitted", watching)
    searched(SMALL)
    assert len(seen) == 16
    assert seen == copies


def test_admitted_objectives_never_get_worse(monkeypatch):
    seen = []
    genuine = GeneticSearch._admitted
    monkeypatch.setattr(GeneticSearch, "_admitted", lambda self, *rest: seen.append(genuine(self, *rest)) or seen[-1])
    searched(PAPER)
    for earlier, later in pairwise(seen):
        for place in range(3):
            assert min(one.costs[place] for one in later) <= min(one.costs[place] for one in earlier)


def test_crossover_mixes_genes_unless_as_released():
    space = space_of(SMALL)
    rng = np.random.default_rng(0)
    always = GeneticSearch(crossover_rate=1.0)
    one, two = space.sample(rng), space.sample(rng)
    before = deepcopy((one, two))
    children = [child for _ in range(30) for child in always.crossed(space, one, two, rng)]
    assert any(child not in (one, two) for child in children)
    assert replace(always, as_released=True).crossed(space, one, two, rng) == (two, one)
    assert (one, two) == before


def test_the_choice_is_the_most_accurate_then_the_cheapest():
    archive = (scored("a", 0.0, 0.6, 0.1), scored("b", 0.4, 0.7, 0.9), scored("c", 0.5, 0.7, 0.8))
    assert choose(archive, by_size=False).candidate["name"] == "c"
    assert choose(archive, by_size=True).candidate["name"] == "a"
