"""The ensemble: order, budget, verification, and never weaker than a member alone with its share."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from attacks.judge import CountingVictim, judge
from attacks.suite import Member, Suite, suite
from bench.measuring.robustness import worst_case
from bench.results import Outcome
from bench.rng import stream
from bench.tasks import embedded
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
    assert sum(member.share for member in MEMBERS) == pytest.approx(1)
    assert len({member.name for member in MEMBERS}) == len(MEMBERS)


@pytest.mark.parametrize("budget", [0, 1, 2, 5, 30])
def test_keeps_every_budget(budget: int) -> None:
    victim = Linear(0, 200.0)
    outcome = judge(suite(), victim, Sample("t/2", CODE, 1), budget, np.random.default_rng(0))
    assert outcome.queries <= max(budget, 1)
    assert (outcome.verdict, outcome.refused) == ("resisted", "")


@dataclass
class Trained:
    """Fitted to programs of the embedded task: a logistic regression over which tokens occur."""

    words: CountVectorizer
    model: LogisticRegression

    @classmethod
    def on(cls, samples: Sequence[Sample]) -> Trained:
        words = CountVectorizer(token_pattern=r"\w+|[^\w\s]", lowercase=False, binary=True)
        rows = words.fit_transform([sample.code for sample in samples])
        return cls(words, LogisticRegression(C=0.1).fit(rows, [sample.label for sample in samples]))

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        return self.model.predict_proba(self.words.transform(programs))


@dataclass
class Slow:
    """Finds what it is looking for after so many queries."""

    needs: int

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        return Attempt(RENAMED if budget >= self.needs else None, 1)


ENSEMBLE = suite()
MEMBERS: Sequence[Member] = ENSEMBLE.members  # type: ignore[attr-defined]


def alone(victim: Classifier, sample: Sample, seed: int, budgets: Sequence[int]) -> list[Outcome]:
    """Each member with a budget of its own, and with the randomness that it has in the suite under this seed."""
    key = int(np.random.default_rng(seed).integers(2**63))
    return [
        judge(member.attack, victim, sample, budget, stream(key, member.name))
        for member, budget in zip(MEMBERS, budgets, strict=True)
    ]


def shares(budget: int) -> list[int]:
    """What each member gets of a budget: the original is put once, by the judge."""
    return [1 + int((budget - 1) * member.share) for member in MEMBERS]


def fooled(outcome: Outcome) -> bool:
    return outcome.verdict == "fooled"


@pytest.mark.parametrize("odds", [0.5, 2.0, 4.0, 7.0])
@pytest.mark.parametrize("seed", range(6))
def test_falls_wherever_a_member_falls_alone_with_its_share(seed: int, odds: float) -> None:
    sample = Sample("t/2", CODE, 1)
    victim = Linear(seed, odds - Linear(seed).odds(CODE))
    whole = judge(ENSEMBLE, victim, sample, 201, np.random.default_rng(seed))
    assert fooled(whole) >= any(map(fooled, alone(victim, sample, seed, shares(201))))
    assert whole.queries <= 201
    again = judge(ENSEMBLE, victim, sample, 201, np.random.default_rng(seed))
    assert (again.adversarial, again.queries, again.fell_at) == (whole.adversarial, whole.queries, whole.fell_at)


def test_on_the_embedded_task_it_falls_wherever_a_member_falls_alone_with_its_share() -> None:
    victim, budget = Trained.on(embedded.generate(300, 1, prefix="train")), 41
    whole, parts = [], []
    for seed, sample in enumerate(embedded.generate(16, 2, prefix="test")):
        whole.append(judge(ENSEMBLE, victim, sample, budget, np.random.default_rng(seed)))
        parts.append(alone(victim, sample, seed, shares(budget)))
    assert all(fooled(one) >= any(map(fooled, others)) for one, others in zip(whole, parts, strict=True))
    assert 0 < sum(map(fooled, whole)) < sum(one.verdict != "already_wrong" for one in whole)  # neither all nor none
    combining, sampling, _ = zip(*parts, strict=True)  # the last one's share is four queries here
    assert any(map(fooled, combining))
    assert any(map(fooled, sampling))


@pytest.mark.parametrize("seed", range(4))
def test_with_the_budget_over_the_smallest_share_it_is_as_strong_as_each_member_with_the_budget(seed: int) -> None:
    budget, smallest = 31, min(member.share for member in MEMBERS)
    more = 1 + math.ceil((budget - 1) / smallest)
    assert min(shares(more)) >= budget
    victim = Linear(seed, 2.0 - Linear(seed).odds(CODE))
    sample = Sample("t/2", CODE, 1)
    found = alone(victim, sample, seed, [budget] * len(MEMBERS))
    assert fooled(judge(ENSEMBLE, victim, sample, more, np.random.default_rng(seed))) >= any(map(fooled, found))


def test_a_member_with_the_whole_budget_may_do_more_and_the_worst_case_counts_it() -> None:
    slow = Slow(40)
    single = judge(slow, Rule("b"), SMALL, 51, np.random.default_rng(0))
    members = (Member("slow", slow, 0.2), Member("idle", Script((), None), 0.8))
    whole = judge(Suite(members), Rule("b"), SMALL, 51, np.random.default_rng(0))
    assert (single.verdict, whole.verdict) == ("fooled", "resisted")
    assert [one.verdict for one in worst_case({"suite": [whole], "slow": [single]})] == ["fooled"]
