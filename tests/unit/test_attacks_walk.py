"""Driving a search: budgets cut it, the first flip in list order ends it, nothing is put twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from attacks.program import Genotype, Locus, Program
from attacks.walk import Probe, Walk, drive, others, splice
from bench.syntax.csource import parse
from bench.types import Probabilities

CODE = "int f(int a) { return a; }"
NAMES = ("a", "b", "c", "d", "e")


def program() -> Program:
    source = parse(CODE)
    spans = tuple((i, i + 1) for i, char in enumerate(CODE) if char == "a")
    return Program(source, (Locus("rename", "a", NAMES, spans),))


@dataclass
class Scored:
    """P(vulnerable) from a rule over the parameter's name; remembers what it was asked."""

    rule: Callable[[str], float]
    asked: list[str] = field(default_factory=list)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        self.asked.extend(text[10] for text in programs)
        ones = np.array([self.rule(text[10]) for text in programs])
        return np.stack([1 - ones, ones], axis=1)


def scripted(questions: Sequence[Sequence[Genotype] | Probe], heard: list[list[float]]) -> Walk:
    for question in questions:
        scores = yield question
        heard.append(list(scores))
    return (0,)


P = {"a": 0.9, "b": 0.8, "c": 0.3, "d": 0.1, "e": 0.6}.__getitem__


def test_the_first_flip_of_the_list_wins_and_its_whole_batch_is_put() -> None:
    victim, heard = Scored(P), []  # type: ignore[var-annotated]
    assert drive(program(), scripted([[(0,)], [(1,), (2,), (3,)], [(4,)]], heard), victim, 1, 100) == (2,)
    assert victim.asked == ["a", "b", "c", "d"]
    assert heard == [[0.9]]


def test_a_program_that_only_informs_is_no_flip() -> None:
    heard: list[list[float]] = []
    probe = Probe((CODE.replace("a", "d"),))
    assert drive(program(), scripted([[(0,)], probe, [(1,)]], heard), Scored(P), 1, 100) == (1,)
    assert heard == [[0.9], [0.1], [0.8]]


def test_nothing_is_put_twice() -> None:
    victim, heard = Scored(P), []  # type: ignore[var-annotated]
    drive(program(), scripted([[(0,), (1,), (1,)], [(1,), (0,)], [(4,)]], heard), victim, 1, 3)
    assert victim.asked == ["a", "b", "e"]
    assert heard == [[0.9, 0.8, 0.8], [0.8, 0.9], [0.6]]


@pytest.mark.parametrize(("budget", "best"), [(0, (0,)), (1, (0,)), (2, (1,)), (3, (1,)), (5, (2,))])
def test_the_budget_cuts_the_last_question_and_its_answers_still_count(budget: int, best: Genotype) -> None:
    victim = Scored(P)
    assert drive(program(), scripted([[(0,)], [(1,), (4,), (2,), (3,)]], []), victim, 1, budget) in {best, (4,)}
    assert len(victim.asked) == min(budget, 5)


def test_without_a_flip_the_least_certain_program_is_returned() -> None:
    assert drive(program(), scripted([[(0,)], [(1,), (4,)]], []), Scored(P), 1, 100) == (4,)


def test_label_0_falls_above_one_half_only() -> None:
    at_half = Scored({"a": 0.1, "b": 0.5, "c": 0.51}.__getitem__)
    assert drive(program(), scripted([[(0,)], [(1,), (2,)]], []), at_half, 0, 100) == (2,)
    assert drive(program(), scripted([[(0,)], [(1,)]], []), Scored({"a": 0.9, "b": 0.5}.__getitem__), 1, 9) == (1,)


def test_other_alleles_never_hold_the_original_or_the_current_one() -> None:
    assert others(program(), (2,), 0) == [(1,), (3,), (4,)]


def test_splicing() -> None:
    assert splice("a + bb", [(0, 1), (4, 6)], "xyz") == "xyz + xyz"
