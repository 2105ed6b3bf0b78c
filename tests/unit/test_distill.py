"""The one training loop: its loss by hand, its batches, what trains, which epoch is kept, and that it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from bench import progress
from bench.distillation import distill as module
from bench.distillation.distill import Lesson, batches, distill, distillation_loss, fit, soft_targets
from bench.measuring.cost import answer_gflops
from bench.measuring.metrics import auroc
from bench.networks.models import build, load, save
from bench.networks.vocabularies import train_tokenizer
from bench.types import Recipe, Sample, StudentSpec

SPEC = StudentSpec(300, 1, 16, 2, 32, 24)
PLAIN = Recipe(epochs=1, learning_rate=1e-2, batch_size=4, hidden_dropout=0.0, attention_dropout=0.0)


def student(splits, recipe=PLAIN, seed=0):
    return build(SPEC, recipe, train_tokenizer("bpe", 300, splits.unlabelled), seed)


def lesson(network, samples, weights=None):
    encoded = network.inputs.encode([sample.code for sample in samples])
    targets = np.array([float(sample.label) for sample in samples])
    return Lesson(encoded, targets, np.ones(len(samples)) if weights is None else weights)


def test_soft_targets_are_log_odds_over_temperature():
    assert soft_targets(np.array([0.0, 4.0, -4.0]), 2.0) == pytest.approx(
        [0.5, 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))]
    )


def test_the_loss_is_the_hand_computed_divergence_times_temperature_squared():
    pairs, target, t = np.array([[0.3, -1.2], [2.0, 0.5], [0.0, 0.0]]), np.array([0.9, 0.2, 0.5]), 3.0
    weight = np.array([1.0, 0.5, 2.0])
    total = 0.0
    for (a, b), p, w in zip(pairs, target, weight, strict=True):
        q = np.exp(b / t) / (np.exp(a / t) + np.exp(b / t))
        total += w * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))
    found = distillation_loss(*map(torch.from_numpy, (pairs, target, weight)), t)
    assert float(found) == pytest.approx(9.0 * total / len(weight))


def test_column_1_is_taught_the_target():
    pairs = torch.zeros(1, 2, requires_grad=True)
    distillation_loss(pairs, torch.tensor([0.9]), torch.ones(1), 1.0).backward()
    assert pairs.grad is not None
    assert pairs.grad[0].tolist() == pytest.approx([0.4, -0.4])


def test_with_hard_labels_it_is_the_cross_entropy():
    pairs, labels = torch.randn(7, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 1, 0, 1, 0, 0])
    found = distillation_loss(pairs, labels.float(), torch.ones(7), 1.0)
    assert float(found) == pytest.approx(float(functional.cross_entropy(pairs, labels)))


def test_a_program_of_weight_zero_teaches_nothing_and_batches_share_one_scale():
    pairs = torch.tensor([[1.0, -1.0], [0.0, 2.0]])
    target, double = torch.tensor([0.3, 0.8]), torch.tensor([2.0, 0.0])
    alone = distillation_loss(pairs[:1], target[:1], torch.ones(1), 2.0)
    assert float(distillation_loss(pairs, target, double, 2.0)) == pytest.approx(float(alone))
    assert float(distillation_loss(pairs, target, double / 2, 2.0)) == pytest.approx(float(alone) / 2)
    assert float(distillation_loss(pairs, target, torch.zeros(2), 2.0)) == 0.0


@pytest.mark.parametrize(("count", "size"), [(1, 4), (4, 4), (70, 4), (257, 3)])
def test_each_index_once_in_batches_of_similar_length(count, size):
    lengths = np.random.default_rng(0).integers(2, 60, size=count)
    encoded = [{"input_ids": np.zeros(length, dtype=np.int64)} for length in lengths]
    found = list(batches(encoded, size, np.random.default_rng(1)))
    assert sorted(np.concatenate(found)) == list(range(count))
    assert max(map(len, found)) <= size
    padded = sum(len(batch) * lengths[batch].max() for batch in found)
    if count > 50:
        assert padded < 1.25 * lengths.sum() < count * lengths.max()
    again, other = (list(batches(encoded, size, np.random.default_rng(seed))) for seed in (1, 2))
    assert [batch.tolist() for batch in again] == [batch.tolist() for batch in found]
    assert count < 50 or [batch.tolist() for batch in other] != [batch.tolist() for batch in found]


def test_all_parameters_train(splits):
    network = student(splits)
    before = {name: parameter.detach().clone() for name, parameter in network.model.named_parameters()}
    trained = fit(network, lesson(network, splits.labelled), splits.valid, PLAIN, 0, "x")
    still = [name for name, parameter in trained.model.named_parameters() if torch.equal(parameter, before[name])]
    assert still == []
    assert any("LayerNorm.weight" in name for name in before)
    assert any(name.endswith("bias") for name in before)


def test_as_released_keeps_biases_and_layer_norm(splits):
    released = replace(PLAIN, freeze_bias_and_norm=True, epochs=2)
    network = student(splits, released)
    before = {name: parameter.detach().clone() for name, parameter in network.model.named_parameters()}
    trained = fit(network, lesson(network, splits.labelled), splits.valid, released, 0, "x")
    for name, parameter in trained.model.named_parameters():
        assert torch.equal(parameter, before[name]) == ("bias" in name or "LayerNorm.weight" in name), name


def test_gradients_of_frozen_parameters_do_not_pile_up(splits, monkeypatch):
    norms, clip = [], torch.nn.utils.clip_grad_norm_

    def spy(parameters, limit):
        norms.append(float(clip(parameters, limit)))

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", spy)
    for frozen in (False, True):
        recipe = replace(PLAIN, learning_rate=0.0, epochs=6, batch_size=16, freeze_bias_and_norm=frozen)
        network = student(splits, recipe)
        fit(network, lesson(network, splits.labelled), splits.valid, recipe, 0, "x")
    assert norms == pytest.approx(norms[:1] * 12, rel=1e-3)


def test_the_toy_task_is_learnt_and_column_1_is_vulnerable(splits, recipe):
    targets = soft_targets(np.array([4.0 if "danger" in program else -4.0 for program in splits.unlabelled]), 2.0)
    made = distill(SPEC, recipe, programs=splits.unlabelled, targets=targets, valid=splits.valid, seed=0)
    assert made.valid_accuracy == 1.0
    vulnerable = made.probabilities([sample.code for sample in splits.test])[:, 1]
    assert ((vulnerable > 0.5) == [sample.label == 1 for sample in splits.test]).all()


def test_the_same_seed_gives_the_same_student_whatever_ran_before(splits):
    settings = {"programs": splits.unlabelled, "targets": np.linspace(0, 1, 16), "valid": splits.valid}
    dropped = replace(PLAIN, hidden_dropout=0.3)
    made = []
    for seed in (7, 7, 8):
        torch.manual_seed(len(made))
        made.append(distill(SPEC, dropped, **settings, seed=seed).logits(splits.unlabelled))
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


@pytest.mark.parametrize(("accuracies", "kept"), [([0.5, 0.9, 0.7], 2), ([0.9, 0.5, 0.9], 3), ([0.9, 0.5, 0.5], 1)])
def test_validation_picks_the_best_epoch_and_of_equals_the_later(splits, monkeypatch, accuracies, kept):
    recipe, seen = replace(PLAIN, epochs=3), []
    network = student(splits, recipe)
    valid = [Sample(f"v/{i}", "int f;", 1) for i in range(10)]

    def answer(self, encoded):
        seen.append(self.model.classifier.out_proj.weight.detach().clone())
        right = round(accuracies[len(seen) - 1] * 10)
        return np.array([1.0] * right + [-1.0] * (10 - right))

    monkeypatch.setattr(type(network), "logits_of", answer)
    trained = fit(network, lesson(network, splits.labelled), valid, recipe, 0, "x")
    assert trained.valid_accuracy == accuracies[kept - 1]
    assert torch.equal(trained.model.classifier.out_proj.weight, seen[kept - 1])
    assert not torch.equal(seen[0], seen[1])
    assert not trained.model.training


def test_a_training_knows_its_work_and_the_order_of_validation_programs(splits, tmp_path):
    recipe, network = replace(PLAIN, epochs=2), student(splits)
    taught = lesson(network, splits.labelled)
    trained = fit(network, taught, splits.valid, recipe, 0, "x")
    forward = sum(answer_gflops(SPEC, len(one["input_ids"])) for one in taught.encoded)
    assert trained.training.gflops == pytest.approx(3 * 2 * forward)
    assert trained.training.seconds > 0
    assert 0 < trained.training.utilisation < 1
    truth = [sample.label for sample in splits.valid]
    assert trained.valid_auroc == auroc(truth, trained.logits([sample.code for sample in splits.valid]))
    save(trained, tmp_path)
    assert load(tmp_path).training == trained.training


def test_a_step_is_compiled_only_where_the_recipe_says_so(splits, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda step, **settings: compiled.append(settings) or step)
    for recipe in (PLAIN, replace(PLAIN, compiled=True)):
        network = student(splits)
        fit(network, lesson(network, splits.labelled), splits.valid, recipe, 0, "x")
    assert compiled == [{"dynamic": True}]


def test_weights_decide_what_is_learnt(splits):
    """The same programs with opposite labels: those of weight 0 have no say."""
    network = student(splits)
    doubled = (*splits.labelled, *(replace(s, label=1 - s.label) for s in splits.labelled))
    weights = np.repeat([1.0, 0.0], len(splits.labelled))
    trained = fit(network, lesson(network, doubled, weights), splits.valid, replace(PLAIN, epochs=20), 0, "x")
    assert trained.valid_accuracy == 1.0


def test_progress_counts_every_step(splits):
    class Heard(progress.Silent):
        def __init__(self):
            self.total, self.steps = 0, 0

        def stage(self, title, total):
            assert title == "named"
            self.total = total

        def advance(self, steps=1):
            self.steps += steps

    heard, recipe = Heard(), replace(PLAIN, epochs=2, batch_size=5)
    network = student(splits, recipe)
    with progress.listening(heard):
        fit(network, lesson(network, splits.labelled), splits.valid, recipe, 0, "named")
    assert heard.steps == heard.total == 2 * 4


def test_the_tokenizer_is_trained_once_for_the_same_programs(splits, monkeypatch):
    module._tokenizer.cache_clear()
    trained, train = [], module.train_tokenizer
    monkeypatch.setattr(module, "train_tokenizer", lambda *args: trained.append(args[0]) or train(*args))
    for _ in range(2):
        settings = {"targets": np.zeros(16), "valid": splits.valid, "seed": 0}
        distill(SPEC, PLAIN, programs=splits.unlabelled, **settings)
    assert trained == ["bpe"]
