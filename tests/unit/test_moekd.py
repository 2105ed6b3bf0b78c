"""MoEKD: partition, router, aggregation, and the method's order, on fakes."""

import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from bench.distillation import teaching
from bench.types import Sample, UsageError
from moekd import method
from moekd.aggregate import Aggregation, aggregate
from moekd.diagnose import agreement, quality, routing, specialisation
from moekd.experts import lessons, opinions, train_experts
from moekd.method import MoEKD
from moekd.partition import divide
from moekd.router import STEPS, Gate, Lessons, RouterKind, load_imbalance, strongest, surprise, train_gate, train_router


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
    from bench.distillation.distill import soft_targets

    logits = np.linspace(-5, 5, 11)
    assert aggregate(np.ones((11, 1)), logits[:, None], 4.0) == pytest.approx(soft_targets(logits, 4.0))


def test_mixed_logits_let_a_sure_expert_decide():
    weights, logits = np.array([[0.5, 0.5]]), np.array([[9.0, -1.0]])
    assert aggregate(weights, logits, 2.0, "logits") == pytest.approx([1 / (1 + math.exp(-4.0 / 2))])
    assert aggregate(weights, logits, 2.0)[0] < aggregate(weights, logits, 2.0, "logits")[0]


def pointing(teacher, points):
    """A teacher that embeds "3" as the third of the points."""

    class Pointing(type(teacher)):
        def embed(self, programs):
            return points[[int(program) for program in programs]]

    return Pointing()


def numbered(count):
    return tuple(Sample(f"n/{i}", str(i), (0, 1)[i % 2]) for i in range(count))


def test_clusters_are_clouds_and_deterministic(teacher, budget):
    embedding, cloud = blobs(70)
    teacher = pointing(teacher, embedding)
    for _ in range(2):
        parts = divide("clusters", 2, teacher, numbered(60), budget, seed=3)
        placed, found = parts.place(numbered(60))
        assert placed == numbered(60)
        assert found.tolist() in (cloud[:60].tolist(), (1 - cloud[:60]).tolist())
        assert parts.assign([str(i) for i in range(60, 70)]).tolist() == found[:10].tolist(), "clouds alternate"


def test_more_clusters_than_dimensions(teacher, budget):
    parts = divide("clusters", 4, pointing(teacher, blobs(20)[0][:, :1]), numbered(20), budget, seed=0)
    assert sorted(set(parts.place(numbered(20))[1])) == [0, 1, 2, 3]


def test_random_parts_depend_on_the_program_and_the_seed_alone(teacher, budget):
    programs = [str(i) for i in range(200)]
    one, two, other = (divide("random", 3, teacher, numbered(50), budget, seed).assign(programs) for seed in (1, 1, 2))
    assert one.tolist() == two.tolist() != other.tolist()
    assert set(one) == {0, 1, 2}
    alone = [divide("random", 3, teacher, numbered(50), budget, 1).assign([program])[0] for program in programs]
    assert alone == one.tolist()


def test_views_write_each_sample_in_the_form_of_its_part(teacher, splits, budget):
    parts = divide("views", 4, teacher, splits.labelled, budget, seed=1)
    placed, found = parts.place(splits.labelled)
    assert parts.count == 4
    assert [sample.label for sample in placed] == [sample.label for sample in splits.labelled]
    for sample, original, part in zip(placed, splits.labelled, found, strict=True):
        view = ("clean", "renamed", "rewritten", "both")[part]
        assert sample.code == budget.perturb([original.code], view, 1)[0]
    assert len(set(found)) > 1
    assert parts.assign(splits.unlabelled).tolist() == [0] * 16, "what nobody wrote anew is clean"


SETTINGS = {"balance": 0.01, "aggregation": "probabilities"}


@pytest.mark.parametrize("aggregation", get_args(Aggregation))
def test_the_router_learns_which_expert_is_right(aggregation):
    def taught(count, seed):
        embedding, cloud = blobs(count, seed=seed)
        labels = np.random.default_rng(seed).integers(0, 2, size=count)
        truth = np.where(labels == 1, 4.0, -4.0)
        logits = np.stack([np.where(cloud == 0, truth, -truth), np.where(cloud == 1, truth, -truth)], axis=1)
        return Lessons(embedding, logits, labels), cloud

    (train, cloud), (valid, where) = taught(60, 1), taught(20, 9)
    router = train_router(train, valid, balance=0.01, aggregation=aggregation, seed=0)
    weights = router.weights(train.embedding)
    assert weights.sum(axis=1) == pytest.approx(1.0)
    assert weights[np.arange(60), cloud].min() > 0.7
    assert router.step > 0
    assert (router.weights(valid.embedding).argmax(axis=1) == where).all()
    assert ((aggregate(weights, train.logits, aggregation=aggregation) > 0.5) == train.labels).all()


