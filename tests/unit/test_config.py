"""Experiments, presets, and seeds turned into streams."""

from dataclasses import FrozenInstanceError

import pytest

from bench import progress
from bench.config import CONTROLS, Experiment
from bench.presets import EMBEDDED, PAPER, PRESETS, SMOKE, preset
from bench.rng import derive, stream
from bench.types import UsageError


def test_controls_come_first_and_no_method_twice():
    assert Experiment(methods=("moekd", "kd", "avatar")).all_methods == (*CONTROLS, "moekd", "avatar")


def test_an_experiment_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Experiment().task = "other"  # type: ignore[misc]


def test_presets_are_found_by_their_names():
    assert {name: chosen.name for name, chosen in PRESETS.items()} == {name: name for name in PRESETS}
    assert [preset(name) for name in ("smoke", "embedded", "paper")] == [SMOKE, EMBEDDED, PAPER]


def test_the_paper_preset_is_the_papers():
    assert (PAPER.train_limit, PAPER.test_limit, PAPER.size_mb, PAPER.max_tokens) == (None, None, 3.0, 400)
    assert (PAPER.teacher_recipe.learning_rate, PAPER.teacher_recipe.epochs) == (2e-5, 10)
    assert (PAPER.surrogate_trainings, PAPER.surrogate_epochs) == (20, 20)


def test_limits_replace_those_of_the_preset():
    chosen = preset("smoke", limit=5, train_limit=7, size_mb=1.5)
    assert (chosen.test_limit, chosen.attack_limit, chosen.train_limit, chosen.size_mb) == (5, 5, 7, 1.5)
    assert preset("smoke", limit=40).attack_limit == SMOKE.attack_limit
    assert preset("paper", limit=40).attack_limit == 40


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(UsageError, match=r"smoke\|embedded\|paper.*'huge'"):
        preset("huge")


def test_seeds_depend_on_every_name_and_their_order():
    seeds = [
        derive(0),
        derive(1),
        derive(0, "a"),
        derive(0, "a", "b"),
        derive(0, "b", "a"),
        derive(0, "ab"),
        derive(0, 1),
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_stream_is_the_same_every_time_and_everywhere():
    assert derive(0, "moekd", "router") == 1_194_910_895_570_622_630
    assert stream(3, "x").integers(1 << 30, size=4).tolist() == stream(3, "x").integers(1 << 30, size=4).tolist()


def test_a_listener_listens_inside_its_block_only():
    class Heard(progress.Silent):
        steps = 0

        def advance(self, steps: int = 1) -> None:
            self.steps += steps

    heard = Heard()
    with progress.listening(heard):
        progress.current().advance(3)
    progress.current().advance(5)
    assert heard.steps == 3
