"""Any genotype of an embedded function compiles, does the same, and keeps its label under the sanitizers.

A fixed sample runs with the tests; `MOEKD_FULL=1 pytest tests/property/test_attacks_behaviour.py` takes
1,000 functions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import pytest

from attacks.checks import Check, checks
from attacks.compiling import whole
from attacks.gcc import Gcc, find_gcc
from attacks.places import Rewrite
from attacks.program import Program
from attacks.rename import Drawn, rename_loci
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from bench.rng import stream
from bench.syntax.csource import parse
from bench.tasks.embedded import FAMILIES, generate
from bench.types import Sample

FUNCTIONS = 1_000 if os.environ.get("MOEKD_FULL") == "1" else 120
SEED = 11
SPACES: dict[float, Sequence[Rewrite]] = {0.2: REWRITES, 0.6: (*REWRITES, *LAYOUT), 1.0: REWRITES}
"""By the share of places that a genotype changes, what may be done there besides renaming."""


@pytest.fixture(scope="module")
def gcc() -> Gcc:
    found = find_gcc()
    if found is None or not found.sanitizes:
        pytest.skip("needs gcc with working -fsanitize=address,undefined")
    return found


def broken(gcc: Gcc, samples: Iterable[Sample], shares: Iterable[float] = SPACES) -> Iterator[str]:
    """Yield each label that is no fact, and each random genotype that a check refuses."""
    found = checks()
    for sample in samples:
        first, second = gcc.observe(whole(sample, sample.code)).runs
        if first != second or (first.report != "") != (sample.label == 1):
            yield f"{sample.id} {sample.project} label {sample.label}: {first} {second}"
        for share in shares:
            if refused := _refused(found, sample, share):
                yield refused


def _refused(found: Sequence[Check], sample: Sample, share: float) -> str:
    rng = stream(SEED, "behaviour", sample.id, share)
    source = parse(sample.code)
    program = Program(source, (*rename_loci(source, Drawn(), rng), *rewrite_loci(source, SPACES[share])))
    genotype = program.random(rng, share)
    for check in found:
        if reason := check.refuse(sample, program.render(genotype)):
            return f"{sample.id} {sample.project} share {share}, {check.name}: {reason}: {program.changes(genotype)}"
    return ""


def test_every_family_behaves_the_same(gcc: Gcc) -> None:
    assert list(broken(gcc, generate(2 * len(FAMILIES), SEED)[::3], (1.0,))) == []


@pytest.mark.slow
def test_many_random_genotypes_behave_the_same(gcc: Gcc) -> None:
    assert list(broken(gcc, generate(FUNCTIONS, SEED))) == []
