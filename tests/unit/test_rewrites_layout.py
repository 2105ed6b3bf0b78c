"""Comments and white space: what each change writes, and where none is allowed."""

from __future__ import annotations

import pytest

from attacks.program import Program
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from attacks.verify import verify
from bench.syntax.csource import parse, tokens

BY_NAME = {rewrite.name: rewrite for rewrite in LAYOUT}

SITES = [
    ("insert_comment_1", "{ g(n); }", "{ g(n); /* see above */ }"),
    ("insert_comment_2", "{ int k; g(k); }", "{ int k; /* next step */ g(k); }"),
    ("insert_comment_3", "{ if (n) g(n); }", "{ if (n) g(n); /* as before */ }"),
    ("remove_comment", "{ g(n); // why\n}", "{ g(n); \n}"),
    ("remove_comment", "{ g(n)/* why */; }", "{ g(n) ; }"),
    ("remove_comment", "{ int/**/k; }", "{ int k; }"),
    ("join_lines", "{\n    g(1);\n    g(2);\n}", "{\n    g(1); g(2);\n}"),
    ("join_lines", "{\n    g(1);\n}", "{ g(1);\n}"),
    ("part_lines", "{\n    g(1);\n    g(2);\n}", "{\n    g(1);\n\n    g(2);\n}"),
    ("indent_otherwise", "{\n        g(1);\n}", "{\n\t\tg(1);\n}"),
    ("indent_otherwise", "{\n\tg(1);\n}", "{\n    g(1);\n}"),
    ("brace_on_own_line", "{\n  if (n) {\n    g(1);\n  }\n}", "{\n  if (n)\n  {\n    g(1);\n  }\n}"),
    ("brace_on_own_line", "{ do{ g(1); } while (n); }", "{ do\n{ g(1); } while (n); }"),
    ("brace_on_same_line", "{ while (n)\n  {\n    g(1);\n  }\n}", "{ while (n) {\n    g(1);\n  }\n}"),
]

NO_SITES = [
    ("insert_comment_1", "{ if (n) g(n); else g(2); }", 1),
    ("insert_comment_1", "{ CHECK({ g(n); }); }", 1),
    ("insert_comment_1", "{ g(n);\n#define A \\\n 1\n }", 0),  # a line is continued
    ("insert_comment_1", "{ g(__LINE__); }", 0),
    ("remove_comment", "{ g(n); /* fall through */ }", 0),
    ("remove_comment", "{ g(n); // NOLINT\n}", 0),
    ("remove_comment", "{ CHECK(n /* so */); }", 0),  # prints its text
    ("remove_comment", '{ g("/* no */"); }', 0),
    ("join_lines", "{ g(1); // why\n g(2); }", 0),  # would be commented out
    ("join_lines", "{\n#ifdef A\n g(2);\n#endif\n g(1); }", 0),
    ("join_lines", "{ g(1); g(2); }", 0),
    ("part_lines", "{\n#ifdef A\n g(2);\n#endif\n g(1); }", 0),
    ("indent_otherwise", "{\n  g(1);\n}", 0),
    ("brace_on_own_line", "{ if (n) /* c */ { g(1); } }", 0),
    ("brace_on_own_line", "{ if (n)\n{ g(1); } }", 0),
    ("brace_on_same_line", "{ if (n) // c\n{ g(1); } }", 0),
]


def rendered(name: str, body: str) -> list[str]:
    source = parse(f"int f(int n)\n{body}\n")
    program = Program(source, rewrite_loci(source, [BY_NAME[name]]))
    return [program.render([int(k == index) for k in range(len(program.loci))]) for index in range(len(program.loci))]


@pytest.mark.parametrize(("name", "before", "after"), SITES)
def test_applies(name: str, before: str, after: str) -> None:
    assert f"int f(int n)\n{after}\n" in rendered(name, before)


@pytest.mark.parametrize(("name", "body", "places"), NO_SITES)
def test_leaves_alone(name: str, body: str, places: int) -> None:
    assert len(rendered(name, body)) == places


@pytest.mark.parametrize(("name", "before", "after"), SITES)
def test_no_token_changes(name: str, before: str, after: str) -> None:
    texts = rendered(name, before)
    assert [tokens(parse(text)) for text in texts] == [tokens(parse(f"int f(int n)\n{before}\n"))] * len(texts)
    assert [verify(f"int f(int n)\n{before}\n", text) for text in texts] == [""] * len(texts)


def test_every_change_of_layout_is_shown_here_and_none_is_a_rewrite() -> None:
    assert {name for name, _, _ in SITES} == set(BY_NAME)
    assert not set(BY_NAME) & {rewrite.name for rewrite in REWRITES}
