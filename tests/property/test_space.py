"""Whatever a search does, its candidates stay inside the space and its parents stay as they were."""

from copy import deepcopy

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.avatar_space import configuration_space, pruned_box, student_spec
from baselines.compressor import SPACE as COMPRESSOR_SPACE
from bench.distillation.space import Gene, Space
from bench.measuring.cost import fits
from bench.types import Budget, Recipe, StudentSpec

RECIPE = Recipe(epochs=1, learning_rate=1e-3)
BUDGETS = [Budget(size, tokens, RECIPE, RECIPE) for size, tokens in ((0.25, 128), (0.5, 256), (3.0, 400), (50.0, 512))]
SEEDS = st.integers(0, 2**32 - 1)

values = st.lists(st.integers(-50, 50), min_size=1, max_size=6, unique=True).map(sorted).map(tuple)
options = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=4, unique=True).map(tuple)
any_genes = st.lists(
    st.one_of(st.tuples(values, st.just(False)), st.tuples(options, st.just(True))), min_size=1, max_size=5
)


def space_of(genes):
    return Space(tuple(Gene(f"g{place}", *gene) for place, gene in enumerate(genes)))


def avatar_space(budget):
    return configuration_space(pruned_box(budget.size_mb, budget.max_tokens), budget)


def check_operators(space, seed, chosen):
    """Sample, mutate and cross; return all candidates met."""
    rng = np.random.default_rng(seed)
    one, two = space.sample(rng), space.sample(rng)
    before = deepcopy((one, two))
    names = [name for name, take in zip(space.names, chosen, strict=False) if take]
    mutant = space.mutate(one, names, rng)
    children = space.cross(one, two, names, rng)
    assert (one, two) == before
    met = [one, two, mutant, *children]
    assert all(candidate in space for candidate in met)
    return met


@given(any_genes, SEEDS, st.lists(st.booleans(), max_size=5))
def test_operators_stay_inside_any_space(genes, seed, chosen):
    check_operators(space_of(genes), seed, chosen)


@given(any_genes, SEEDS, st.lists(st.booleans(), min_size=5, max_size=5))
def test_without_a_constraint_mutation_changes_the_named_genes_and_no_other(genes, seed, chosen):
    space = space_of(genes)
    rng = np.random.default_rng(seed)
    parent = space.sample(rng)
    names = [name for name, take in zip(space.names, chosen, strict=False) if take]
    child = space.mutate(parent, names, rng)
    for gene in space.genes:
        assert (child[gene.name] != parent[gene.name]) == (gene.name in names and len(gene.values) > 1)


@given(any_genes, SEEDS, st.lists(st.booleans(), min_size=5, max_size=5))
def test_without_a_constraint_crossing_exchanges_the_named_genes(genes, seed, chosen):
    space = space_of(genes)
    rng = np.random.default_rng(seed)
    one, two = space.sample(rng), space.sample(rng)
    names = [name for name, take in zip(space.names, chosen, strict=False) if take]
    first, second = space.cross(one, two, names, rng)
    for name in space.names:
        assert (first[name], second[name]) == ((two[name], one[name]) if name in names else (one[name], two[name]))


@given(any_genes, SEEDS)
def test_distance_is_a_scaled_metric(genes, seed):
    space = space_of(genes)
    rng = np.random.default_rng(seed)
    one, two, three = (space.sample(rng) for _ in range(3))
    assert space.distance(one, two) == space.distance(two, one)
    assert (space.distance(one, two) == 0) == (one == two)
    assert space.distance(one, two) <= np.sqrt(len(space.genes)) + 1e-12
    assert space.distance(one, three) <= space.distance(one, two) + space.distance(two, three) + 1e-12


@given(SEEDS, st.lists(st.booleans(), min_size=5, max_size=5))
def test_compressor_candidates_can_always_be_built(seed, chosen):
    for candidate in check_operators(COMPRESSOR_SPACE, seed, chosen):
        assert candidate["hidden"] % candidate["heads"] == 0
        StudentSpec(**dict(zip(candidate.names, candidate.values, strict=True)), max_tokens=400)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(BUDGETS), SEEDS, st.lists(st.booleans(), min_size=13, max_size=13))
def test_avatar_configurations_can_always_be_built_within_the_budget(budget, seed, chosen):
    for candidate in check_operators(avatar_space(budget), seed, chosen):
        assert candidate["hidden"] % candidate["heads"] == 0
        spec = student_spec(candidate)
        assert spec.max_tokens <= budget.max_tokens
        assert fits(spec, budget.size_mb)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_the_same_seed_gives_the_same_candidates(seed):
    space = avatar_space(BUDGETS[1])
    one, two = (space.sample(np.random.default_rng(seed)) for _ in range(2))
    assert one == two
