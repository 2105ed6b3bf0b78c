"""What declarations in sight say, and when they say nothing."""

from __future__ import annotations

import pytest

from attacks.declared import Declarations
from bench.syntax.csource import Node, Source, parse

USES = [
    ("int f(int n) { return n; }", True),
    ("int f(void) { unsigned long n = 2; return n; }", True),
    ("int f(void) { uint8_t n; return n; }", True),
    ("int f(void) { for (size_t n = 0; n; ) ; return 1; }", True),
    ("int f(n) int n; { return n; }", True),
    ("int f(void) { return n; }", False),
    ("int n; int f(void) { return n; }", False),  # says nothing: another file may know better
    ("int f(void) { { int n; } return n; }", False),  # another n
    ("int f(void) { return n; int n; }", False),
    ("int f(int n) { { double n; g(n); } return n; }", False),  # two of them
    ("int f(double n) { return n; }", False),
    ("int f(int *n) { return n; }", False),
    ("int f(bool n) { return n; }", False),
    ("int f(my_t n) { return n; }", False),
    ("int f(int (*g)(int n)) { return n; }", False),
    ("int g(int n) { return 1; } int f(void) { return n; }", False),
]


def last(source: Source, name: str) -> Node:
    return [node for node in source.nodes if node.kind == "identifier" and source.words(node) == name][-1]


@pytest.mark.parametrize(("code", "integer"), USES)
def test_a_name_is_an_integer_only_where_all_its_declarations_say_so(code: str, integer: bool) -> None:
    source = parse(code)
    uses = [node for node in source.nodes if source.words(node) == "n" and node.role in {"", "condition"}]
    assert Declarations(source).is_integer(uses[-1] if uses else last(source, "n")) == integer


def test_arrays_are_variables_and_members_but_no_parameters() -> None:
    code = "struct s { char m[4]; }; int f(int a[], int b[][2], char *c[]) { int d[3], *e; char (*g)[2]; return 1; }"
    assert Declarations(parse(code)).arrays == {"m", "b", "c", "d", "g"}


def test_names_are_alike_only_with_one_type() -> None:
    source = parse("int f(int a, int b, unsigned c, char *p, char *q, char *const r) { g(a, b, c, p, q, r); }")
    found = Declarations(source)
    alike = {x + y for x in "abcpqr" for y in "abcpqr" if x < y and found.are_alike(last(source, x), last(source, y))}
    assert alike == {"ab", "pq"}
