"""Which names may be renamed, and to what (spec/attacks.md, 4.3 to 4.5)."""

from __future__ import annotations

import numpy as np
import pytest

from attacks.program import MASKED, Program
from attacks.rename import COMMON_NAMES, Drawn, gather_names, rename_loci
from bench.syntax.cnames import KEYWORDS, LIBRARY, is_legal_local
from bench.syntax.cscope import local_names
from bench.syntax.csource import parse

RENAMED = [
    ("char *f(int a) { char *p = malloc(sizeof *p * a); return p; }", {"a": 2, "p": 3}),
    ("#define CK g(1)\nint f(int a) { CK; return a; }", {"a": 2}),
    ("#define CHECK() g(1)\nint f(int a) { CHECK(); return a; }", {"a": 2}),
    ("int f(int a) { check(); return a + RANDOM(); }", {"a": 2}),
    ("int f(int a) { a; (void)a; return a && a; }", {"a": 5}),
    ("int f(int a, void **p) { goto *p[a]; }", {"a": 2, "p": 2}),
    ("int f(int a) { int b = a; return b; }", {"a": 2, "b": 2}),
    ("int f(a, b) int a; char *b; { return a + *b; }", {"a": 3, "b": 3}),  # K&R
    ("int f(int a) { { int a = 1; a++; } for (int a = 0; a; ) ; return a; }", {"a": 6}),  # shadowed: together
    ("int f(struct s *a) { struct s b = { .a = 1 }; a->a = b.a; return b.a; }", {"a": 2, "b": 3}),
    ("int f(int a) { goto a; a: return a; }", {"a": 2}),
    ("int f(struct a *a) { return a->x; }", {"a": 2}),  # tags are another name space
    ("int f(int (*a)(int z)) { return a(1); }", {"a": 2}),
    ("int f(int a) { return FFMAX(a, 1) + OTHER(a + 1); }", {"a": 3}),
    ('int f(int a) { return g("a") /* a */; }', {"a": 1}),
    ("int f(int a[static 3], int n) { int b[n]; return b[0] + a[1]; }", {"a": 2, "n": 2, "b": 2}),
]

KEPT = [
    "int g; int f(void) { return g; }",
    "int f(void) { extern int a; return a; }",
    "int f(void) { int a(int); return a(1); }",
    "int f(void) { enum { a, b }; return a + b; }",
    "int f(void) { typedef int a; return 1 + sizeof(a); }",
    "int f(int max) { return max(max, 1); }",  # a macro of the same name
    "#define G (a + 1)\nint f(int a) { return G; }",
    "#ifdef a\n#endif\nint f(int a) { return a; }",
    "int f(int a) { STR(a); }",  # may be pasted or stringified
    '#define show(e) printf("%s=%d", #e, e)\nint f(int a) { show(a + 1); return a; }',
    "#define get(s, f) ((s)->f)\nint f(int a) { return get(q, a); }",
    "int f(int a) { return container_of(p, struct s, a); }",
    'int f(int a) { asm("" : "=r"(a)); }',
    "int f(int a) { a @ 3; }",
    "int f(int av_unused a) { return 1; }",
    "int f(void) { a += 1; int a; }",
    "int f(int a) { CHECK_COUNT(); return a; }",  # may read it
    "int f(int a) { CHECK_COUNT(3); return a; }",
    "int f(int a) { COUNT = 3; return a; }",
    "int f(int a) { COUNT++; return a; }",
    "int f(int a) { if (g()) CHECK_COUNT; return a; }",
    "int f(int a) { check_count; return a; }",
    'int f(int a) { g("%" STR(a + 1), 1); }',  # makes text of it
    'int f(int a) { g("%" STR(a) "b"); }',
    'int f(int a) { g(STR(a) "b"); }',
    "int f(int a) { return __builtin_offsetof(T, x.v[a]) + a; }",
    "int f(int a) { return offsetof(T, a) + a; }",
    "int f(int a) { return offset_of(struct s, a) + a; }",
    "int f(int a) { return g(llist_entry(q, T, a)) + a; }",
    "int f(int a) { list_each(q, a) g(a); }",  # a macro, because no semicolon follows
    "int f(void *a) { goto *a; }",
    "int f(int a) { a: g(&&a); return a; }",
    "#define VAL(n) val_##n\nint f(int val_1) { return VAL(1); }",
    "int f(int ab) { return a\\\nb + ab; }",  # one word to C
    "int f(int a) { /* why ??/\n*/ return a; }",
    "int n = 8;\nint f(void) { int n[n]; return sizeof n; }",  # C11, 6.2.1: the size is still the other n
    "#define STR(x) #x\n#define str STR\nint f(int a) { return g(str(a)) + a; }",
    'int f(int a) { _Pragma("omp parallel for private(a)") g(a + 1); return a; }',
    "#define CK HDR_CK\nint f(int a) { CK; return a; }",
]


@pytest.mark.parametrize(("code", "names"), RENAMED)
def test_locals_with_all_their_occurrences(code: str, names: dict[str, int]) -> None:
    assert {name.text: len(name.occurrences) for name in local_names(parse(code))} == names


@pytest.mark.parametrize("code", KEPT)
def test_what_is_not_local_or_not_safe_keeps_its_name(code: str) -> None:
    assert local_names(parse(code)) == ()


def test_names_of_two_functions_are_apart() -> None:
    names = local_names(parse("int f(int a) { return a; } int g(int a) { return a; }"))
    assert [name.text for name in names] == ["a", "a"]


def test_no_two_loci_share_an_allele_and_none_collides() -> None:
    code = "int f(int a, int b, int c) { return strlen(a) + count(b) + c->total; }"
    loci = rename_loci(parse(code), Drawn(), np.random.default_rng(0))
    alleles = [allele for locus in loci for allele in locus.alleles]
    assert len(alleles) == len(set(alleles))
    assert not {"strlen", "count", "total", "f"} & set(alleles)
    assert all(len(locus.alleles) == 31 for locus in loci)


def test_a_small_pool_is_shared_out() -> None:
    loci = rename_loci(parse("int f(int a, int b) { return a + b; }"), Drawn(("u", "v", "w")), np.random.default_rng(0))
    assert sorted(len(locus.alleles) for locus in loci) == [2, 3]


def test_illegal_substitutes_are_dropped() -> None:
    pool = ("int", "strlen", "MAX", "1x", "a b", "", "__x", "и", "a", "b", "asm", "errno", "fine")
    (locus,) = rename_loci(parse("int f(int a) { return a + b; }"), Drawn(pool), np.random.default_rng(0))
    assert locus.alleles == ("a", "fine")


def test_masking_hides_all_occurrences() -> None:
    source = parse("int f(int a) { return a; }")
    program = Program(source, rename_loci(source, Drawn(), np.random.default_rng(0)))
    assert program.render([MASKED]) == "int f(int <unk>) { return <unk>; }"


def test_common_names_are_legal_and_reserved_lists_are_words() -> None:
    assert all(is_legal_local(name) for name in COMMON_NAMES)
    assert {"getline", "stdlib", "stpcpy"} <= LIBRARY
    assert {"_Alignas", "alignas", "asm", "typeof"} <= KEYWORDS


def test_names_are_gathered_by_frequency() -> None:
    assert gather_names(["int f(int b, int a) { return a; }", "int g(int a, int int8_t) { return a; }"]) == ("a", "b")
