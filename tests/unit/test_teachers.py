"""Teachers: fine-tuning from one encoder, weights respected, answers remembered, the encoder never changed."""

from dataclasses import replace

import numpy as np
import pytest

from bench.distillation.teachers import fine_tune, single_teacher
from bench.presets import ScratchEncoder
from bench.pretraining.pretrain import pretrain
from bench.types import Recipe

SHAPE = ScratchEncoder(vocab_size=300, layers=1, hidden=16, heads=2, ffn=32, pretrain_epochs=1)
RECIPE = Recipe(epochs=20, learning_rate=1e-2, batch_size=4, hidden_dropout=0.0, attention_dropout=0.0)


@pytest.fixture(scope="module")
def encoder(splits):
    return pretrain(splits.unlabelled, SHAPE, 32, 0, "cpu")


@pytest.fixture(scope="module")
def made(encoder, splits):
    return single_teacher("toy", encoder, splits.labelled, splits.valid, RECIPE)


def test_the_teacher_learns_and_column_1_is_vulnerable(made, splits):
    vulnerable = made.probabilities([sample.code for sample in splits.test])[:, 1]
    assert ((vulnerable > 0.5) == [sample.label == 1 for sample in splits.test]).all()
    assert ((made.logits([sample.code for sample in splits.test]) > 0) == (vulnerable > 0.5)).all()


def test_the_encoder_stays_as_it_was_before_fine_tuning(encoder, made, splits):
    fresh = pretrain(splits.unlabelled, SHAPE, 32, 0, "cpu")
    assert np.array_equal(encoder.embed(splits.unlabelled), fresh.embed(splits.unlabelled))
    assert np.array_equal(made.embed(splits.unlabelled), fresh.embed(splits.unlabelled))


def test_the_same_arguments_make_the_same_teacher_and_another_name_another(encoder, splits):
    once = replace(RECIPE, epochs=1)
    one, two, other = (single_teacher(n, encoder, splits.labelled, splits.valid, once) for n in ("a", "a", "b"))
    assert np.array_equal(one.logits(splits.unlabelled), two.logits(splits.unlabelled))
    assert not np.array_equal(one.logits(splits.unlabelled), other.logits(splits.unlabelled))


def test_an_expert_follows_its_weights(made, splits):
    """Half of the programs carry the wrong label; with no weight they have no say."""
    wrong = tuple(replace(sample, label=1 - sample.label) for sample in splits.labelled)
    weights = np.repeat([1.0, 0.0], len(wrong))
    expert = made.specialise((*splits.labelled, *wrong), weights, splits.valid, RECIPE, seed=3)
    assert expert.valid_accuracy == 1.0
    assert not np.array_equal(expert.logits(["int f;"]), made.logits(["int f;"]))


def test_fine_tuning_depends_on_its_seed(encoder, splits):
    once = replace(RECIPE, epochs=1)
    ones = np.ones(len(splits.labelled))
    found = [
        fine_tune(encoder, splits.labelled, ones, splits.valid, once, s, "x").logits(["int f;"]) for s in (1, 1, 2)
    ]
    assert found[0] == found[1] != found[2]
