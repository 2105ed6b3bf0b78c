"""Each rewrite where it applies, and where it must not: the failures counted in spec/attacks.md, 2.3 and 2.4."""

from __future__ import annotations

import pytest

from attacks.program import Program
from attacks.rewrite import rewrite_loci
from attacks.rewrites import REWRITES
from bench.csource import parse

BY_NAME = {rewrite.name: rewrite for rewrite in REWRITES}

SITES = [
    ("for_to_while", "for (i = 0; i < n; i++) { g(i); }", "{ i = 0; while (i < n) { g(i); i++; } }"),
    ("for_to_while", "for (int k = 0; ; ) g(k);", "{ int k = 0; while (1) { g(k); } }"),
    ("for_to_while", "for (;;) { while (n) continue; break; }", "{ while (1) { while (n) continue; break; } }"),
    ("while_to_for", "while (n > 3) n--;", "for (; n > 3; ) n--;"),
    ("swap_if_else", "if (n) i = 1; else i = 2;", "if (!(n)) { i = 2; } else { i = 1; }"),
    ("swap_if_else", "if (n) { i = 1; } else if (i) i = 2;", "if (!(n)) { if (i) i = 2; } else { i = 1; }"),
    ("invert_if", "if (n) i = 1;", "if (!(n)) { } else { i = 1; }"),
    ("add_braces", "if (n) i = 1;", "if (n) { i = 1; }"),
    ("add_braces", "do i++; while (i < n);", "do { i++; } while (i < n);"),
    ("remove_braces", "if (n) { i = 1; }", "if (n) i = 1;"),
    ("remove_braces", "if (n){i = 1;}else{i = 2;}", "if (n){i = 1;}else i = 2;"),
    ("swap_comparison", "g(i < n + 1);", "g(n + 1 > i);"),
    ("swap_comparison", "g(i < n < 2);", "g(2 > (i < n));"),
    ("swap_comparison", "g(s->len >= NULL);", "g(NULL <= s->len);"),
    ("swap_operands", "g(i-n+2);", "g(2+(i-n));"),
    ("swap_operands", "g(+i+n);", "g(n+ +i);"),
    ("prefix_increment", "i++;", "++i;"),
    ("postfix_increment", "--s->len;", "s->len--;"),
    ("increment_to_compound", "for (;; i--) break;", "for (;; i -= 1) break;"),
    ("increment_to_sum", "s->len++;", "s->len = s->len + 1;"),
    ("expand_assignment", "i -= n - 1;", "i = i - (n - 1);"),
    ("expand_assignment", "i <<= n;", "i = i << n;"),
    ("contract_assignment", "i = i * (n + 1);", "i *= (n + 1);"),
    ("split_declaration", "int a = 1, *b;", "int a = 1; int *b;"),
    ("parenthesise", "return i;", "return (i);"),
    ("unparenthesise", "return(i);", "return i;"),
    ("dead_do", "int a; g(a);", "int a; do { } while (0); g(a);"),
]

