"""What verify refuses: the invalid successes of released attacks (spec/attacks.md, 4)."""

from __future__ import annotations

import pytest

from attacks.verify import verify

CODE = (
    'int f(struct s *p, int n) { int k = n; p->len = k; /* why */ if (k > 7) goto out; g("a\\n", n); out: return 7; }'
)

REFUSED = [
    ("parses worse", CODE.replace("k = n;", "k = n")),
    ("comment", CODE.replace("why", "how")),
    ("comment", CODE.replace("/* why */", "/* why */ /* safe */")),
    ("comment", CODE.replace("/* why */", "/* why */ /* why */")),
    ("string", CODE.replace("\\n", "\n")),
    ("label", CODE.replace("out", "end")),
    ("field", CODE.replace("p->len", "p->size")),
    ("type", CODE.replace("struct s", "struct t")),
    ("call", CODE.replace("g(", "h(")),
    ("call", CODE.replace("return 7;", "g(0, 1); return 7;")),
    ("name", CODE.replace("int f", "int e")),
    ("name", CODE.replace("p->len = k", "p->len = z")),
    ("number", CODE.replace("7", "9")),
    ("number", CODE.replace("7", "(7 + 1)")),
    ("number", CODE.replace("7", "7u")),
    ("type", CODE.replace("int k", "long k")),
    ("type", CODE.replace("int k", "unsigned k")),
    ("locals merged", CODE.replace("k", "n").replace("int n = n", "int n = 1")),
]


@pytest.mark.parametrize(("reason", "program"), REFUSED)
def test_refuses(reason: str, program: str) -> None:
    assert reason in verify(CODE, program)


def test_accepts_renaming_and_rewriting() -> None:
    assert verify(CODE, CODE) == ""
    assert (
        verify(
            CODE,
            CODE.replace("k", "total").replace("if (total > 7)", "if (0) { int spare = 0; spare++; } if (7 < total)"),
        )
        == ""
    )


def test_a_local_may_be_called_like_dead_code() -> None:
    assert verify("int f(int spare) { return spare; }", "int f(int b) { int filler = 0; return b; }") == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("int f(void) { return 8; }", "int f(void) { return (7 + 1); }"),
        ("int f(void) { return 1 << 16; }", "int f(void) { return 65536; }"),
        ("int f(void) { return 2 * (30 + 30); }", "int f(void) { return (1 + 1) * 60; }"),
        ("int f(void) { return -8 - 3; }", "int f(void) { return (-(8)) - (2 + 1); }"),
        ("unsigned f(long int x) { return x; }", "unsigned int f(long x) { return x; }"),
        ("int f(void) { return 1; /* why */ }", "int f(void) { return 1; }"),
        ("int f(void) { return 1; }", "int f(void) { /* next step */ return 1; }"),
    ],
)
def test_accepts_what_the_declared_rewrites_change(before: str, after: str) -> None:
    assert verify(before, after) == ""


def test_refuses_to_lose_a_comment_that_a_tool_reads() -> None:
    code = "int f(int n) { switch (n) { case 1: n++; /* fall through */ case 2: n++; } return n; }"
    assert "comment" in verify(code, code.replace("/* fall through */", ""))


def test_a_constant_is_compared_by_value_and_not_by_its_parts() -> None:
    assert "number" in verify("int f(void) { return 3 + 4; }", "int f(void) { return 3 * 4; }")
    assert "number" in verify("int f(int n) { return n + 3 + 4; }", "int f(int n) { return n + (3 + 4); }")


def test_the_locals_of_dead_code_are_known_beside_a_macro_that_may_read_all_others() -> None:
    code = "int f(int a) { CHECK(); return a; }"
    assert verify(code, code.replace("CHECK", "if (0) { int spare = 0; spare++; } CHECK")) == ""
    assert verify(code, "int f(int b) { CHECK(); return b; }") != ""
