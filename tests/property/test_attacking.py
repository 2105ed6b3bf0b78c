"""Whatever the programs are, every sample gets its outcome: no crash, none lost, none twice."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import recipes, recipes_code
from attacks.checks import CHECKS
from bench.running.attacking import Assault, outcomes
from bench.types import Attack, Classifier, Probabilities, Sample

BODY = "int f(int *list, int n) { int s = 0; for (int i = 0; i < n; i++) s += list[i]; return s; }"
ODD = (
    "",
    " \t\r\n",
    "int f(int a) {\r\n\treturn a;\r\n}\r\n",
    "int f(int a) { return a; }\0",
    "int f(int a) { return " + "(" * 10_000 + "a" + ")" * 10_000 + "; }",
    "int f(void) {" + " g();" * 250_000 + "}",
    "int f(int \ud800) { return 1; }",
    "\N{BYTE ORDER MARK}" + BODY,
    "#define X \\\n int\nX f(X a) { return a /* é \N{GRINNING FACE} */; }",
    "}}}} if else ((( 'unterminated",
)
ATTACKS: tuple[Attack, ...] = (recipes.alert_greedy(), recipes_code.style_transfer(), recipes_code.combined())


@dataclass(frozen=True)
class Crc:
    """Judges by a checksum of what it sees of a program."""

    window: int = 60

    def __call__(self) -> Classifier:
        return self

    def visible(self, program: str) -> int:
        return min(self.window, len(program))

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        seen = [program[: self.window].encode("utf-8", "surrogatepass") for program in programs]
        ones = np.array([zlib.crc32(text) % 1000 / 999 for text in seen])
        return np.stack([1 - ones, ones], axis=1)


@settings(max_examples=12, deadline=None)
@given(
    codes=st.lists(st.sampled_from((*ODD, BODY)) | st.text(max_size=30), max_size=20),
    attack=st.sampled_from(ATTACKS),
    budget=st.integers(0, 30),
)
def test_every_sample_has_one_outcome(codes: list[str], attack: Attack, budget: int) -> None:
    samples = [Sample(f"t/{n}", code, (0, 1)[n % 2]) for n, code in enumerate(codes)]
    assault = Assault(Crc(), attack, "any", budget, 0, tuple(CHECKS))
    found = list(outcomes(assault, samples, 0, 1))
    assert [outcome.sample_id for outcome in found] == [sample.id for sample in samples]
    for sample, outcome in zip(samples, found, strict=True):
        assert outcome.queries <= max(budget, 1)
        assert (outcome.verdict == "unparsable") == ("\0" in sample.code or sample.code in {ODD[4], ODD[5], ODD[6]})
        assert (outcome.adversarial is not None) == (outcome.verdict == "fooled")
