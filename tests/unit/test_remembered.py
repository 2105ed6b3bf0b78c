"""Experts and answers on the shelf: made once, the same after a resume, again where they depend on something else."""

from dataclasses import replace

import numpy as np
import pytest

from bench.config import Experiment
from bench.distillation.remembered import Remembered, digest
from bench.distillation.teachers import FineTuned, single_teacher
from bench.presets import ScratchEncoder
from bench.pretraining.pretrain import pretrain
from bench.storage.store import Store
from moekd.method import MoEKD

SHAPE = ScratchEncoder(vocab_size=300, layers=1, hidden=16, heads=2, ffn=32, pretrain_epochs=1)


@pytest.fixture(scope="module")
def tuned(splits, budget):
    encoder = pretrain(splits.unlabelled, SHAPE, 32, 0, "cpu")
    return single_teacher("toy", encoder, splits.labelled, splits.valid, budget.teacher_recipe)


@pytest.fixture
def store(tmp_path):
    return Store.open(tmp_path / "run", Experiment(), {"sha256": "x"})


@pytest.fixture
def counted(monkeypatch):
    """How often a teacher computes."""
    calls = []
    for name in ("logits", "embed", "specialise"):
        original = getattr(FineTuned, name)

        def counting(self, *args, name=name, original=original):
            calls.append(name)
            return original(self, *args)

        monkeypatch.setattr(FineTuned, name, counting)
    return calls


def test_answers_are_computed_once_and_are_the_teachers(tuned, store, splits, counted):
    expected = tuned.logits(splits.unlabelled), tuned.embed(splits.unlabelled)
    counted.clear()
    for _ in range(2):
        teacher = Remembered(tuned, store, "teacher")  # as after a resume
        assert np.array_equal(teacher.logits(splits.unlabelled), expected[0])
        assert np.array_equal(teacher.embed(splits.unlabelled), expected[1])
    assert counted == ["logits", "embed"]
    Remembered(tuned, store, "another teacher").logits(splits.unlabelled)
    teacher.logits(splits.unlabelled[:3])
    assert counted == ["logits", "embed", "logits", "logits"]


def test_an_expert_is_trained_once_for_the_same_lesson(tuned, store, splits, budget, counted):
    teacher = Remembered(tuned, store, "teacher")
    weights = np.ones(16)

    def expert(weights=weights, samples=splits.labelled, valid=splits.valid, recipe=budget.teacher_recipe, seed=1):
        return teacher.specialise(samples, weights, valid, recipe, seed)

    first = expert()
    direct = tuned.specialise(splits.labelled, weights, splits.valid, budget.teacher_recipe, 1)
    assert np.array_equal(first.logits(splits.unlabelled), direct.logits(splits.unlabelled))
    assert np.array_equal(first.probabilities(["int f;"]), direct.probabilities(["int f;"]))
    counted.clear()
    assert np.array_equal(expert().logits(splits.unlabelled), first.logits(splits.unlabelled))
    assert counted == []
    mislabelled = (replace(splits.labelled[0], label=1), *splits.labelled[1:])
    expert(weights * 0.5)
    expert(samples=mislabelled)
    expert(valid=splits.valid[:3])
    expert(recipe=replace(budget.teacher_recipe, epochs=2))
    expert(seed=2)
    assert counted == ["specialise"] * 5


def test_variants_of_moekd_share_experts_and_targets(tuned, store, splits, budget, counted):
    teacher = Remembered(tuned, store, "teacher")
    MoEKD().compress(teacher, splits, budget, 0)
    assert counted.count("specialise") == 4
    counted.clear()
    hotter = replace(budget, size_mb=0.2, recipe=replace(budget.recipe, temperature=4.0))
    for variant, spent in (
        (MoEKD(router="uniform"), budget),
        (MoEKD(router="top-1", aggregation="logits"), budget),
        (MoEKD(), hotter),
    ):
        variant.compress(Remembered(tuned, store, "teacher"), splits, spent, 0)
    assert counted == []


def test_a_damaged_answer_is_computed_again(tuned, store, splits, counted):
    teacher = Remembered(tuned, store, "teacher")
    expected = teacher.logits(splits.unlabelled)
    (file,) = (store.root / "artifacts").glob("logits-*/numbers.npy")
    file.write_bytes(b"\x93NUMPY nonsense")
    assert np.array_equal(teacher.logits(splits.unlabelled), expected)
    assert counted == ["logits", "logits"]
    assert len(store.repairs) == 1


def test_digests_tell_texts_apart():
    texts = [["a", "b"], ["ab"], ["b", "a"], ["a", "b", ""], ["\ud800"], []]
    assert len({digest(text) for text in texts}) == len(texts)
