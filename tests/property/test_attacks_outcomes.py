"""Any attack on any program within any budget: no crash, the budget kept, and a success that is verified."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks import recipes, recipes_code
from attacks.judge import judge
from attacks.suite import suite
from attacks.verify import verify
from bench.types import Attack, Probabilities, Sample

ATTACKS: dict[str, Attack] = {
    "alert": recipes.alert(),
    "mhm": recipes.mhm_vocabulary(),
    "beam": recipes.rename_beam(),
    "rnns": recipes.rnns(),
    "exhaustive": recipes.exhaustive(),
    "style": recipes_code.style_transfer(),
    "coda": recipes_code.coda_style(),
    "suite": suite(),
}
SNIPPETS = (
    "int f(a, b) int a; char *b; { int c = a, d = (a) - 1; { int a = c; d += a; } return d + *b; }\r\n",
    "int f(int n) {\tQTAILQ_FOREACH(x, &h, next) {\n if (n) n++; } LOCAL(int, y, [4]); return n /* å€😀 */ + y[0]; }",
    "void f(void) { int (*g)(int) = 0, s = ({ int t = 1; t++; }); if (g) g(s); else ; }",
    "int f(int n) { for (int i = 0; i < n; i++) { while (n > 3) n--; if (i == n) return 1; } return n * 2; }",
    "",
    "not C at all {{{ (",
)


class Crc:
    """Judges by a checksum of the program: no search can plan, and about half of all programs flip."""

    def __init__(self, share: float) -> None:
        self.share = share

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        ones = np.array([(zlib.crc32(text.encode("utf-8", "surrogatepass")) % 1000) / 999 for text in programs])
        ones = ones ** (1 / self.share)
        return np.stack([1 - ones, ones], axis=1)


@pytest.mark.parametrize("name", ATTACKS)
@settings(max_examples=25, deadline=None)
@given(
    code=st.sampled_from(SNIPPETS) | st.text(alphabet=st.characters(codec=None), max_size=40),
    budget=st.integers(0, 120),
    seed=st.integers(0, 99),
    share=st.sampled_from([0.01, 0.3, 1.0]),
)
def test_any_attack_on_any_program(name: str, code: str, budget: int, seed: int, share: float) -> None:
    sample = Sample("t/1", code, 0)
    outcome = judge(ATTACKS[name], Crc(share), sample, budget, np.random.default_rng(seed))
    assert outcome.queries <= max(budget, 1)
    assert outcome.refused == "" or outcome.verdict == "unparsable"
    if outcome.verdict == "fooled":
        assert outcome.adversarial is not None
        assert outcome.fell_at is not None
        assert 1 < outcome.fell_at <= outcome.queries
        assert outcome.changed
        assert verify(code, outcome.adversarial) == ""
        assert Crc(share).probabilities([outcome.adversarial])[0, 1] > 0.5
