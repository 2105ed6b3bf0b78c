"""C files divided into functions, by tree-sitter: what a detector of vulnerable functions is shown, and where it lies.

A function is the text of its definition, from its return type to its closing brace, as in Devign; comments before it
and the rest of the file are left out. What the parser cannot make sense of is counted, because functions may hide
there. Left out: preprocessing; both branches of an `#if` are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.syntax.csource import Node, Source, parse

MOST_BYTES = 16_000_000
"""Of a file; SQLite's amalgamation, the largest one that people usually compile, has about 9 million."""
NAMES = frozenset({"identifier", "qualified_identifier", "field_identifier", "type_identifier"})


@dataclass(frozen=True)
class Function:
    """One function definition in a file."""

    path: str
    """As the user named the file."""
    name: str
    """Empty where the parser found none."""
    text: str
    first: int
    """Line of its first character, from 1."""
    last: int
    """Line of its closing brace."""


@dataclass(frozen=True)
class File:
    """A file that was looked at."""

    path: str
    functions: tuple[Function, ...]
    note: str
    """Why functions may be missing, in one line; empty where nothing is known to be."""


def divide(path: str, content: bytes) -> File:
    """Find the functions of a C file; what is none has none, and a note."""
    if len(content) > MOST_BYTES:
        return File(path, (), f"skipped: more than {MOST_BYTES:,} bytes")
    if b"\0" in content:
        return File(path, (), "skipped: holds NUL bytes, so it is no C source")
    source = parse(content.decode("utf-8", "replace"))
    found = tuple(_functions(path, source))
    notes = [f"{source.faults} places could not be parsed"] if source.faults else []
    return File(path, found, ", ".join([*notes, *([] if found else ["no function found"])]))


def _functions(path: str, source: Source) -> Iterator[Function]:
    at, line, end = 0, 1, 0
    for node in source.nodes:
        if node.kind != "function_definition" or node.start < end:
            continue  # a nested one is part of its parent
        line += source.text.count("\n", at, node.start)
        at, end = node.start, node.end
        text = source.words(node)
        yield Function(path, _name(source, node), text, line, line + text.count("\n"))


def _name(source: Source, function: Node) -> str:
    """Return the name that is declared: the innermost declarator, so that returned pointers do not matter."""
    node = function.child("declarator")
    while node is not None and node.kind not in NAMES:
        node = node.child("declarator") or next((inner for inner in node.inner if "declarator" in inner.kind), None)
    return "" if node is None else source.words(node)
