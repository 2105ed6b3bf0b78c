"""Each rewrite where it applies, what it writes, and that changes compose; refusals: test_rewrites_refusals.py."""

from __future__ import annotations

import pytest

from attacks.program import Program
from attacks.rewrite import rewrite_loci
from attacks.rewrites import REWRITES
from bench.syntax.csource import parse

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
    ("swap_operands", "g(i+0xfe);", "g(0xfe +i);"),
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
    ("for_to_do", "for (i = 0; i < n; i++) g(i);", "{ i = 0; if (i < n) do { g(i); i++; } while (i < n); }"),
    ("for_to_do", "for (;;) { break; }", "{ do { break; } while (1); }"),
    (
        "while_to_do",
        "while (n > 3) { if (i) continue; n--; }",
        "if (n > 3) do { if (i) continue; n--; } while (n > 3);",
    ),
    ("while_to_do", "if (i) while (n) n--; else g(1);", "if (i) { if (n) do { n--; } while (n); } else g(1);"),
    ("do_to_while", "do n--; while (g(n));", "while (1) { n--; if (!(g(n))) break; }"),
    ("merge_ifs", "if (n) if (i > 1) g(1);", "if ((n) && (i > 1)) g(1);"),
    ("merge_ifs", "if (n = i) { if (g(n), i) { g(1); } }", "if ((n = i) && (g(n), i)) { g(1); }"),
    ("split_if", "if (n && i++ && *p) g(1);", "if (n && i++) { if (*p) g(1); }"),
    ("split_if", "if ((n || i) && h(n)) g(1);", "if (n || i) { if (h(n)) g(1); }"),
    ("if_to_ternary", "if (n) i = 1; else { i = -n; }", "i = (n) ? 1 : -n;"),
    ("if_to_ternary", 'if (g(n)) return "a"; else return "b";', 'return (g(n)) ? "a" : "b";'),
    ("if_to_ternary", "if (n) s->a = i; else s->a = n;", "s->a = (n) ? i : n;"),
    ("ternary_to_if", "i = n ? 1 : g(n);", "if (n) { i = 1; } else { i = g(n); }"),
    ("ternary_to_if", "return (n > 1 ? p : NULL);", "if (n > 1) { return p; } else { return NULL; }"),
    ("ternary_to_if", "return n ? -1 : -2;", "if (n) { return -1; } else { return -2; }"),
    ("returns_to_ternary", "if (n) { return 1; } return g(n);", "return (n) ? 1 : g(n);"),
    ("jump_to_else", "if (n) return 1; g(n); return 2;", "if (n) { return 1; } else { g(n); return 2; }"),
    (
        "jump_to_else",
        "for (;;) { if (n) { g(1); break; } int k; g(k); }",
        "for (;;) { if (n) { g(1); break; } else { int k; g(k); } }",
    ),
    ("else_to_jump", "if (n) return 1; else { g(n); g(2); } g(3);", "if (n) return 1; g(n); g(2); g(3);"),
    (
        "else_to_jump",
        "if (n) goto out; else { int k = 1; g(k); } out: ;",
        "if (n) goto out; { int k = 1; g(k); } out: ;",
    ),
    ("else_to_jump", "if (n) return 1; else if (i) g(1); else g(2);", "if (n) return 1; if (i) g(1); else g(2);"),
    (
        "switch_to_ifs",
        "switch (n & 3) { case 1: g(1); break; default: g(0); break; case 2: case 'a': { int k = 1; return k; } }",
        "if ((n & 3) == 1) { g(1); } else if ((n & 3) == 2 || (n & 3) == 'a') { int k = 1; return k; } else { g(0); }",
    ),
    ("switch_to_ifs", "switch (n) { case 1: { g(1); } g(2); }", "if (n == 1) { { g(1); } g(2); }"),
    ("switch_to_ifs", "if (i) switch (n) { case 1: g(1); } else g(2);", "if (i) { if (n == 1) { g(1); } } else g(2);"),
    (
        "ifs_to_switch",
        "if (n == 1) g(1); else if (2 == n || n == -3) { g(2); } else if (i) g(3);",
        "switch (n) { case 1: { g(1); } break; case 2: case -3: { g(2); } break; default: { if (i) g(3); } break; }",
    ),
    ("array_to_pointer", "g(p[n + 1]);", "g(*(p + (n + 1)));"),
    ("array_to_pointer", "p[i]++;", "(*(p + i))++;"),
    ("array_to_pointer", "g(n/p[i]);", "g(n/(*(p + i)));"),
    ("array_to_pointer", "s->m[i].x = &p[1];", "(*(s->m + i)).x = &p[1];"),
    ("pointer_to_array", "return*(p + i);", "return p[i];"),
    ("pointer_to_array", "g(*(2 + p + i), *(3 + p));", "g((2 + p)[i], *(3 + p));"),
    ("pointer_to_array", "g(*(3 + p));", "g(p[3]);"),
    ("unfold_sum", "p[n] = 8;", "p[n] = (7 + 1);"),
    ("unfold_product", "char c[12];", "char c[(6 * 2)];"),
    ("fold_constant", "n = i + 4 * 3;", "n = i + 12;"),
    ("fold_constant", "n = 1 << 30;", "n = 1073741824;"),
    ("merge_declarations", "int a = 1; int *b, c; g(a);", "int a = 1, *b, c; g(a);"),
    ("split_initialisation", "const char *q = p + 1; g(q);", "const char *q; q = p + 1; g(q);"),
    ("join_initialisation", "struct s t; t = *s; g(t);", "struct s t = *s; g(t);"),
    ("spell_type", "unsigned a; g(a);", "unsigned int a; g(a);"),
    ("spell_type", "g((unsigned long int) n);", "g((unsigned long) n);"),
    ("swap_statements", "i = 1; n += p[2];", "n += p[2]; i = 1;"),
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


@pytest.mark.parametrize("name", ["dead_if", "dead_while", "dead_for", "dead_do"])
def test_dead_code_never_stands_between_switch_and_case(name: str) -> None:
    found = rendered(name, "switch (n) { case 1: g(1); }")
    assert len(found) == 1
    assert "{ case" in found[0].replace("switch (n) ", "")


def test_dead_code_takes_a_name_that_occurs_nowhere() -> None:
    (found,) = rendered("dead_if", "int spare = 1; g(spare);")
    assert "int unused_count = 0;" in found


def test_every_rewrite_has_a_site_here() -> None:
    shown = {name for name, _, _ in SITES} | {"dead_if", "dead_while", "dead_for", "dead_do"}
    assert shown == set(BY_NAME)


def test_nested_changes_compose() -> None:
    source = parse(body("for (i = 0; i < n; i++) { if (n) p[i] += 1; }"))
    names = ["for_to_while", "swap_comparison", "increment_to_compound", "add_braces", "expand_assignment"]
    program = Program(source, rewrite_loci(source, [BY_NAME[name] for name in names]))
    after = "{ i = 0; while (n > i) { if (n) { p[i] = p[i] + 1; } i += 1; } }"
    assert program.render([1] * len(program.loci)) == body(after)
