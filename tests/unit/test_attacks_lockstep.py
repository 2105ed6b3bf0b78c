"""Attacks side by side: full batches, each in its own world, the same outcomes as one after the other."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from attacks import recipes, recipes_code
from attacks.judge import judge
from attacks.lockstep import side_by_side
from attacks.suite import suite
from bench.networks.windows import Windowed
from bench.rng import stream
from bench.types import Attack, Classifier, Probabilities, Sample, UsageError

TEMPLATE = """int fill_%d(char *buf, int size) {
    int i, total = %d;
    for (i = 0; i < size; i++) { buf[i] = 0; total += i; }
    if (total > 3) return total; else return size;
}
"""
SAMPLES = [Sample(f"t/{n}", TEMPLATE % (n, n), 1) for n in range(9)]
ATTACKS: dict[str, Attack] = {
    "rename-greedy": recipes.rename_greedy(),
    "rewrite-beam": recipes_code.rewrite_beam(),
    "mhm": recipes.mhm(),
    "suite": suite(),
}


@dataclass
class Words:
    """Less sure with every `e` and every `while`; remembers its batches."""

    batches: list[list[str]] = field(default_factory=list)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        self.batches.append(list(programs))
        ones = np.array([max(0.0, 0.9 - 0.03 * text.count("e") - 0.2 * text.count("while")) for text in programs])
        return np.stack([1 - ones, ones], axis=1)


def tasks(attack: Attack) -> list[Callable[[Classifier], object]]:
    def task(sample: Sample, victim: Classifier) -> object:
        outcome = judge(attack, victim, sample, 60, stream(0, sample.id))
        return (outcome.verdict, outcome.queries, outcome.fell_at, outcome.adversarial, outcome.changed)

    return [partial(task, sample) for sample in SAMPLES]


@pytest.mark.parametrize("name", ATTACKS)
def test_outcomes_are_those_of_one_after_the_other(name: str) -> None:
    alone = [task(Words()) for task in tasks(ATTACKS[name])]
    before = random.getstate()
    found = [outcome for outcome, _ in side_by_side(Words(), tasks(ATTACKS[name]), width=4)]
    assert found == alone
    assert len({str(outcome) for outcome in alone}) > 1
    assert random.getstate() == before


def test_batches_are_full_and_always_the_same() -> None:
    first, second, narrow = Words(), Words(), Words()
    list(side_by_side(first, tasks(ATTACKS["mhm"]), width=4))
    list(side_by_side(second, tasks(ATTACKS["mhm"]), width=4))
    list(side_by_side(narrow, tasks(ATTACKS["mhm"]), width=1))
    assert first.batches == second.batches
    assert first.batches[0] == [sample.code for sample in SAMPLES[:4]]
    assert len(first.batches) < 0.6 * len(narrow.batches)


def test_a_confirmation_stands_alone_in_its_batch() -> None:
    victim = Words()
    fallen = [outcome for outcome, _ in side_by_side(victim, tasks(ATTACKS["suite"]), width=4)]
    assert any(isinstance(outcome, tuple) and outcome[0] == "fooled" for outcome in fallen)
    for outcome in fallen:
        assert isinstance(outcome, tuple)
        assert outcome[0] != "fooled" or [outcome[3]] in victim.batches


def test_a_program_is_put_once_for_all_who_ask() -> None:
    victim = Words()
    same = [lambda lane: float(lane.probabilities(["x", "y"])[0][1])] * 5
    assert len({value for value, _ in side_by_side(victim, same)}) == 1
    assert victim.batches == [["x", "y"]]


def test_the_first_error_ends_all_and_keeps_what_was_finished() -> None:
    closed: list[int] = []

    def fine(victim: Classifier) -> int:
        return len(victim.probabilities(["x"]))

    def broken(victim: Classifier) -> int:
        victim.probabilities(["y"])
        raise ZeroDivisionError

    def endless(victim: Classifier) -> int:
        try:
            while True:
                victim.probabilities(["z"])
        finally:
            closed.append(1)

    found: list[int] = []
    with pytest.raises(ZeroDivisionError):
        found.extend(value for value, _ in side_by_side(Words(), [fine, broken, endless]))
    assert (found, closed) == ([1], [1])


def test_an_attack_that_will_not_end_does_not_hang_the_others() -> None:
    def stubborn(victim: Classifier) -> int:
        try:
            victim.probabilities(["x"])
            return len(victim.probabilities(["y"]))
        finally:
            victim.probabilities(["z"])

    def broken(victim: Classifier) -> int:
        victim.probabilities(["w"])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(side_by_side(Words(), [broken, stubborn]))


def test_a_confirmation_goes_to_the_victim_without_memory() -> None:
    class Firm(Words):
        def probabilities(self, programs: Sequence[str]) -> Probabilities:
            return np.tile([0.1, 0.9], (len(programs), 1))

    def task(sample: Sample, victim: Classifier) -> object:
        return judge(ATTACKS["mhm"], victim, sample, 60, stream(0, sample.id)).stopped

    found = list(side_by_side(Words(), [partial(task, sample) for sample in SAMPLES], Firm()))
    assert any(stopped == {"reproduced": 1} for stopped, _ in found)


def test_a_victim_that_breaks_is_one_clear_error() -> None:
    class Broken:
        def probabilities(self, programs: Sequence[str]) -> Probabilities:
            return np.ones((1, 3))

    with pytest.raises(UsageError, match="expected probabilities of shape"):
        list(side_by_side(Broken(), tasks(ATTACKS["mhm"]), width=4))


def test_a_window_is_seen_through() -> None:
    class Short(Words):
        def visible(self, program: str) -> int:
            return 7

    assert [value for value, _ in side_by_side(Short(), [lambda lane: lane.visible("some program")])] == [7]  # type: ignore[attr-defined]
    assert [value for value, _ in side_by_side(Words(), [lambda lane: isinstance(lane, Windowed)])] == [False]


def test_seconds_are_shared_out() -> None:
    started = time.perf_counter()
    found = list(side_by_side(Words(), tasks(ATTACKS["mhm"]), width=4))
    total = sum(seconds for _, seconds in found)
    assert 0 < total <= time.perf_counter() - started