def test_a_router_that_only_remembers_stays_with_uniform_weights():
    # In training one expert knows every label by heart; on validation all experts know equally little.
    random = np.random.default_rng(3)
    labels, unseen = random.integers(0, 2, size=200), random.integers(0, 2, size=200)
    by_heart = np.stack([np.where(labels == 1, 8.0, -8.0), random.normal(size=200)], axis=1)
    train = Lessons(random.normal(size=(200, 8)), by_heart, labels)
    valid = Lessons(random.normal(size=(200, 8)), random.normal(size=(200, 2)) * [8.0, 1.0], unseen)
    kept, last = (train_gate(kind, train, valid, **SETTINGS, seed=0) for kind in ("learned", "last-step"))
    assert (kept.router.step, last.router.step) == (0, STEPS)
    assert kept.router.weights(valid.embedding) == pytest.approx(0.5)
    assert last.router.weights(train.embedding)[:, 0].mean() > 0.9


@pytest.mark.parametrize("aggregation", get_args(Aggregation))
def test_what_is_minimised_is_the_mixtures_own_likelihood(aggregation):
    random = np.random.default_rng(4)
    lessons = Lessons(np.zeros((9, 1)), random.normal(size=(9, 3)), random.integers(0, 2, size=9))
    scores = torch.from_numpy(random.normal(size=(9, 3))).float()
    mixed = aggregate(scores.softmax(dim=1).double().numpy(), lessons.logits, aggregation=aggregation)
    expected = quality(lessons.labels, mixed)["nll"]
    assert float(surprise(scores.log_softmax(dim=1), lessons, aggregation)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("kind", "most"), [("top-1", 1), ("top-2", 2), ("learned", 3)])
def test_a_router_that_is_cut_is_kept_for_what_is_left_of_it(kind, most):
    # Of three experts the first is wrong everywhere: one for all, the first of equals, would be the worst choice.
    embedding, cloud = blobs(60)
    labels = np.random.default_rng(1).integers(0, 2, size=60)
    truth = np.where(labels == 1, 4.0, -4.0)
    experts = [-truth, np.where(cloud == 0, truth, -truth), np.where(cloud == 1, truth, -truth)]
    lessons = Lessons(embedding, np.stack(experts, axis=1), labels)
    gate = train_gate(kind, lessons, lessons, **SETTINGS, seed=0)
    weights = gate.weights(embedding, np.zeros(60, dtype=np.int64))
    assert gate.router.step > 0
    assert ((weights > 0).sum(axis=1) == most).all()
    assert ((aggregate(weights, lessons.logits) > 0.5) == labels).all()


def test_the_router_is_deterministic_and_leaves_the_global_stream_alone():
    embedding, cloud = blobs(20)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    seen = Lessons(embedding, np.random.default_rng(0).normal(size=(20, 3)), cloud)
    one, two, other = (train_router(seen, seen, **SETTINGS, seed=s).weights(embedding) for s in (5, 5, 6))
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
    seen = Lessons(embedding, logits, labels)
    free, balanced = (
        train_router(seen, seen, balance=b, aggregation="probabilities", seed=0, last=True).weights(embedding)
        for b in (0.0, 10.0)
    )
    assert free[:, 1].mean() < 0.05
    assert balanced[:, 1].mean() > 0.3


def test_experts_weigh_their_own_part_more(teacher, splits, recipe):
    part = np.array([0, 1, 2, 1] * 4)
    settings = {"outside_weight": 0.25, "recipe": recipe, "seed": 7}
    experts = train_experts(teacher, splits.labelled, part, splits.valid, names="abc", **settings)
    assert len(experts) == 3
    for k, (weights, _) in enumerate(teacher.specialised):
        assert weights.tolist() == [1.0 if one == k else 0.25 for one in part]
    assert len({seed for _, seed in teacher.specialised}) == 3
    assert opinions(experts, ["danger", "check"]).tolist() == [[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]]


def test_a_part_without_programs_gets_an_expert_of_all(teacher, splits, recipe):
    part = np.zeros(16, dtype=np.int64)
    train_experts(teacher, splits.labelled, part, (), names="ab", outside_weight=0.0, recipe=recipe, seed=7)
    assert [weights.tolist() for weights, _ in teacher.specialised] == [[1.0] * 16] * 2


def test_lessons_are_shared_unless_some_are_held_out():
    for found in lessons(7, 0.0, seed=1):
        assert found.tolist() == list(range(7))
    experts, router = lessons(50, 0.2, seed=1)
    assert len(router) == 10
    assert sorted([*experts, *router]) == list(range(50))
    assert lessons(50, 0.2, seed=1)[1].tolist() == router.tolist() != lessons(50, 0.2, seed=2)[1].tolist()
    assert [len(part) for part in lessons(2, 0.99, seed=1)] == [1, 1]


def test_held_out_programs_teach_the_router_alone(distilled, teacher, splits, budget, monkeypatch):
    asked = []

    def gate(kind, train, valid, **settings):
        asked.append((len(train.labels), len(valid.labels)))
        return Gate("uniform", train.logits.shape[1])

    monkeypatch.setattr(method, "train_gate", gate)
    MoEKD(held_out=0.25).compress(teacher, splits, budget, 0)
    assert asked == [(4, len(splits.valid))]
    assert {len(weights) for weights, _ in teacher.specialised} == {12}


