"""The ensemble: order, budget, verification, and never weaker than a member alone."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from attacks.judge import CountingVictim, judge
from attacks.suite import Member, Suite, suite
from bench.rng import stream
from bench.types import Attempt, Classifier, Probabilities, Sample

CODE = """int fill(char *buf, int size) {
    int i, total = 0;
    for (i = 0; i < size; i++) { buf[i] = 0; total += i; }
    if (total > 3) return total; else return size;
}
"""
RENAMED = "int f(int b) { return b; }"
SMALL = Sample("t/1", "int f(int a) { return a; }", 0)


@dataclass
class Linear:
    """Log-odds of "vulnerable": a sum over tokens, with weights that differ from model to model."""

    seed: int
    bias: float = 0.0

    def odds(self, text: str) -> float:
        words = re.findall(r"<unk>|\w+|\S", text)
        return self.bias + sum(zlib.crc32(f"{self.seed} {word}".encode()) % 2001 / 1000 - 1 for word in words)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        ones = 1 / (1 + np.exp(-np.array([self.odds(text) for text in programs])))
        return np.stack([1 - ones, ones], axis=1)


@dataclass
class Rule:
    """Vulnerable if these words are in it."""

    word: str

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        ones = np.array([float(self.word in text) for text in programs])
        return np.stack([1 - ones, ones], axis=1)


@dataclass
class Script:
    """Asks for programs as far as its budget goes, and hands one in."""

    programs: tuple[str, ...]
    hand_in: str | None
    sites: int = 1
    budgets: list[int] = field(default_factory=list)

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        self.budgets.append(budget)
        victim.probabilities(self.programs[:budget])
        return Attempt(self.hand_in, self.sites)


def run(members: Sequence[tuple[Script, float]], budget: int = 101, word: str = "b") -> tuple[Attempt, CountingVictim]:
    victim = CountingVictim(Rule(word), budget - 1)
    ensemble = Suite(tuple(Member(str(i), script, share) for i, (script, share) in enumerate(members)))
    return ensemble.attempt(victim, SMALL, budget - 1, np.random.default_rng(0)), victim


def test_a_sample_leaves_as_soon_as_it_falls() -> None:
    late = Script((), None)
    attempt, victim = run([(Script(("x", RENAMED), RENAMED), 0.5), (late, 0.5)])
    assert attempt.program == RENAMED
    assert victim.queries == 2
    assert late.budgets == []


def test_a_refused_success_does_not_end_the_suite() -> None:
    broken = "int f(int b) { return c; }"
    members = (Member("wrong", Script((broken,), broken), 0.5), Member("right", Script((), RENAMED), 0.5))
    outcome = judge(Suite(members), Rule("b"), SMALL, 101, np.random.default_rng(0))
    assert (outcome.verdict, outcome.adversarial, outcome.stopped) == ("fooled", RENAMED, {"static": 1})
    alone = judge(Suite(members[:1]), Rule("b"), SMALL, 101, np.random.default_rng(0))
    assert (alone.verdict, alone.stopped, alone.refused[:4]) == ("resisted", {"static": 1}, "")


def test_what_is_left_over_goes_to_the_next_and_nothing_is_asked_twice() -> None:
    scripts = [Script(("p", "q"), None), Script(("p", "r"), None), Script(("s",), None)]
    _, victim = run([(scripts[0], 0.2), (scripts[1], 0.3), (scripts[2], 0.5)])
    assert [script.budgets for script in scripts] == [[20], [48], [97]]
    assert victim.queries == 4


def test_without_sites_there_is_nothing_to_hand_in() -> None:
    attempt, _ = run([(Script((), None, 0), 0.5), (Script((), None, 0), 0.5)])
    assert (attempt.program, attempt.sites) == (None, 0)
    attempt, _ = run([(Script((), None, 0), 0.5), (Script((), None, 3), 0.5)])
    assert (attempt.program, attempt.sites) == (None, 3)


def test_shares_never_exceed_the_budget() -> None:
    members = suite().members  # type: ignore[attr-defined]
    assert sum(member.share for member in members) == pytest.approx(1)
    assert len({member.name for member in members}) == len(members)


@pytest.mark.parametrize("budget", [0, 1, 2, 5, 30])
def test_keeps_every_budget(budget: int) -> None:
    victim = Linear(0, 200.0)
    outcome = judge(suite(), victim, Sample("t/2", CODE, 1), budget, np.random.default_rng(0))
    assert outcome.queries <= max(budget, 1)
    assert (outcome.verdict, outcome.refused) == ("resisted", "")


@pytest.mark.parametrize("odds", [0.5, 2.0, 4.0, 7.0])
@pytest.mark.parametrize("seed", range(6))
def test_is_as_strong_as_each_member_alone_with_its_share(seed: int, odds: float) -> None:
    sample = Sample("t/2", CODE, 1)
    victim = Linear(seed, odds - Linear(seed).odds(CODE))
    budget, ensemble = 201, suite()
    whole = judge(ensemble, victim, sample, budget, np.random.default_rng(seed))
    key = int(np.random.default_rng(seed).integers(2**63))
    alone = [
        judge(member.attack, victim, sample, 1 + int((budget - 1) * member.share), stream(key, member.name))
        for member in ensemble.members  # type: ignore[attr-defined]
    ]
    assert (whole.verdict == "fooled") >= any(outcome.verdict == "fooled" for outcome in alone)
    assert whole.queries <= budget
    again = judge(ensemble, victim, sample, budget, np.random.default_rng(seed))
    assert (again.adversarial, again.queries, again.fell_at) == (whole.adversarial, whole.queries, whole.fell_at)
