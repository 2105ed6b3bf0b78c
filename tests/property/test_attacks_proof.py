"""Every program of ours is proven from its changes, and none that differs from it in one token besides names."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from attacks.checks import CHECKS
from attacks.program import Program
from attacks.proof import is_proven
from attacks.rebuild import is_rebuilt
from attacks.rename import Drawn, rename_loci
from attacks.renamed import is_renamed
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from bench.syntax.csource import leaves, parse
from bench.types import Sample
from tests.property.test_attacks_render import SNIPPETS

SPACES = ((), REWRITES, LAYOUT, (*REWRITES, *LAYOUT))
CODES = st.sampled_from(SNIPPETS)
SEEDS = st.integers(0, 2**32)


def drawn(code: str, seed: int, space: int, share: float) -> tuple[str, tuple[str, ...]]:
    """Return a random program of ours, and its changes."""
    source, rng = parse(code), np.random.default_rng(seed)
    places = rewrite_loci(source, SPACES[space]) if SPACES[space] else ()
    program = Program(source, (*rename_loci(source, Drawn(), rng), *places))
    genotype = program.random(rng, share)
    return program.render(genotype), program.changes(genotype)


@settings(max_examples=200, deadline=None)
@given(CODES, SEEDS, st.integers(0, 3), st.floats(0, 1))
def test_every_program_of_ours_is_rebuilt(code: str, seed: int, space: int, share: float) -> None:
    program, changed = drawn(code, seed, space, share)
    assert is_rebuilt(parse(code), program, changed)
    assert is_proven(Sample("t/1", code, 0), program, changed, CHECKS)


@settings(max_examples=100, deadline=None)
@given(CODES, SEEDS, st.floats(0, 1))
def test_every_renaming_of_ours_is_seen_as_one(code: str, seed: int, share: float) -> None:
    program, _ = drawn(code, seed, 0, share)
    assert is_renamed(parse(code), parse(program))


@settings(max_examples=300, deadline=None)
@given(CODES, SEEDS, st.floats(0, 1), st.data())
def test_one_other_token_is_not_proven(code: str, seed: int, share: float, data: st.DataObject) -> None:
    program, changed = drawn(code, seed, 0, share)
    source = parse(program)
    tokens = [leaf for leaf in leaves(source) if leaf.kind not in {"identifier", "comment"}]
    assume(tokens)
    one = data.draw(st.sampled_from(tokens))
    old = source.words(one)
    new = data.draw(st.sampled_from(["", "+", "-", "<", "<=", "==", "&", ";", "{", "}", "else", "0", "7", "break ;"]))
    assume(old != new and old.strip())
    mutant = program[: one.start] + new + program[one.end :]
    assert not is_proven(Sample("t/1", code, 0), mutant, changed, CHECKS)
