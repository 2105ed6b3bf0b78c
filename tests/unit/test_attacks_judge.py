"""The judge: what counts as a query, as a success, as a refusal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from attacks.judge import judge
from bench.results import Outcome
from bench.types import Attempt, Classifier, Probabilities, Sample, UsageError

CODE = "int f(int a) { return a; }"
RENAMED = "int f(int b) { return b; }"
SAMPLE = Sample("t/1", CODE, 0)


@dataclass
class Fake:
    """Vulnerable if the rule says so; remembers what it was asked."""

    rule: Callable[[str], float]
    asked: list[list[str]] = field(default_factory=list)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        self.asked.append(list(programs))
        ones = np.array([self.rule(program) for program in programs])
        return np.stack([1 - ones, ones], axis=1)


@dataclass
class Script:
    """Asks for what it is told to and hands in the last program."""

    batches: list[list[str]]
    hand_in: str | None
    budgets: list[int] = field(default_factory=list)

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        self.budgets.append(budget)
        for batch in self.batches:
            victim.probabilities(batch)
        return Attempt(self.hand_in, 1, 2, ("x",))


def run(script: Script, victim: Classifier, budget: int = 10, sample: Sample = SAMPLE) -> Outcome:
    return judge(script, victim, sample, budget, np.random.default_rng(0))


def test_counts_every_query_and_computes_each_program_once() -> None:
    victim = Fake(lambda program: float("b" in program))
    script = Script([[CODE, "x", "x"], ["y", RENAMED, RENAMED]], RENAMED)
    outcome = run(script, victim)
    assert (outcome.verdict, outcome.queries, outcome.distinct, outcome.fell_at) == ("fooled", 7, 4, 6)
    assert victim.asked == [[CODE], ["x"], ["y", RENAMED], [RENAMED]]  # the last one is the judge's own
    assert script.budgets == [9]
    assert outcome.tokens_changed == pytest.approx(2 / 11)
    assert outcome.adversarial == RENAMED


def test_a_program_that_was_never_asked_costs_a_query() -> None:
    outcome = run(Script([], RENAMED), Fake(lambda program: float("b" in program)))
    assert (outcome.verdict, outcome.queries, outcome.fell_at) == ("fooled", 2, 2)


def test_no_success_beyond_the_budget() -> None:
    outcome = run(Script([], RENAMED), Fake(lambda program: float("b" in program)), budget=1)
    assert (outcome.verdict, outcome.queries) == ("resisted", 1)
    assert "budget" in outcome.refused


def test_asking_beyond_the_budget_ends_the_attack() -> None:
    victim = Fake(lambda program: float("b" in program))
    outcome = run(Script([[RENAMED] * 10], RENAMED), victim)
    assert (outcome.verdict, outcome.queries, victim.asked) == ("resisted", 1, [[CODE]])
    assert "budget 10" in outcome.refused


def test_a_changed_meaning_is_refused() -> None:
    program = "int f(int b) { return c; }"
    outcome = run(Script([], program), Fake(lambda text: float("b" in text)))
    assert outcome.verdict == "resisted"
    assert "name changed" in outcome.refused
    assert outcome.adversarial is None


@pytest.mark.parametrize("probability", [0.5, 0.2])
def test_a_tie_goes_to_class_0(probability: float) -> None:
    assert run(Script([], RENAMED), Fake(lambda program: probability)).verdict == "resisted"
    wrong = run(Script([], RENAMED), Fake(lambda program: probability), sample=Sample("t/2", CODE, 1))
    assert (wrong.verdict, wrong.queries) == ("already_wrong", 1)


def test_no_sites() -> None:
    outcome = judge(Nowhere(), Fake(lambda program: 0.0), SAMPLE, 10, np.random.default_rng(0))
    assert (outcome.verdict, outcome.queries) == ("no_sites", 1)


class Nowhere:
    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        return Attempt(None, 0)


@pytest.mark.parametrize("code", ["int f\0;", "x" * 300_000, "int f(){" + "{" * 5000 + "}" * 5001, "\ud800"])
def test_what_cannot_be_analysed_is_counted_and_costs_nothing(code: str) -> None:
    outcome = run(Script([], RENAMED), Fake(lambda program: 1.0), sample=Sample("t/3", code, 0))
    assert (outcome.verdict, outcome.queries) == ("unparsable", 0)
    assert outcome.refused


@pytest.mark.parametrize("rows", [np.full((1, 2), np.nan), np.ones((1, 3)) / 3, np.ones((2, 2)) / 2, np.ones((1, 2))])
def test_a_broken_model_is_an_error(rows: Probabilities) -> None:
    class Broken:
        def probabilities(self, programs: Sequence[str]) -> Probabilities:
            return rows

    with pytest.raises(UsageError, match="probabilities"):
        run(Script([], RENAMED), Broken())
