"""Does an adversarial program still mean what the original meant? What can be seen without running it.

Follows spec/attacks.md, 4: nearly half of a released attack's successes were invalid, because nobody looked. Checks:
it parses no worse; comments, directives, labels, strings and calls are the same, as often; fields, types and free names
are the same set; no literal was lost; locals were renamed one to one. Left out so far: compiling and running.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from attacks.deadnames import DEAD_NAMES
from bench.cscope import identifiers, local_names
from bench.csource import Node, Source, leaves, parse

ADDED_LITERALS = frozenset({"0", "1", "8"})
"""Numbers that rewrites may bring: conditions of dead code and `while (1)`, increments, a dead array."""


@dataclass(frozen=True)
class Externals:
    """What a program shares with the world around it, and what must survive an attack."""

    faults: int
    counted: dict[str, Counter[str]]
    """By kind, how often each text occurs: the same before and after."""
    named: dict[str, frozenset[str]]
    """By kind, which texts occur: rewrites may repeat them, but neither add nor drop one."""
    numbers: frozenset[str]
    locals: int
    """Number of renameable locals over all functions, those of dead code left out."""


def externals(source: Source, dead: frozenset[str] = frozenset()) -> Externals:
    """Collect what must survive; locals of these names are dead code's."""
    names = local_names(source)
    renameable = {leaf.order for name in names for leaf in name.occurrences}
    counted = {kind: Counter[str]() for kind in ("comment", "directive", "label", "string", "call")}
    named: dict[str, set[str]] = {kind: set() for kind in ("field", "type", "name")}
    numbers: set[str] = set()
    for node in leaves(source):
        text, kind = source.words(node), _kind(node, renameable)
        if kind in counted:
            counted[kind][text] += 1
        elif kind in named:
            named[kind].add(text)
        elif kind == "number":
            numbers.add(text)
    kept = sum(name.text not in dead for name in names)
    frozen = {kind: frozenset(texts) for kind, texts in named.items()}
    return Externals(source.faults, counted, frozen, frozenset(numbers), kept)


def _kind(node: Node, renameable: set[int]) -> str:
    """Return the role of a token; empty for what rewrites are free to change."""
    if node.kind == "identifier":
        if node.order in renameable:
            return ""
        called = node.role == "function" and node.parent is not None and node.parent.kind == "call_expression"
        return "call" if called else "name"
    return {
        "comment": "comment",
        "preproc_arg": "directive",
        "preproc_directive": "directive",
        "statement_identifier": "label",
        "string_literal": "string",
        "char_literal": "string",
        "system_lib_string": "string",
        "field_identifier": "field",
        "type_identifier": "type",
        "number_literal": "number",
    }.get(node.kind, "")


def verify(original: str, adversarial: str) -> str:
    """Return why the second program does not count as the first one attacked; "" where it does."""
    before = parse(original)
    dead = frozenset(DEAD_NAMES) - identifiers(before)
    return next(_differences(externals(before), externals(parse(adversarial), dead)), "")


def _differences(old: Externals, new: Externals) -> Iterator[str]:
    if new.faults > old.faults:
        yield f"parses worse: {new.faults} faults, {old.faults} before"
    for kind, before in old.counted.items():
        if before != new.counted[kind]:
            yield f"{kind} changed: {_one((before - new.counted[kind]) + (new.counted[kind] - before))}"
    for kind, known in _named(old, guessed=old.faults > 0).items():
        found = _named(new, guessed=old.faults > 0)[kind]
        if known != found:
            yield f"{kind} changed: {_one(known ^ found)}"
    if not old.numbers <= new.numbers <= old.numbers | ADDED_LITERALS:
        yield f"number changed: {_one(old.numbers ^ new.numbers)}"
    if old.locals != new.locals:
        yield f"locals merged or split: {new.locals}, {old.locals} before"


def _named(program: Externals, *, guessed: bool) -> dict[str, frozenset[str]]:
    """Return the sets to compare: beside a fault the parser guesses whether an unknown macro is a type or a name."""
    if not guessed:
        return program.named
    return {"field": program.named["field"], "name": program.named["name"] | program.named["type"]}


def _one(texts: Iterable[str]) -> str:
    """Return an example, short enough for a table."""
    return repr(min(texts))[:60]
