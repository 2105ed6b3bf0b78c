"""Where macros, directives and odd C hide what a rewrite would change; and what stays open beside them."""

from __future__ import annotations

import pytest

from attacks.rewrite import rewrite_loci
from bench.syntax.csource import parse

BEHIND_ELSE = "\n#ifdef X\nif (a) { n++; } else\n#endif\n"
ELSE = "\n#ifdef X\nelse { g(2); }\n#endif\n"
CLOSED = [
    ("returns_to_ternary", "LIST_FOREACH(x, l) if (n) return 1; return 2;"),
    ("jump_to_else", "LIST_FOREACH(x, l) if (n) return 1; g(2);"),
    ("jump_to_else", "list_each(x, l) /* all */ if (n) return 1; g(2);"),
    ("else_to_jump", "LIST_FOREACH(x, l) if (n) return 1; else g(2);"),
    ("for_to_while", "EACH(x, l) for (i = 0; i < n; i++) g(i);"),
    ("while_to_do", "if (i) EACH(x) while (n) n--; else g(2);"),  # the `else` would join the new `if`
    ("switch_to_ifs", "if (i) EACH(x) switch (n) { case 1: g(1); break; } else g(2);"),
    ("split_declaration", "ALIGNED(16) int x, y;"),
    ("split_initialisation", "STATIC(16) int x = 3; g(x);"),
    ("returns_to_ternary", f"{BEHIND_ELSE}if (i) return 1; return 2;"),
    ("jump_to_else", f"{BEHIND_ELSE}if (i) return 1; g(2);"),
    ("else_to_jump", f"{BEHIND_ELSE}if (i) return 1; else g(2);"),
    ("while_to_do", f"{BEHIND_ELSE}while (i) i--;"),
    ("jump_to_else", "\n#if X\nfor (;;)\n#else\nwhile (i)\n#endif\nif (i) return 1; g(2);"),
    ("jump_to_else", '\n#include "head.h"\nif (i) return 1; g(2);'),
    ("split_if", f"if (n && i) {{ g(1); }}{ELSE}"),
    ("invert_if", f"if (n) {{ g(1); }} /* else */{ELSE}"),
    ("merge_ifs", f"if (n) {{ if (i) g(1); }}{ELSE}"),
    ("merge_ifs", f"if (n) if (i) g(1);{ELSE}"),
    ("invert_if", f"if (n) if (i) g(1);{ELSE}"),
    ("add_braces", f"if (n) if (i) g(1);{ELSE}"),
    ("for_to_while", f"for (i = 0; i < n; i++) if (n) g(1);{ELSE}"),
    ("swap_if_else", f"if (n) g(1); else if (i) g(3);{ELSE}"),
    ("ifs_to_switch", f"if (n == 1) g(1); else if (n == 2) g(3);{ELSE}"),
    ("invert_if", "if (n) { g(1); }\n#ifdef X\ng(2);\n#else\nelse { g(2); }\n#endif\n"),
    ("invert_if", "if (n) { g(1); }\n#define TWO 2\nelse g(TWO);"),
    ("for_to_while", "\n#pragma GCC ivdep\nfor (i = 0; i < n; i++) g(i);"),
    ("for_to_while", "\n#  pragma omp for\n/* all */ for (i = 0; i < n; i++) g(i);"),
    ("for_to_while", "\n#ifdef _OPENMP\n#pragma omp parallel for\n#endif\nfor (i = 0; i < n; i++) g(i);"),
    ("for_to_while", "\n#if X\n#else\n#pragma omp simd\n#endif\nfor (i = 0; i < n; i++) g(i);"),
    ("for_to_while", '_Pragma("GCC ivdep") for (i = 0; i < n; i++) g(i);'),
    ("while_to_do", 'if (n) _Pragma("GCC unroll 4") while (i) i--;'),
    ("for_to_do", "\n#pragma omp for collapse(2)\nfor (i = 0; i < n; i++) for (n = 0; n < 3; n++) g(i);"),
    ("dead_if", "\n#pragma omp sections\n{ i = 1; n = 4; }"),
    ("swap_statements", "\n#pragma omp atomic\ni = 3; n = 4;"),
    ("expand_assignment", "atomic_int x; x += 1;"),
    ("increment_to_sum", "atomic_uint_fast8_t x; x++;"),
    ("contract_assignment", "s->x = s->x + 1; i = atomic_load_explicit(&s->x, 0);"),
    ("increment_to_compound", "typedef _Atomic int t; t x; x++;"),
    ("expand_assignment", "typedef volatile int t; t x; x += 1;"),
    ("ifs_to_switch", "_Atomic(int) x; if (n == 1) g(1); else if (n == 2) g(2);"),
    ("array_to_pointer", "n = sizeof (p)[i];"),  # the size of an element
    ("array_to_pointer", "n = i - sizeof (p)[i];"),
    ("array_to_pointer", "n = (T)(p)[i];"),  # may be a cast of the element
    ("array_to_pointer", "n = __alignof__ (p)[i];"),
    ("spell_type", "long static int x = 3;"),
    ("spell_type", "unsigned static int x;"),
    ("ifs_to_switch", "typedef float uint; uint x = n; if (x == 1) g(1); else if (x == 2) g(2);"),
    ("ifs_to_switch", "\n#define u8 float\nu8 x = n; if (x == 1) g(1); else if (x == 2) g(2);"),
    ("split_initialisation", "\n#define u8 const char\nu8 x = n;"),
    ("swap_statements", "typedef struct { int *q; } u8; u8 x; u8 y; i = 3; x = y;"),
    ("swap_operands", "int len_t; i = (len_t) - n * i;"),  # no cast
    ("swap_comparison", 'h("%" STR(i < n));'),  # makes text of it
    ("swap_operands", "h(__builtin_offsetof(T, x[i + n]));"),
    ("increment_to_sum", "\n#pragma omp atomic capture\n{ n = i; i++; }"),
]
"""A rewrite and a place that it must leave alone."""
OPEN = [
    ("swap_if_else", "LIST_FOREACH(x, l) if (n) g(1); else g(2);"),
    ("swap_statements", "LIST_FOREACH(x, l) { i = 3; n = 4; }"),
    ("jump_to_else", "\n#ifdef X\nif (n) g(1); else\n#endif\ng(3); if (i) return 1; g(2);"),
    ("returns_to_ternary", "\n#ifdef X\ng(3);\n#else\nif (n) g(4);\n#endif\nif (i) return 1; return 2;"),
    ("increment_to_sum", "atomic_t x; i++; atomic_read(&s->v);"),
    ("array_to_pointer", "n = g(i)[i] + (p)[i];"),
    ("spell_type", "static long x = 3;"),
    ("ifs_to_switch", "uint x = n; if (x == 1) g(1); else if (x == 2) g(2);"),
    ("swap_operands", "i = (len_t) - n * i;"),
    ("swap_comparison", f"if (n < i) {{ g(1); }}{ELSE}"),
    ("invert_if", "if (n) g(1);\n#ifdef X\ng(3);\n#else\nif (n) g(4); else g(5);\n#endif\n"),
    ("for_to_while", "\n#pragma omp for\nfor (;;) g(1); for (i = 0; i < n; i++) g(i);"),
    ("for_to_while", '_Pragma("omp barrier"); for (i = 0; i < n; i++) g(i);'),
]
"""A rewrite and a place beside such code that it still finds."""


def offered(statements: str) -> set[str]:
    """Return the rewrites that apply somewhere in a function of these statements."""
    code = f"int f(int n, int i, int *p, int *a, struct s *s) {{ {statements} }}"
    return {name for locus in rewrite_loci(parse(code)) for name in locus.alleles}


@pytest.mark.parametrize(("name", "statements"), CLOSED)
def test_what_is_hidden_is_left_alone(name: str, statements: str) -> None:
    assert name not in offered(statements)


@pytest.mark.parametrize(("name", "statements"), OPEN)
def test_what_is_beside_it_is_found(name: str, statements: str) -> None:
    assert name in offered(statements)


def test_nothing_is_rewritten_where_lines_are_joined_in_a_word() -> None:
    assert offered("i = 1; n\\\nn = 3;") == set()
    assert "swap_statements" in offered("\n#define TWO 1 + \\\n  1\ni = 1; n = 3;")