NO_SITES = [
    ("for_to_while", "for (i = 0; i < n; i++) { if (n) continue; g(i); }"),  # the update would be lost
    ("for_to_while", "for (i = 0; i < n; i++) { switch (n) { case 1: continue; } }"),
    ("for_to_while", "for (i = 0; i < n; i++) { int i = 3; g(i); }"),  # the update would count another i
    ("for_to_while", "for (i = 0; i < n; i++) { CHECK(i); }"),  # may hide a continue
    ("for_to_while", "for (i = 0; i < n; i++) { again: g(i); goto again; }"),
    ("for_to_while", "for (i = 0; /* up */ i < n; i++) { g(i); }"),  # the comment would be lost
    ("for_to_while", "switch (n) for (i = 0; i < n; i++) { case 1: g(i); }"),  # Duff
    ("swap_if_else", "if (n) i = 1; else /* c */ i = 2;"),  # the comment would be lost
    ("swap_if_else", "if (n) LOG(n); else i = 2;"),  # may be several statements
    ("swap_if_else", "if (n) { i = 1;\n#ifdef A\n} else {\n#endif\n i = 2; }"),
    ("invert_if", "if (n) i = 1; else i = 2;"),
    ("add_braces", "if (n) LOG(n);"),
    ("remove_braces", "if (n) { int k = 1; }"),
    ("remove_braces", "if (n) { if (i) g(1); } else g(2);"),  # the else would move
    ("remove_braces", "if (n) { g(1); /* why */ }"),
    ("remove_braces", "if (n) { LOG(n); }"),
    ("swap_comparison", "g(i++ < n);"),
    ("swap_comparison", "g(h(i) < n);"),
    ("swap_comparison", "g(i < LIMIT);"),  # may be `a ? b : c`
    ("swap_comparison", "assert(i < n);"),  # prints its text
    ("swap_comparison", "g((i) - n < 3 - (T)(n));"),  # no cast if T is a function
    ("swap_comparison", 'asm volatile("" : : "r"(i < n));'),
    ("swap_operands", "g(i - n);"),
    ("swap_operands", "volatile int v; g(v + n);"),
    ("swap_operands", "g(i && n);"),
    ("prefix_increment", "g(i++);"),  # the value is used
    ("prefix_increment", "g(({ n = 1; i++; }));"),
    ("increment_to_sum", "a[i++]++;"),
    ("increment_to_sum", "COUNT++;"),  # may be *p++
    ("postfix_increment", "++*p;"),
    ("expand_assignment", "*h(i) += 1;"),
    ("expand_assignment", "i += h(i);"),  # h may change i
    ("expand_assignment", "g(i += 1);"),
    ("contract_assignment", "i = n + i;"),
    ("contract_assignment", "i = i - n - 1;"),
    ("split_declaration", "struct { int x; } a, b;"),
    ("split_declaration", "for (int a = 0, b = 1; a < b; a++) ;"),
    ("parenthesise", "int a[] = TABLE;"),  # may be a list in braces
    ("parenthesise", 'char a[] = "x";'),
    ("unparenthesise", "return i;"),
    ("dead_if", ""),
]


def body(statements: str) -> str:
    return f"int f(int n, int i, int *p, int *a, struct s *s) {{ {statements} }}"


def rendered(name: str, statements: str) -> list[str]:
    source = parse(body(statements))
    program = Program(source, rewrite_loci(source, [BY_NAME[name]]))
    return [program.render([int(k == index) for k in range(len(program.loci))]) for index in range(len(program.loci))]


@pytest.mark.parametrize(("name", "before", "after"), SITES)
def test_applies(name: str, before: str, after: str) -> None:
    assert body(after) in rendered(name, before)


@pytest.mark.parametrize(("name", "statements"), NO_SITES)
def test_leaves_alone(name: str, statements: str) -> None:
    assert rendered(name, statements) == []


@pytest.mark.parametrize("name", ["dead_if", "dead_while", "dead_for", "dead_do"])
def test_dead_code_never_stands_between_switch_and_case(name: str) -> None:
    found = rendered(name, "switch (n) { case 1: g(1); }")
    assert len(found) == 1
    assert "{ case" in found[0].replace("switch (n) ", "")


def test_dead_code_takes_a_name_that_occurs_nowhere() -> None:
    (found,) = rendered("dead_if", "int spare = 1; g(spare);")
    assert "int unused_count = 0;" in found


def test_every_rewrite_has_a_site_and_a_refusal_here() -> None:
    shown = {name for name, _, _ in SITES} | {"dead_if", "dead_while", "dead_for", "dead_do"}
    assert shown == set(BY_NAME)


def test_nested_changes_compose() -> None:
    source = parse(body("for (i = 0; i < n; i++) { if (n) p[i] += 1; }"))
    names = ["for_to_while", "swap_comparison", "increment_to_compound", "add_braces", "expand_assignment"]
    program = Program(source, rewrite_loci(source, [BY_NAME[name] for name in names]))
    after = "{ i = 0; while (n > i) { if (n) { p[i] = p[i] + 1; } i += 1; } }"
    assert program.render([1] * len(program.loci)) == body(after)
