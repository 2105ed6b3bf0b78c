"""Any genotype of any program: it parses no worse, keeps its external names, and can be undone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.program import Program
from attacks.rename import Drawn, rename_loci
from attacks.rewrite import rewrite_loci
from attacks.verify import verify
from bench.syntax.cscope import local_names
from bench.syntax.csource import parse

DEVIGN = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "devign" / "test.jsonl.zst"

SNIPPETS = (
    """static int copy(char *dst, const char *src, int n) {
    int i, total = 0, *last = &total; // n is trusted
    for (i = 0; i < n && src[i]; i++) { dst[i] = src[i]; total += 1; }
    while (i < n) dst[i++] = 0;
    if (total == n) { return (total); } else if (n > 3) total = total + n * 2;
    else { *last = 1; }
    for (int k = 0; k < 3; ++k) if (k & 1) continue; else total--;
    do total ^= k(total); while (total > 100);
    return total;
}
""",
    """#include <stdio.h>
#define TWICE(x) ((x) * 2)
enum { LOW = 1, HIGH };
struct node { struct node *next; int value; };
static int sum(struct node *list, int value)
{
#ifdef DEBUG
    int seen = 0;
#else
    int seen = 1;
#endif
    for (; list; list = list->next) {
        switch (list->value) { case LOW: value += TWICE(seen); break; default: value -= list->value; }
        if (value < HIGH) goto done;
    }
done:
    printf("value\\n%d", value);
    return value > seen ? value : seen;
}
int main(int argc, char **argv) { return sum(NULL, argc) + (argv[0] != NULL); }
""",
    "int f(a, b) int a; char *b; { int c = a, d = (a) - 1; { int a = c; d += a; } return d + *b; }\r\n",
    "int f(int n) {\tQTAILQ_FOREACH(x, &h, next) {\n if (n) n++; } LOCAL(int, y, [4]); return n /* å€😀 */ + y[0]; }",
    "void f(void) { int (*g)(int) = 0, s = ({ int t = 1; t++; }); if (g) g(s); else ; }",
    "",
    "not C at all {{{ (",
)


def build(code: str, seed: int) -> Program:
    source = parse(code)
    loci = rename_loci(source, Drawn(), np.random.default_rng(seed))
    return Program(source, (*loci, *rewrite_loci(source)))


def rows(count: int) -> Iterator[str]:
    if not DEVIGN.exists():
        pytest.skip("Devign is not beside this checkout: expected it in ../shared/data/devign")
    zstandard = pytest.importorskip("zstandard")
    with zstandard.open(DEVIGN, "rt") as lines:
        for _, line in zip(range(count), lines, strict=False):
            yield json.loads(line)["func"]


@pytest.mark.parametrize("code", SNIPPETS)
def test_the_original_genotype_gives_the_input_back(code: str) -> None:
    program = build(code, 0)
    assert program.render(program.original) == code


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SNIPPETS), st.integers(0, 2**32), st.floats(0, 1))
def test_random_genotypes_keep_what_must_be_kept(code: str, seed: int, share: float) -> None:
    program = build(code, seed)
    assert verify(code, program.render(program.random(np.random.default_rng(seed), share))) == ""


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(codec=None), max_size=60) | st.text("(){};=+*/#\"'\\ \nifor0a", max_size=60))
def test_any_text_is_handled(text: str) -> None:
    program = build(text, 0)
    assert program.render(program.original) == text
    assert parse(program.render(program.random(np.random.default_rng(0), 1.0))).faults <= parse(text).faults


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(SNIPPETS), st.integers(0, 2**32))
def test_renaming_is_invertible(code: str, seed: int) -> None:
    source = parse(code)
    loci = rename_loci(source, Drawn(), np.random.default_rng(seed))
    program = Program(source, loci)
    renamed = program.render(program.random(np.random.default_rng(seed), 1.0))
    back = {allele: locus.label for locus in loci for allele in locus.alleles[1:]}
    text, shift = renamed, 0
    for start, end, word in sorted(
        (leaf.start, leaf.end, back[name.text])
        for name in local_names(parse(renamed))
        for leaf in name.occurrences
        if name.text in back
    ):
        text = text[: start + shift] + word + text[end + shift :]
        shift += len(word) - (end - start)
    assert text == code


def check(code: str, seed: int, share: float) -> None:
    program = build(code, seed)
    assert program.render(program.original) == code
    genotype = program.random(np.random.default_rng(seed), share)
    reason = verify(code, program.render(genotype))
    assert reason == "", f"{reason}: {program.changes(genotype)}"


def test_a_hundred_devign_functions_keep_what_must_be_kept() -> None:
    for seed, code in enumerate(rows(100)):
        check(code, seed, 0.5)


@pytest.mark.slow
def test_all_devign_test_functions_keep_what_must_be_kept() -> None:
    for seed, code in enumerate(rows(2732)):
        check(code, seed, (0.1, 0.5, 1.0)[seed % 3])
