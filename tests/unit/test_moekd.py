"""MoEKD: partition, router, aggregation, and the method's order, on fakes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.types import Sample
from moekd import method
from moekd.aggregate import aggregate
from moekd.experts import opinions, partition, train_experts
from moekd.method import MoEKD, diagnose
from moekd.router import load_imbalance, train_router


def blobs(count=60, seed=0):
    """Two clouds far apart in 5 dimensions: shape (count, 5), and which cloud."""
    rng = np.random.default_rng(seed)
    cloud = np.arange(count) % 2
    return rng.normal(size=(count, 5)) + 20.0 * cloud[:, None], cloud


def test_aggregation_is_the_weighted_mean_of_softened_opinions():
    weights, logits = np.array([[0.25, 0.75], [1.0, 0.0]]), np.array([[2.0, -4.0], [0.0, 50.0]])
    expected = [0.25 / (1 + math.exp(-1)) + 0.75 / (1 + math.exp(2)), 0.5]
    assert aggregate(weights, logits, 2.0) == pytest.approx(expected)
    assert aggregate(weights, logits)[0] == pytest.approx(0.25 / (1 + math.exp(-2)) + 0.75 / (1 + math.exp(4)))


def test_one_expert_aggregated_is_plain_distillation():
    from bench.distill import soft_targets

    logits = np.linspace(-5, 5, 11)
    assert aggregate(np.ones((11, 1)), logits[:, None], 4.0) == pytest.approx(soft_targets(logits, 4.0))


def test_the_partition_finds_clouds_and_is_deterministic():
    embedding, cloud = blobs()
    found, again = (partition(embedding, 2, seed=3).assign(embedding) for _ in range(2))
    assert found.tolist() == again.tolist()
    assert found.tolist() in (cloud.tolist(), (1 - cloud).tolist())
    unseen, where = blobs(10, seed=9)
    assert (partition(embedding, 2, seed=3).assign(unseen) == found[where]).all(), "clouds alternate, 0 before 1"


def test_a_partition_into_more_parts_than_dimensions():
    embedding, _ = blobs(20)
    parts = partition(embedding[:, :1], 4, seed=0).assign(embedding[:, :1])
    assert sorted(set(parts)) == [0, 1, 2, 3]


def test_the_router_learns_which_expert_is_right():
    embedding, cloud = blobs()
    labels = np.random.default_rng(1).integers(0, 2, size=60)
    truth = np.where(labels == 1, 4.0, -4.0)
    logits = np.stack([np.where(cloud == 0, truth, -truth), np.where(cloud == 1, truth, -truth)], axis=1)
    router = train_router(embedding, logits, labels, balance=0.01, seed=0)
    weights = router.weights(embedding)
    assert weights.sum(axis=1) == pytest.approx(1.0)
    assert weights[np.arange(60), cloud].min() > 0.9
    unseen, where = blobs(10, seed=9)
    assert (router.weights(unseen).argmax(axis=1) == where).all()
    assert ((aggregate(weights, logits) > 0.5) == labels).all()


def test_the_router_is_deterministic_and_leaves_the_global_stream_alone():
    embedding, cloud = blobs(20)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    logits = np.random.default_rng(0).normal(size=(20, 3))
    one, two, other = (
        train_router(embedding, logits, cloud, balance=0.01, seed=s).weights(embedding) for s in (5, 5, 6)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_load_imbalance_is_0_when_balanced_and_grows():
    even, one_sided = torch.tensor([[0.5, 0.5], [0.5, 0.5]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert float(load_imbalance(even)) == 0.0
    assert float(load_imbalance(torch.eye(2))) == 0.0, "each program may be decided as long as the mean is even"
    assert float(load_imbalance(one_sided)) == pytest.approx(1.0)
    assert float(load_imbalance(torch.tensor([[0.75, 0.25]]))) == pytest.approx(0.25)


def test_balance_keeps_a_bad_expert_in_use():
    embedding, labels = blobs()
    truth = np.where(labels == 1, 2.0, -2.0)
    logits = np.stack([truth, -truth], axis=1)
    free, balanced = (
        train_router(embedding, logits, labels, balance=b, seed=0).weights(embedding) for b in (0.0, 10.0)
    )
    assert free[:, 1].mean() < 0.05
    assert balanced[:, 1].mean() > 0.3


def test_experts_weigh_their_own_part_more(teacher, splits, recipe):
    part = np.array([0, 1, 2, 1] * 4)
    experts = train_experts(teacher, splits.labelled, splits.valid, part, outside_weight=0.25, recipe=recipe, seed=7)
    assert len(experts) == 3
    for k, (weights, _) in enumerate(teacher.specialised):
        assert weights.tolist() == [1.0 if one == k else 0.25 for one in part]
    assert len({seed for _, seed in teacher.specialised}) == 3
    assert opinions(experts, ["danger", "check"]).tolist() == [[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]]


def test_diagnosis_by_hand():
    valid = tuple(Sample(f"v/{i}", "x", label) for i, label in enumerate((1, 0, 1, 0)))
    logits = np.array([[1.0, -5.0], [-1.0, 5.0], [1.0, 1.0], [-1.0, -1.0]])
    weights, part = np.array([[1.0, 0.0]] * 4), np.array([0, 0, 1, 1])
    facts = diagnose(valid, weights, logits, part)
    assert facts["router_entropy"] == pytest.approx(0.0, abs=1e-9)
    assert facts["router_largest_load"] == 1.0
    assert facts["expert_accuracy_inside"] == 1.0
    assert facts["expert_accuracy_outside"] == 0.5
    assert facts["mixture_accuracy"] == 1.0
    assert facts["uniform_accuracy"] == 0.5
    even = diagnose(valid, np.full((4, 2), 0.5), logits, part)
    assert even["router_entropy"] == pytest.approx(1.0)
    assert math.isnan(diagnose(valid, np.ones((4, 1)), logits[:, :1], np.zeros(4, int))["expert_accuracy_outside"])


@pytest.fixture
def distilled(monkeypatch):
    calls = []

    def fake(spec, recipe, **settings):
        calls.append({"spec": spec, "recipe": recipe, **settings})
        return "network"

    monkeypatch.setattr(method, "distill", fake)
    return calls


def test_the_student_learns_the_mixture_on_the_unlabelled_half(distilled, teacher, splits, budget):
    student = MoEKD().compress(teacher, splits, budget, seed=0)
    (call,) = distilled
    assert call["programs"] == splits.unlabelled
    assert call["valid"] == splits.valid
    assert call["recipe"] == budget.recipe
    assert ((call["targets"] > 0.5) == ["danger" in program for program in splits.unlabelled]).all()
    assert student.spec == call["spec"]
    assert 1 <= len(teacher.specialised) <= 4
    assert student.facts
    assert all(math.isfinite(fact) for fact in student.facts.values())


def test_the_same_seed_makes_the_same_targets_and_the_test_split_has_no_say(distilled, teacher, splits, budget):
    for data, seed in ((splits, 0), (replace(splits, test=()), 0), (splits, 1)):
        teacher.specialised.clear()
        MoEKD().compress(teacher, data, budget, seed)
    assert np.array_equal(distilled[0]["targets"], distilled[1]["targets"])
    assert distilled[0]["seed"] == distilled[1]["seed"] != distilled[2]["seed"]


def test_fewer_programs_than_experts(distilled, teacher, splits, budget):
    MoEKD(experts=4).compress(teacher, replace(splits, labelled=splits.labelled[:3]), budget, 0)
    assert len(teacher.specialised) <= 3
    assert np.isfinite(distilled[0]["targets"]).all()
