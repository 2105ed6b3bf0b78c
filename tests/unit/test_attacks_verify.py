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
    ("comment", CODE.replace("/* why */ ", "")),
    ("string", CODE.replace("\\n", "\n")),
    ("label", CODE.replace("out", "end")),
    ("field", CODE.replace("p->len", "p->size")),
    ("type", CODE.replace("struct s", "struct t")),
    ("call", CODE.replace("g(", "h(")),
    ("call", CODE.replace("return 7;", "g(0, 1); return 7;")),
    ("name", CODE.replace("int f", "int e")),
    ("name", CODE.replace("p->len = k", "p->len = z")),
    ("number", CODE.replace("7", "9")),
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
