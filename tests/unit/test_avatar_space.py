"""AVATAR's configuration space: pruning, genes, and what a configuration means."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from baselines.avatar_space import configuration_space, lattice, pruned_box, recipe, student_spec
from bench.measuring.cost import fits, megabytes, paper_megabytes
from bench.types import Budget, Recipe, StudentSpec, UsageError

RECIPE = Recipe(epochs=3, learning_rate=1e-2, batch_size=8, temperature=4.0)
SMALL = Budget(0.5, 256, RECIPE, RECIPE, surrogate_trainings=4, surrogate_epochs=2)
PAPER = Budget(3.0, 512, RECIPE, RECIPE, surrogate_trainings=6)
PUBLISHED_BOX = {
    "vocab_size": (1000, 46_000),
    "layers": (1, 12),
    "hidden": (16, 256),
    "ffn": (32, 3072),
    "heads": (1, 12),
    "max_tokens": (256, 512),
}


def space_of(budget):
    return configuration_space(pruned_box(budget.size_mb, budget.max_tokens), budget)


def test_at_3_mb_the_box_is_the_published_one():
    assert pruned_box(3.0, 512) == PUBLISHED_BOX


def test_a_shorter_budget_lowers_the_sequence_bounds():
    assert pruned_box(3.0, 400)["max_tokens"] == (256, 400)
    assert pruned_box(0.25, 128)["max_tokens"] == (128, 128)


def test_the_box_is_that_of_brute_force():
    size_mb, tokens = 0.15, 300
    axes = lattice(tokens)
    axes = {**axes, "vocab_size": axes["vocab_size"][:3], "hidden": axes["hidden"][:5], "ffn": axes["ffn"][:40]}
    names = [name for name in axes if name != "heads"]
    fitting = []
    for point in product(*(axes[name] for name in names)):
        genes = dict(zip(names, point, strict=True))
        if paper_megabytes(StudentSpec(**genes, heads=1), genes["max_tokens"]) <= size_mb:
            fitting.append(point)
    brute = {name: (min(column), max(column)) for name, column in zip(names, zip(*fitting, strict=True), strict=True)}
    box = pruned_box(size_mb, tokens)
    assert {name: box[name] for name in names} == brute


SMT_CASES = [(size_mb, tokens) for size_mb in (0.75, 1.5, 3.0) for tokens in (400, 512)]


@pytest.mark.parametrize(
    ("size_mb", "max_tokens"), [(0.25, 128), *(pytest.param(*case, marks=pytest.mark.slow) for case in SMT_CASES)]
)
def test_z3_finds_the_same_box(size_mb, max_tokens):
    pytest.importorskip("z3")
    from baselines.avatar_smt import pruned_box_by_smt

    assert pruned_box_by_smt(size_mb, max_tokens) == pruned_box(size_mb, max_tokens)


def test_a_budget_below_the_smallest_configuration_says_so():
    with pytest.raises(UsageError, match="raise size_mb"):
        pruned_box(0.05, 256)


def test_the_space_has_13_genes_coded_as_published():
    space = configuration_space(PUBLISHED_BOX, PAPER)
    released = space.candidate(
        tokenizer="avatar-bpe",
        vocab_size=19_302,
        layers=7,
        hidden=18,
        activation="gelu_new",
        hidden_dropout=0.5,
        ffn=1491,
        heads=6,
        attention_dropout=0.4,
        max_tokens=351,
        position="absolute",
        learning_rate=1e-3,
        batch_size=64,
    )
    assert space.codes(released).tolist() == [1, 19_302, 7, 18, 4, 0.5, 1491, 6, 0.4, 351, 1, 1, 3]
    assert megabytes(student_spec(released)) == pytest.approx(750_599 * 4 / 1e6)


def test_as_released_only_the_box_limits_the_size():
    rng = np.random.default_rng(0)
    mended, released = space_of(PAPER), space_of(replace(PAPER, as_released=True))
    assert all(fits(student_spec(mended.sample(rng)), 3.0) for _ in range(20))
    too_big = [not fits(student_spec(released.sample(rng)), 3.0) for _ in range(200)]
    assert np.mean(too_big) > 0.8


def test_the_recipe_takes_its_four_genes_and_keeps_the_rest():
    candidate = space_of(SMALL).sample(np.random.default_rng(0))
    made = recipe(candidate, SMALL, epochs=7)
    assert (made.epochs, made.temperature, made.freeze_bias_and_norm) == (7, 4.0, False)
    assert (made.learning_rate, made.batch_size) == (candidate["learning_rate"], candidate["batch_size"])
    assert (made.hidden_dropout, made.attention_dropout) == (
        candidate["hidden_dropout"],
        candidate["attention_dropout"],
    )
    assert recipe(candidate, replace(SMALL, as_released=True), 7).freeze_bias_and_norm
