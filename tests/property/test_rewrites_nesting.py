"""Loci of all families nest or stand apart, so that any of them may be changed at once (attacks/program.py)."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.program import Program
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from bench.syntax.csource import parse

STATEMENTS = (
    *("a = 1;", "b = n;", "a++;", "int x@;", "int x@ = 2;", "int y@;\n", "x = n ? 1 : 2;", "g(p[n]);", "\n", "// c\n"),
    *("if (n) return 1;", "if (a) return 2;\n", "return 3;", "/* why */", "if (a) { b = 2; a = 3; } else b = 4;"),
    *("while (a) { a--; b = 1; n = 2; }", "switch (n) { case 1: a = 1; b = 2; break; }", "{ int z@; int v@; }"),
)


def crossing(spans: list[tuple[int, int]]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return pairs that overlap although neither holds the other."""
    found = []
    ordered = sorted(spans, key=lambda span: (span[0], -span[1]))
    for index, outer in enumerate(ordered):
        found += [(outer, inner) for inner in ordered[index + 1 :] if inner[0] < outer[1] < inner[1]]
    return found


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(STATEMENTS), max_size=12))
def test_no_two_loci_overlap_without_nesting(statements: list[str]) -> None:
    body = " ".join(text.replace("@", str(k)) for k, text in enumerate(statements))
    source = parse(f"int f(int n, int a, int b, int *p) {{ {body} }}")
    spans = [locus.spans[0] for locus in rewrite_loci(source, (*REWRITES, *LAYOUT))]
    assert crossing(spans) == []
    assert len(set(spans)) == len(spans)
    assert all(first <= second for first, second in pairwise(spans))


def test_of_two_that_overlap_the_later_one_is_dropped() -> None:
    source = parse("int f(int n, int a, int b) { a = 1; b = 2; n = 3; n = 4; }")
    program = Program(source, rewrite_loci(source, [r for r in REWRITES if r.name == "swap_statements"]))
    assert [source.text[slice(*locus.spans[0])] for locus in program.loci] == ["a = 1; b = 2;"]


def test_pairs_within_what_follows_an_early_return_compose() -> None:
    source = parse(
        "int f(int n, int a, int b) { if (n) return 1; a = 1; b = 2; if (a) return 2; int x; int y; return 3; }"
    )
    names = {"swap_statements", "jump_to_else", "merge_declarations", "unfold_sum"}
    program = Program(source, rewrite_loci(source, [r for r in REWRITES if r.name in names]))
    everything = program.render([1] * len(program.loci))
    assert everything == (
        "int f(int n, int a, int b) { if (n) { return 1; } else { b = (1 + 1); a = 1; "
        "if (a) { return (1 + 1); } else { int x, y; return (2 + 1); } } }"
    )
