"""The tree: any text parses, positions are characters, tokens are counted."""

from __future__ import annotations

import pytest

from bench.syntax.csource import parse, tokens, tokens_changed

HOSTILE = [
    "",
    "\n",
    "int f(",
    "}" * 50,
    "(" * 9000,
    "int f(){" + "{" * 9000,
    "\udcff\ud800",
    "å = 'ß';",
    "a\0b",
    "\r\n\t",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_parses_and_nodes_nest(text: str) -> None:
    source = parse(text)
    for node in source.nodes:
        assert source.below(node)[0] is node
        assert all(node.start <= child.start and child.end <= node.end for child in node.children)


def test_positions_are_characters() -> None:
    source = parse("/* åß€😀 */ int name;")
    (name,) = (node for node in source.nodes if node.kind == "identifier")
    assert source.words(name) == "name"


def test_tokens_are_whole() -> None:
    assert tokens(parse('int f(){return "a \\n b" /*x*/ + 1;}'))[6:8] == ['"a \\n b"', "+"]


def test_share_of_changed_tokens() -> None:
    a, b, c = (parse(text) for text in ("int a = b;", "int c = b;", "int a = b; int d;"))
    assert tokens_changed(a, a) == 0
    assert tokens_changed(a, b) == pytest.approx(1 / 5)
    assert tokens_changed(a, c) == pytest.approx(3 / 13)
    assert tokens_changed(parse(""), parse("")) == 0
