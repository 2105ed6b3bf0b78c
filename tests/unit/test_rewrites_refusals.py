"""Where each rewrite must leave a program alone: the failures counted in spec/attacks.md, 2.3 and 2.4."""

from __future__ import annotations

import pytest

from attacks.places import Places
from attacks.program import Program
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from bench.syntax.csource import parse

BY_NAME = {rewrite.name: rewrite for rewrite in REWRITES}

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
    ("increment_to_compound", "g(i++);"),
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
    ("for_to_do", "for (i = 0; i < n; i++) { if (n) continue; g(i); }"),  # the update would be lost
    ("for_to_do", "for (i = 0; h(i); i++) { g(i); }"),  # calls are counted
    ("while_to_for", "while (/* c */ n) n--;"),
    ("while_to_do", "while (h(n)) n--;"),
    ("while_to_do", "while (n) LOG(n);"),  # may be several statements
    ("while_to_do", "while (WAITING) n--;"),
    ("do_to_while", "do { if (n) continue; n--; } while (n);"),  # the test would be missed
    ("do_to_while", "do { int n = 1; g(n); } while (n);"),  # another n
    ("do_to_while", "do { CHECK(n); } while (n);"),
    ("merge_ifs", "if (n) { if (i) g(1); else g(2); }"),
    ("merge_ifs", "if (n) { if (i) g(1); } else g(2);"),
    ("merge_ifs", "if (n) { if (i) g(1); g(2); }"),
    ("merge_ifs", "if (n) { /* why */ if (i) g(1); }"),
    ("split_if", "if (n && i) g(1); else g(2);"),
    ("split_if", "if (n || i) g(1);"),
    ("split_if", "if (READY && i) g(1);"),  # may be `a || b`
    ("split_if", "if (n && i) LOG(n);"),
    ("if_to_ternary", "if (n) i = h(1); else i = h(2);"),  # one may be unsigned, the other negative
    ("if_to_ternary", "if (n) i = 1; else p[0] = 1;"),
    ("if_to_ternary", "if (n) *h(n) = 1; else *h(n) = 2;"),
    ("if_to_ternary", "if (h(n)) p[i] = 1; else p[i] = 2;"),  # h may change i
    ("if_to_ternary", "if (n) i += 1; else i += 2;"),
    ("if_to_ternary", "if (n) i = 1; else i = VALUE;"),
    ("if_to_ternary", "if (n) return; else return;"),
    ("if_to_ternary", "unsigned u; long l; if (n) l = i; else l = u;"),  # -1 would become large
    ("ternary_to_if", "l = n ? -1 : s->count;"),
    ("ternary_to_if", "l = n ? 33554433 : s->count;"),  # a float would round it
    ("ternary_to_if", "g(n ? 1 : 2);"),
    ("ternary_to_if", "g(({ i = n ? 1 : 2; }));"),
    ("ternary_to_if", "i = n ?: 1;"),
    ("ternary_to_if", "i = /* c */ n ? 1 : 2;"),
    ("ternary_to_if", "p[i] = h(n) ? 1 : 2;"),
    ("returns_to_ternary", "if (n) return h(1); return h(2);"),
    ("returns_to_ternary", "if (n) return 1; /* else */ return 2;"),
    ("returns_to_ternary", "if (n) return 1; out: return 2;"),
    ("jump_to_else", "if (n) return 1;"),
    ("jump_to_else", "if (n) g(1); g(2);"),
    ("jump_to_else", "if (n) return 1; else g(1); g(2);"),
    ("jump_to_else", "if (n) return 1; g(1); out: g(2);"),
    ("jump_to_else", "if (n) return 1; END_BLOCK; g(2);"),
    ("jump_to_else", "if (n) return 1;\n#ifdef A\ng(2);\n#endif\n"),
    ("jump_to_else", "i = ({ if (n) return 1; i; });"),  # the value would be lost
    ("jump_to_else", "switch (n) { if (n) break; case 1: g(1); }"),
    ("else_to_jump", "if (n) g(1); else g(2);"),
    ("else_to_jump", "if (i) if (n) return 1; else g(2);"),  # no block around
    ("else_to_jump", "if (n) return 1; else LOG(n);"),
    ("switch_to_ifs", "switch (n) { case 1: g(1); case 2: g(2); break; }"),  # falls through
    ("switch_to_ifs", "switch (h(n)) { case 1: g(1); break; }"),
    ("switch_to_ifs", "switch (n) { case SOME: g(1); break; }"),  # may be a long
    ("switch_to_ifs", "switch (n) { case 0xffffffff: g(1); break; }"),
    ("switch_to_ifs", "switch (n) { case 1: if (i) break; g(1); break; }"),
    ("switch_to_ifs", "switch (n) { case 1: while (i) { case 2: i--; } break; }"),
    ("switch_to_ifs", "switch (n) { case 1: g(1); break; /* 2 */ case 2: g(2); }"),
    ("switch_to_ifs", "switch (n) { case 1: int k; break; case 2: k = 1; g(k); }"),
    ("switch_to_ifs", "switch (n) { case 1: out: g(1); break; }"),
    ("switch_to_ifs", "switch (n) { default: g(1); }"),
    ("switch_to_ifs", "switch (n) { case 3: default: g(1); }"),
    ("switch_to_ifs", "switch (n) { case 1: CHECK(n); break; }"),
    ("ifs_to_switch", "if (n == 1) g(1); else if (n == 1) g(2);"),  # the same label twice
    ("ifs_to_switch", "if (n == 1) g(1); else if (i == 2) g(2);"),
    ("ifs_to_switch", "if (m == 1) g(1); else if (m == 2) g(2);"),  # may be no integer
    ("ifs_to_switch", "double n; if (n == 1) g(1); else if (n == 2) g(2);"),
    ("ifs_to_switch", "if (p == 1) g(1); else if (p == 2) g(2);"),
    ("ifs_to_switch", "for (;;) { if (n == 1) break; else if (n == 2) g(2); }"),
    ("ifs_to_switch", "if (n == 1) g(1); else g(2);"),
    ("ifs_to_switch", "if (n == A) g(1); else if (n == B) g(2);"),
    ("array_to_pointer", "int q[4]; g(q[i]);"),  # its bound is known
    ("array_to_pointer", "g(TABLE[i]);"),
    ("array_to_pointer", "g((T)p[i], sizeof(p[i]));"),
    ("array_to_pointer", "register int k; g(p[k]);"),
    ("array_to_pointer", "CHECK(p[i]);"),
    ("pointer_to_array", "g(*(p - i), *p);"),
    ("pointer_to_array", "int q[4]; g(*(q + i));"),
    ("pointer_to_array", "g((T) *(p + i));"),  # may be a product
    ("pointer_to_array", "g(*(p /* c */ + i));"),
    ("unfold_sum", "n = 0; n = 1; n = 010; n = 0x8; n = 8u; n = 2147483648; n = -8;"),
    ("unfold_sum", "n = (T) 8; n = INT64_C(8); n = sizeof 8;"),
    ("unfold_sum", "GLUE(x, 8);"),
    ("unfold_sum", "n = '8'; g(\"8\");\n#if 8\n#endif\n"),
    ("unfold_product", "n = 2; n = 7;"),
    ("fold_constant", "n = 2147483647 + 1; n = 1 << 31; n = 3 - 3; n = 7 / 2; n = i + 1;"),
    ("merge_declarations", "int a; long b;"),
    ("merge_declarations", "int a; /* c */ int b;"),
    ("merge_declarations", "PAIR a; PAIR b;"),  # may be `char *`
    ("merge_declarations", "struct { int x; } a; struct { int x; } b;"),
    ("merge_declarations", "static int a; int b;"),
    ("merge_declarations", "int a(void); int b;"),
    ("split_declaration", "PAIR a, b;"),
    ("split_initialisation", "const int a = 1; char *const b = p; g(a);"),
    ("split_initialisation", "static int a = 1; g(a);"),
    ("split_initialisation", "int a[] = {1}; g(a);"),
    ("split_initialisation", "struct s t = *s; g(t);"),  # may have constant members
    ("split_initialisation", "int a = 1; int b; g(a);"),
    ("split_initialisation", "switch (n) { int a = 1; case 1: g(a); }"),
    ("split_initialisation", "for (int a = 1; a; a--) g(a);"),
    ("split_initialisation", "int a = START; g(a);"),  # may be a list in braces
    ("join_initialisation", "int a; g(a); a = 1;"),
    ("join_initialisation", "int a; i = 1;"),
    ("join_initialisation", "static int a; a = 1;"),
    ("join_initialisation", "int a; a += 1;"),
    ("join_initialisation", "int a; /* c */ a = 1;"),
    ("join_initialisation", "int a; out: a = 1; goto out;"),
    ("spell_type", "int a; unsigned char b; long double c; signed int d; size_t e;"),
    ("swap_statements", "i = n; n = 1;"),
    ("swap_statements", "i = 1; i = 2;"),
    ("swap_statements", "i = 1; *p = 2;"),
    ("swap_statements", "i = 1; n = h(1);"),
    ("swap_statements", "p = &i; i = 1; n = *p;"),  # its address is known
    ("swap_statements", "i = 1; global = 2;"),
    ("swap_statements", "static int k; i = 1; k = 2;"),
    ("swap_statements", "i = 1; /* then */ n = 2;"),
    ("swap_statements", "volatile int v; i = 1; n = 2;"),
    ("swap_statements", "SCAN(i); i = 1; n = 2;"),
    ("swap_statements", "g(({ i = 1; n = 2; }));"),
    ("dead_while", ""),
    ("dead_for", ""),
    ("dead_do", ""),
    ("swap_statements", "struct s v = *s; int *q = v.a; int x = 0; v = *s; x = q[0];"),  # q looks into v
    ("swap_if_else", "if (n) i = 1;\nelse i = 2; g(__LINE__);"),  # the line would be another
    ("split_initialisation", 'name_t k = "abc";'),  # may be an array
    ("split_initialisation", "typedef const int size_t; size_t k = 1;"),
    ("for_to_while", "for (i = 0; i < n; i += N) { enum { N = 3 }; g(N); }"),  # the update would add another N
]


