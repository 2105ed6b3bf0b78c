"""Further inputs for a sample that can be run: its driver with other numbers and texts, drawn by a seed.

A driver asks a function for a few values only, and a program that has `<=` for `<` may answer those alike. Comparisons
turn at the constants of the program, so the inputs lie on and beside those, and beside the driver's own; programs of
one file, one input each, chosen by the argument of the command line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from bench.rng import stream
from bench.syntax.cscope import functions
from bench.syntax.csource import Node, Source, parse
from bench.types import Sample

COUNT, ALONE = 64, 48
"""Inputs a sample, each run for both programs, and how many of them at most differ from the driver in one literal."""
_MAIN = re.compile(r"int\s+main\s*\(\s*(void)?\s*\)")
_CHOOSE = """
#include <stdlib.h>
int main(int count, char **given)
{{
    switch (count > 1 ? atoi(given[1]) : 0) {{
{}    }}
    return 0;
}}
"""
_VALUES = frozenset(
    {"argument_list", "initializer_list", "init_declarator", "assignment_expression", "unary_expression"}
)
"""Where a literal is a value; elsewhere it may be the size of an array."""
_WIDEST = 2**31 - 1


def variants(sample: Sample) -> tuple[str, int]:
    """Return a driver that does as its argument says, 1 to n, and n.

    The sample's own and 0 where its `main` takes arguments or gives nothing that could be varied; what stands beside
    `main` stays.
    """
    source = parse(sample.driver)
    main = next((node for node in functions(source) if _MAIN.match(source.words(node))), None)
    places = (
        [] if main is None else [node for node in source.below(main) if node.parent and node.parent.kind in _VALUES]
    )
    given = [node for node in places if _is_number(source, node) or _is_text(source, node)]
    if main is None or not given:
        return sample.driver, 0
    rng = stream(0, "inputs", sample.id)
    turns = _beside({*_numbers(parse(sample.code)), *_numbers(source)})
    single = [(node, value) for node in given if _is_number(source, node) for value in turns]
    kept = [single[i] for i in rng.permutation(len(single))[:ALONE]]
    alone = [{node.start: _as(source, node, value)} for node, value in kept]
    joint = [{node.start: _drawn(source, node, turns, rng) for node in given} for _ in range(COUNT - len(alone))]
    texts = [_written(source, main, given, words) for words in (*alone, *joint)]
    cases = "".join(f"    case {k}: return input_of_moekd_{k}();\n" for k in range(1, len(texts) + 1))
    named = [_MAIN.sub(f"static int input_of_moekd_{k}(void)", text, count=1) for k, text in enumerate(texts, 1)]
    before, after = source.text[: main.start], source.text[main.end :]
    return "\n".join((before, *named, after)) + _CHOOSE.format(cases), len(texts)


def _numbers(source: Source) -> list[int]:
    return [
        int(source.words(node)) for node in source.nodes if _is_number(source, node) and node.kind != "string_literal"
    ]


def _is_number(source: Source, node: Node) -> bool:
    """Whether a literal is a decimal number, or a text that is one."""
    words = source.words(node)
    digits = words[1:-1] if node.kind == "string_literal" else words if node.kind == "number_literal" else ""
    return digits.isdecimal() and digits.isascii() and not (len(digits) > 1 and digits[0] == "0")


def _is_text(source: Source, node: Node) -> bool:
    return node.kind == "string_literal" and source.words(node)[1:-1].isalnum()


def _beside(numbers: set[int]) -> list[int]:
    """Return every number, and what lies right below and above."""
    near = {number + step for number in numbers for step in (-1, 0, 1)}
    return sorted(number for number in near if 0 <= number <= _WIDEST)


def _as(source: Source, node: Node, value: int) -> str:
    return f'"{value}"' if node.kind == "string_literal" else str(value)


def _drawn(source: Source, node: Node, turns: Sequence[int], rng: np.random.Generator) -> str:
    """Draw what takes a literal's place: a number where comparisons turn or a small one, a text of another length."""
    if rng.random() < 1 / 3:
        return source.words(node)
    if _is_number(source, node):
        return _as(source, node, turns[int(rng.integers(len(turns)))] if rng.random() < 0.5 else int(rng.integers(16)))
    inner = source.words(node)[1:-1]
    length = int(rng.integers(2 * len(inner) + 4))
    return '"' + (inner * (length // len(inner) + 1))[:length] + '"'


def _written(source: Source, main: Node, given: Sequence[Node], words: dict[int, str]) -> str:
    text = source.text[: main.end]
    for node in sorted(given, key=lambda node: -node.start):
        text = text[: node.start] + words.get(node.start, source.words(node)) + text[node.end :]
    return text[main.start :]
