"""Where macros, directives and odd C hide what a rewrite would change; and what stays open beside them."""

from __future__ import annotations

import pytest

from attacks.rewrite import rewrite_loci
from bench.syntax.csource import parse

BEHIND_ELSE = "\n#ifdef X\nif (a) { n++; } else\n#endif\n"
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
]
"""A rewrite and a place that it must leave alone."""
OPEN = [
    ("swap_if_else", "LIST_FOREACH(x, l) if (n) g(1); else g(2);"),
    ("swap_statements", "LIST_FOREACH(x, l) { i = 3; n = 4; }"),
    ("jump_to_else", "\n#ifdef X\nif (n) g(1); else\n#endif\ng(3); if (i) return 1; g(2);"),
    ("returns_to_ternary", "\n#ifdef X\ng(3);\n#else\nif (n) g(4);\n#endif\nif (i) return 1; return 2;"),
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
