"""AVATAR's surrogates: each learns what can be learnt, knows when nothing can, and says how well it does."""

import math
from typing import get_args

import numpy as np
import pytest

from baselines.avatar_space import configuration_space, pruned_box
from baselines.avatar_surrogate import PUBLISHED, Kind, fit_surrogate
from bench.types import Budget, Recipe

RECIPE = Recipe(epochs=1, learning_rate=1e-3)
BUDGET = Budget(3.0, 400, RECIPE, RECIPE)
SPACE = configuration_space(pruned_box(3.0, 400), BUDGET)
DRAWN = [SPACE.sample(np.random.default_rng(seed)) for seed in range(24)]
CODES = np.array([SPACE.codes(one) for one in DRAWN])
KINDS = get_args(Kind)
RATE = np.array([0.65 if one["learning_rate"] == 1e-3 else 0.55 for one in DRAWN])
"""What short trainings are like: those with a small learning rate learn nothing."""


def test_the_published_one_is_the_default():
    predicted = fit_surrogate(CODES, RATE).predict(CODES)
    assert np.array_equal(predicted, fit_surrogate(CODES, RATE, PUBLISHED, SPACE).predict(CODES))


@pytest.mark.parametrize("kind", KINDS)
def test_equal_qualities_are_predicted_and_have_no_r2(kind):
    found = fit_surrogate(CODES[:6], np.full(6, 0.57), kind, SPACE)
    assert math.isnan(found.r2)
    assert found.predict(CODES) == pytest.approx(0.57)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_known_to_be_noise(kind):
    assert fit_surrogate(CODES, np.random.default_rng(3).random(24), kind, SPACE).r2 < 0.3


@pytest.mark.parametrize("kind", ["gradient-boosting", "gaussian-process"])
def test_the_others_see_a_category_that_the_published_one_takes_for_a_number(kind):
    activations = np.array([0.65 if one["activation"] in ("relu", "gelu_new") else 0.55 for one in DRAWN])
    found, published = (fit_surrogate(CODES, activations, one, SPACE) for one in (kind, PUBLISHED))
    assert found.r2 > published.r2 + 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_repeatable_and_of_the_right_shape(kind):
    one, two = (fit_surrogate(CODES, RATE, kind, SPACE) for _ in range(2))
    assert one.r2 == two.r2
    assert np.array_equal(one.predict(CODES[:5]), two.predict(CODES[:5]))
    assert one.predict(CODES[:5]).shape == (5,)


def test_the_gaussian_process_needs_no_space():
    assert fit_surrogate(CODES, RATE, "gaussian-process").predict(CODES).shape == (24,)