def body(statements: str) -> str:
    return f"int f(int n, int i, int *p, int *a, struct s *s) {{ {statements} }}"


@pytest.mark.parametrize(("name", "statements"), NO_SITES)
def test_leaves_alone(name: str, statements: str) -> None:
    source = parse(body(statements))
    program = Program(source, rewrite_loci(source, [BY_NAME[name]]))
    assert [
        program.render([1 if k == i else 0 for k in range(len(program.loci))]) for i in range(len(program.loci))
    ] == []


def test_every_rewrite_has_a_refusal_here() -> None:
    assert {name for name, _ in NO_SITES} == set(BY_NAME)


def test_no_operator_is_made_with_what_stands_before_an_operand() -> None:
    source = parse(body("i = n&p==&i;"))
    program = Program(source, rewrite_loci(source, [BY_NAME["swap_comparison"]]))
    assert "n& &i==p" in program.render([1] * len(program.loci))


def test_a_bare_enum_keeps_its_block() -> None:
    source = parse(body("if (n) return 7; else { enum { N = 5 }; i = N; } return i + N;"))
    program = Program(source, rewrite_loci(source, [BY_NAME["else_to_jump"]]))
    assert "return 7; { enum { N = 5 }; i = N; } return i + N;" in program.render([1])


def test_the_else_of_an_outer_if_stays_its_own_behind_a_case_without_a_block() -> None:
    source = parse(body("if (i) switch (n) case 1: while (i > 0) i--; else n = 9;"))
    program = Program(source, rewrite_loci(source, [BY_NAME["while_to_do"]]))
    assert "case 1: { if (i > 0) do { i--; } while (i > 0); } else n = 9;" in program.render([1])


DIRECTIVES = """int f(struct s *a) {
    if (a[0].x || (a[0].y != P &&
#if X
        a[1].y != Q &&
#endif
        a[2].y != R)) { a[3].z = 0; }
    return a[4].z;
}
"""


def test_an_expression_that_holds_a_directive_is_left_alone() -> None:
    places = Places(parse(DIRECTIVES))
    assert [places.source.words(node) for node in places.of("subscript_expression")] == ["a[3]", "a[4]"]


def test_no_comment_is_put_where_it_would_end_one_that_never_ends() -> None:
    code = "int f(int a) {\n    a = 1;\n    /* never closed\n    a = 2;\n    return a;\n}\n"
    offered = [locus.alleles for locus in rewrite_loci(parse(code), LAYOUT)]
    assert not any(name.startswith("insert_comment") for alleles in offered for name in alleles)
    closed = [locus.alleles for locus in rewrite_loci(parse(code.replace("closed", "closed */")), LAYOUT)]
    assert any(name.startswith("insert_comment") for alleles in closed for name in alleles)
