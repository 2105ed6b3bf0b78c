"""MORPH: its points and samples, its surrogates, flips beside accuracy, its choice; pymoo missing is one clear line."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from baselines import morph
from baselines.avatar_space import configuration_space, pruned_box
from baselines.morph import Lesson, Morph, Observed, Rated, choose, fit_surrogates, prepare
from baselines.morph_space import decode, encode, latin_sample
from bench.distillation.distill import distillation_loss
from bench.types import Sample, UsageError


@pytest.fixture(scope="module")
def space(budget):
    return configuration_space(pruned_box(budget.size_mb, budget.max_tokens), budget)


def test_every_point_is_a_configuration_within_the_bounds(space):
    for point in np.random.default_rng(0).random((200, len(space.genes))):
        found = decode(space, point)
        assert found["hidden"] % found["heads"] == 0
        assert all(value in gene.values for gene, value in zip(space.genes, found.values, strict=True))
    ends = decode(space, np.ones(len(space.genes))), decode(space, np.zeros(len(space.genes)))
    assert ends[0]["vocab_size"] == space.gene("vocab_size").values[-1]
    assert ends[1]["vocab_size"] == space.gene("vocab_size").values[0]


def test_what_is_encoded_is_decoded(space):
    sample = latin_sample(space, 8, np.random.default_rng(1))
    assert len(set(sample)) == 8
    assert all(one in space for one in sample)
    assert [decode(space, encode(space, one)) for one in sample] == list(sample)
    assert latin_sample(space, 8, np.random.default_rng(1)) == sample


def test_the_loss_adds_one_minus_the_cosine():
    pairs, target, weight = torch.tensor([[0.0, 2.0]]), torch.tensor([0.5]), torch.ones(1)
    student = torch.softmax(pairs[0] / 2, dim=0)
    cosine = float((student * 0.5).sum() / (student.norm() * (0.5**0.5)))
    plain, both = (float(distillation_loss(pairs, target, weight, 2.0, c)) for c in (0.0, 1.0))
    assert both - plain == pytest.approx(4 * (1 - cosine), rel=1e-5)


def test_twins_are_renamed_and_labelled_by_the_teacher(teacher, splits, budget):
    lesson = prepare(teacher, splits, budget)
    assert lesson.programs[:16] == splits.unlabelled
    assert all("renamed" in program for program in lesson.programs[16:])
    assert ((lesson.targets > 0.5) == ["danger" in program for program in lesson.programs]).all()
    assert [twin.label for twin in lesson.twins] == [sample.label for sample in splits.valid]
    few = lesson.few(3)
    assert few.programs == (*lesson.programs[:3], *lesson.programs[16:19])
    assert few.targets.tolist() == [*lesson.targets[:3], *lesson.targets[16:19]]
    assert lesson.few(None).programs == lesson.programs


@dataclass(frozen=True)
class Said:
    """Answers by a table."""

    answers: dict[str, float]

    def logits(self, programs):
        return np.array([self.answers[program] for program in programs])


def lesson(answers, again):
    valid = tuple(Sample(f"v/{i}", f"v{i}", 1) for i in range(len(answers)))
    twins = tuple(replace(sample, code=f"{sample.code}'") for sample in valid)
    said = {f"v{i}": a for i, a in enumerate(answers)} | {f"v{i}'": a for i, a in enumerate(again)}
    return Lesson((), np.zeros(0), valid, twins).observe(Said(said))


def test_flips_count_among_the_correct_only():
    assert lesson([1, 1, -1, -1], [1, -1, 1, -1]) == Observed(0.5, 0.25)
    assert lesson([-1, -1], [-1, -1]) == Observed(0.0, 0.0), (
        "a constant that is wrong flips nothing, and is not accurate"
    )


def test_surrogates_follow_what_was_observed_and_stay_in_their_range(space):
    sample = latin_sample(space, 12, np.random.default_rng(2))
    codes = np.array([space.codes(one) for one in sample])
    layers = codes[:, space.names.index("layers")]
    observed = [Observed(0.5 + 0.04 * min(layer, 10), 0.02 * layer) for layer in layers]
    found = fit_surrogates(codes, observed, 3)
    assert np.abs(found.accuracy(codes) - [one.accuracy for one in observed]).max() < 0.05
    assert ((found.accuracy(codes) > 0) & (found.accuracy(codes) < 1)).all()
    assert (found.flips(codes) >= 0).all()
    assert set(found.r2) <= {"surrogate_accuracy_r2", "surrogate_flips_r2"}
    alike = fit_surrogates(codes[:2], [Observed(1.0, 0.0)] * 2, 3)
    assert alike.r2 == {}, "with fewer than three, or all alike, nothing can be said"
    assert np.isfinite(alike.accuracy(codes)).all()


def test_the_choice_is_accurate_then_steady_then_cheap_and_no_constant_answer(space, budget):
    sample = latin_sample(space, 5, np.random.default_rng(0))
    costs = [(0.24, 0.3, 0.2, 1.0), (0.1, 0.3, 0.1, 1.0), (0.1, 0.3, 0.1, 0.5), (0.02, 0.43, 0.0, 0.1)]
    front = [Rated(candidate, *cost) for candidate, cost in zip(sample, costs, strict=False)]
    assert choose(front, budget.size_mb, by_size=False).candidate == sample[2]


def test_the_choice_by_size_is_the_closest(space, budget):
    one, two = latin_sample(space, 2, np.random.default_rng(0))
    front = [Rated(two, 0.1, 0.2, 0.0, 0.5), Rated(one, 0.24, 0.3, 0.2, 1.0)]
    assert choose(front, budget.size_mb, by_size=True).candidate == one
    assert choose(front, budget.size_mb, by_size=False).candidate == two


def test_without_pymoo_it_is_said_at_once(monkeypatch):
    monkeypatch.setattr(morph.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"moekd-bench\[moo\]"):
        Morph()


def test_a_search_that_cannot_search_is_a_mistake():
    with pytest.raises(UsageError, match="population"):
        Morph(population=1)
