"""Data flow of small functions, by hand: each line is an occurrence, what it comes from, what it is computed from."""

import pytest

from bench.syntax.csource import parse
from bench.syntax.dataflow import data_flow

GOLDEN = {
    "initialiser and compound assignment": (
        "int f(int a) { int b = a + 1; b += a; return b; }",
        "a:: b::2 a:0: b:1:4 a:0: b:3:",
    ),
    "an assignment's value is its left side": (
        "void f(int a) { int b, c; c = b = a; g(c, b); }",
        "a:: c::2 b::3 a:0: c:1: b:2:",
    ),
    "a loop carries values to its beginning": (
        "void f(int n) { int i; for (i = 0; i < n; i++) { g(i); } }",
        "n:: i:: i:1,4: n:0: i:1: i:1,4:",
    ),
    "a loop of two statements": (
        "int f(int n) { int a = 0, b = 0; while (n--) { a = b; b = n; } return a; }",
        "n:: a:: b:: n:0: a::5 b:2,6: b::7 n:3: a:1,4:",
    ),
    "a condition that assigns is left with what it assigned": (
        "int f(int c) { while ((c = g())) c = 1; return c; }",
        "c:: c:0:",  # the others are isolated
    ),
    "a loop without a condition is left by break": (
        "int f(int c) { for (;;) { c++; if (h()) break; c = 2; } return c; }",
        "c:: c:0,2: c:: c:1:",
    ),
    "a do loop runs at least once": (
        "int f(int n) { int a; do { a = n; } while (a); return a; }",
        "n:: a::2 n:0: a:1: a:1:",
    ),
    "branches meet": (
        "int f(int c) { int x = 0; if (c) x = 1; else x = 2; return x; }",
        "c:: c:0: x:: x:: x:2,3:",
    ),
    "one that returns meets nothing": (
        "int f(int c) { int x = 0; if (c) { x = 1; return x; } return x; }",
        "c:: x:: c:0: x:: x:3: x:1:",
    ),
    "break takes its values along, continue does too": (
        "int f(int c) { int x = 0; while (c) { if (g()) { x = 1; break; } x = 2; if (c) continue; x = 3; } return x; }",
        "c:: x:: c:0: x:: x:: c:0: x:: x:1,3,4,6:",
    ),
    "a switch falls through and may do nothing": (
        "int f(int c) { int x = 0; switch (c) { case 1: x = 1; case 2: x += c; break; } return x; }",
        "c:: x:: c:0: x:: x:1,3:5 c:0: x:1,4:",
    ),
    "what is written through a pointer is a change": (
        "int f(int *p, int i) { p[i] = i; *p = 0; p->x = 1; return p[0]; }",
        "p:: i:: p:0:4 i:1: i:1: p:2: p:5: p:6:",
    ),
    "an address may be written to": (
        "int f(void) { int x; g(&x); return x; }",
        "x:: x:0: x:1:",
    ),
    "inner names hide outer ones": (
        "int f(int c) { int x = 1; { int x = c; g(x); } return x; }",
        "c:: x:: x::3 c:0: x:2: x:1:",
    ),
    "goto forwards": (
        "int f(int c) { int x = 0; if (c) goto out; x = 1; out: return x; }",
        "c:: x:: c:0: x:: x:1,3:",
    ),
    "what stands behind a jump sets nothing, but hangs together": (
        "int f(int n) { goto out; n = 2; g(n); out: return n; }",
        "n:: n:: n:1: n:0:",
    ),
    "a break leaves inner names behind": (
        "int f(int c) { int x = 1; while (c) { int x = 2; if (g()) { int x = 3; break; } } return x; }",
        "c:: x:: c:0: x:1:",
    ),
    "a break from a switch does, too": (
        "int f(int c) { int x = 1; switch (c) { default: { int x = c; g(x); break; } } return x; }",
        "c:: x:: c:0: x::4 c:0: x:3: x:1:",
    ),
    "a continue leaves inner names behind": (
        "int f(int c) { int x = 1; do { int x = 2; if (g()) continue; c = x; } while (x); return x; }",
        "x:: x:: c::3 x:1: x:0: x:0:",
    ),
    "a continue leaves names to the update of a for": (
        "void f(int i) { for (;; h(i)) { int i = 2; if (g()) { int i = 3; continue; } g(i); } }",
        "i:: i:0: i:: i:2:",
    ),
    "a goto leaves inner names behind": (
        "int f(int c) { int x = 1; { int x = 2; { int x = c; if (g(x)) goto out; } c = x; } out: return x; }",
        "c:: x:: x:: x::4 c:0: x:3: c::7 x:2: x:1:",
    ),
    "a goto takes along what it did not leave": (
        "int f(int c) { int x = 1, y; { int y = 2; x = y; if (c) goto out; int x = 3; g(x); } x = 4; out: return x; }",
        "c:: y:: x::3 y:1: c:0: x:: x:5: x:: x:2,7:",
    ),
    "a goto over a declaration, and a case behind one, find it empty": (
        "int f(int c) { int x = c; { if (c) goto a; int x = 1; a: g(x); } "
        "switch (c) { int x; case 1: g(x); } return x; }",
        "c:: x::2 c:0: c:0: x:: x:4: c:0: x:: x:7: x:1:",
    ),
    "either side of a directive": (
        "int f(void) { int x;\n#ifdef A\nx = 1;\n#else\nx = 2;\n#endif\nreturn x; }",
        "x:: x:: x:0,1:",
    ),
    "globals, callees, fields, labels, types and tags": (
        "int f(struct s *q) { s: g(q->s + total); return total + (int)sizeof(struct s); }",
        "q:: q:0: total:: total:2:",
    ),
    "pointers to functions are variables, prototypes are not": (
        "int f(int (*get)(int a)) { int h(int get); return get(1) + h(2); }",
        "get:: get:0:",
    ),
}


def told(code: str) -> str:
    def joined(numbers):
        return ",".join(map(str, numbers))

    return " ".join(f"{v.name}:{joined(v.comes_from)}:{joined(v.computed_from)}" for v in data_flow(parse(code)))


@pytest.mark.parametrize("name", GOLDEN)
def test_the_flow_of(name):
    code, wanted = GOLDEN[name]
    assert told(code) == wanted


def test_isolated_names_are_no_nodes_and_sources_are_both_kinds_once():
    assert told("int f(int unused) { return 1; }") == ""
    flow = data_flow(parse("void f(int a) { a += a; }"))
    assert [one.sources for one in flow] == [(), (0, 2), (0,)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(", ")"),
        ("{", "}"),
        ("if(a){", "}"),
        ("while(a){", "}"),
        ("a=", ""),
        ("*", ""),
        ("f(", ")"),
        ("a?a:", ""),
        ("{", ""),
    ],
)
def test_deep_programs_are_walked_without_recursion(before, after):
    code = "int f(int a){" + before * 1500 + "a;" + after * 1500 + "}"
    flow = data_flow(parse(code))
    assert all(source < len(flow) for one in flow for source in one.sources)


def test_a_value_comes_from_a_bounded_number_of_places():
    code = "int f(int a){ int x;" + "if(a) x=1; else " * 300 + "x=2; return x;}"
    assert len(data_flow(parse(code))[-1].comes_from) == 128