WEIGHTS = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("learned", WEIGHTS.tolist()),
        ("last-step", WEIGHTS.tolist()),
        ("top-1", [[0, 1, 0], [0.5, 0.5, 0]]),
        ("top-2", [[0, 0.625, 0.375], [0.5, 0.5, 0]]),
        ("uniform", [[1 / 3] * 3] * 2),
        ("cluster", [[0, 0, 1], [1, 0, 0]]),
    ],
)
def test_every_kind_of_router(kind, expected):
    class Fixed:
        def weights(self, embedding):
            return WEIGHTS

    router = None if kind in ("uniform", "cluster") else Fixed()
    found = Gate(kind, 3, router).weights(np.zeros((2, 1)), np.array([2, 0]))
    assert np.allclose(found, expected)
    assert found.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_router_that_prefers_no_expert_stays_uniform_when_cut(count):
    assert np.array_equal(strongest(np.full((4, 3), 1 / 3), count), np.full((4, 3), 1 / 3))


def test_only_what_learns_is_trained():
    embedding, cloud = blobs(20)
    seen = Lessons(embedding, np.random.default_rng(0).normal(size=(20, 3)), cloud)
    for kind in get_args(RouterKind):
        gate = train_gate(kind, seen, seen, **SETTINGS, seed=0)
        assert (gate.router is None) == (kind in ("uniform", "cluster"))
        assert gate.weights(embedding, np.zeros(20, dtype=np.int64)).shape == (20, 3)


def test_diagnosis_by_hand():
    assert routing(np.array([[1.0, 0.0]] * 4)) == {
        "router_entropy": pytest.approx(0.0, abs=1e-9),
        "router_largest_load": 1.0,
        "router_load_0": 1.0,
        "router_load_1": 0.0,
    }
    assert routing(np.full((4, 2), 0.5))["router_entropy"] == pytest.approx(1.0)
    right = np.array([[True, False], [True, False], [False, True], [False, False]])
    assert specialisation(right, np.array([0, 0, 1, 1])) == {
        "expert_accuracy_inside": 0.75,
        "expert_accuracy_outside": 0.0,
        "expert_0_accuracy_inside": 1.0,
        "expert_0_accuracy_outside": 0.0,
        "expert_1_accuracy_inside": 0.5,
        "expert_1_accuracy_outside": 0.0,
    }
    assert agreement(np.array([[1.0, 2.0, -1.0], [1.0, 1.0, 1.0]])) == pytest.approx(4 / 6)
    found = quality(np.array([1, 0, 1]), np.array([0.9, 0.2, 0.4]))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["nll"] == pytest.approx(-math.log(0.9 * 0.8 * 0.4) / 3)
    assert found["ece"] == pytest.approx((0.1 + 0.2 + 0.6) / 3)


def test_a_single_expert_leaves_out_what_it_cannot_tell(distilled, teacher, splits, budget):
    facts = MoEKD(experts=1).compress(teacher, splits, budget, 0).facts
    assert {"expert_agreement", "expert_accuracy_outside"} & set(facts) == set()
    assert facts["mixture_accuracy"] == facts["uniform_accuracy"] == 1.0
    assert facts["mixture_teacher_agreement"] == 1.0


@pytest.fixture
def distilled(monkeypatch):
    calls = []

    def fake(spec, recipe, **settings):
        calls.append({"spec": spec, "recipe": recipe, **settings})
        return "network"

    monkeypatch.setattr(teaching, "distill", fake)
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


@pytest.mark.parametrize("partition", ["clusters", "random", "views"])
@pytest.mark.parametrize("router", get_args(RouterKind))
def test_every_alternative_makes_a_student_from_the_same_experts(distilled, teacher, splits, budget, partition, router):
    student = MoEKD(partition=partition, router=router).compress(teacher, splits, budget, 0)
    (call,) = distilled
    assert call["programs"] == splits.unlabelled
    assert ((call["targets"] > 0.5) == ["danger" in program for program in splits.unlabelled]).all()
    assert all(math.isfinite(fact) for fact in student.facts.values())
    seen = [(weights.tolist(), seed) for weights, seed in teacher.specialised]
    teacher.specialised.clear()
    MoEKD(partition=partition, aggregation="logits").compress(teacher, splits, budget, 0)
    assert [(weights.tolist(), seed) for weights, seed in teacher.specialised] == seen


def test_the_student_may_learn_perturbed_programs_too(distilled, teacher, splits, budget):
    MoEKD(perturbed=True).compress(teacher, splits, budget, 0)
    (call,) = distilled
    assert call["programs"][:16] == splits.unlabelled
    assert all("both" in program for program in call["programs"][16:])
    assert call["targets"][:16].tolist() == call["targets"][16:].tolist()


@pytest.mark.parametrize(
    "settings",
    [{"experts": 0}, {"outside_weight": -0.1}, {"held_out": 1.0}, {"partition": "views", "experts": 2}],
    ids=str,
)
def test_what_is_no_mixture_is_a_mistake(settings):
    with pytest.raises(UsageError):
        MoEKD(**settings)
