"""Successes owed to truncation: found by cutting the original where the adversarial program is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from attacks import judge as judging
from attacks.judge import judge
from attacks.truncation import without_tail
from bench.types import Attempt, Classifier, Probabilities, Sample

CODE = "int f(int a) { a = a + 1; return evil(a); }"
LONGER = "int f(int a) { if (0) { } a = a + 1; return evil(a); }"


@dataclass
class Reader:
    """Reads so many characters and looks for a word."""

    window: int
    word: str = "evil"

    def visible(self, program: str) -> int:
        return min(self.window, len(program))

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        ones = np.array([float(self.word in program[: self.window]) for program in programs])
        return np.stack([1 - ones, ones], axis=1)


@dataclass
class HandIn:
    program: str

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        return Attempt(self.program, 1)


def test_the_original_loses_what_the_adversarial_program_lost() -> None:
    assert without_tail(CODE, LONGER, Reader(len(CODE))) == CODE[: CODE.index("evil")]
    assert without_tail(CODE, LONGER, Reader(1000)) is None
    assert without_tail(CODE, CODE, Reader(20)) is None


def test_code_inserted_early_and_late_takes_what_the_window_no_longer_holds() -> None:
    dead = "if (0) { } " * 40
    flooded = CODE.replace("{ a", "{ " + dead + "a").replace("return", dead + "return")
    assert without_tail(CODE, flooded, Reader(len(CODE))) == "int f(int a) { "
    assert without_tail(CODE, flooded.replace("a)", "b)"), Reader(len(CODE))) == "int f(int a) { "


@pytest.mark.parametrize(("window", "owed"), [(len(CODE), True), (1000, False)])
def test_the_judge_tells_such_successes_apart(window: int, owed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "is_proven", lambda *_: True)  # written by hand here

    class Renamed(Reader):
        def probabilities(self, programs: Sequence[str]) -> Probabilities:
            rows = super().probabilities(programs)
            fooled = np.array(["if (0)" in program and window == 1000 for program in programs])
            rows[fooled] = [1.0, 0.0]
            return rows

    outcome = judge(HandIn(LONGER), Renamed(window), Sample("t/1", CODE, 1), 10, np.random.default_rng(0))
    assert (outcome.verdict, outcome.by_truncation) == ("fooled", owed)
    assert outcome.queries == 2
