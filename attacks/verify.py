"""Does an adversarial program still mean what the original meant? What can be seen without running it.

Follows spec/attacks.md, 4: nearly half of a released attack's successes were invalid, because nobody looked. Checks:
it parses no worse; directives, labels, strings and calls are the same, as often; fields, types and free names are the
same set; no constant was lost; locals were renamed one to one. Compiling and running are checks of their own. What
passes is not refuted, which is no proof: operators and the order of statements are not compared; see proof.py.

What may change is what the declared rewrites (attacks/rewrites/) change, and no more:

- Numbers are compared after folding: `8`, `(7 + 1)` and `4 * 2` are one constant. Every constant of the original still
  occurs, and no other does but 0, 1 and 8. How often is not compared: `a[3] = a[3] + x` and `a[3] += x` differ in it.
- Types are compared without the `int` that may be left out. Dead code brings `int` and `char`.
- A comment means nothing, so it may go, unless a tool reads it. One that is new must be of the neutral ones: a new text
  would let an attack argue with the victim, and an edited comment is a new one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from attacks.deadnames import DEAD_NAMES, NEUTRAL_COMMENTS, READ_BY_TOOLS
from attacks.rewrites.constants import LARGEST, fold
from bench.syntax.cscope import identifiers, local_names
from bench.syntax.csource import Node, Source, leaves, parse

ADDED_NUMBERS = frozenset({"0", "1", "8"})
"""Constants that rewrites may bring: conditions of dead code and `while (1)`, increments, a dead array."""
ADDED_TYPES = frozenset({"int", "char"})
"""Types of dead code."""
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,9})", re.ASCII)


@dataclass(frozen=True)
class Externals:
    """What a program shares with the world around it, and what must survive an attack."""

    faults: int
    comments: Counter[str]
    counted: dict[str, Counter[str]]
    """By kind, how often each text occurs: the same before and after."""
    named: dict[str, frozenset[str]]
    """By kind, which texts occur: rewrites may repeat them, but neither add nor drop one."""
    numbers: frozenset[str]
    """Constants after folding, and characters."""
    basic: frozenset[str]
    """Types that are keywords, such as "char" or "long unsigned"."""
    locals: int
    """Number of renameable locals over all functions, those of dead code left out."""


def externals(source: Source, dead: frozenset[str] = frozenset()) -> Externals:
    """Collect what must survive; locals of these names are dead code's."""
    names = local_names(source, fresh=dead)
    renameable = {leaf.order for name in names for leaf in name.occurrences}
    counted = {kind: Counter[str]() for kind in ("directive", "label", "string", "call")}
    named: dict[str, set[str]] = {kind: set() for kind in ("field", "type", "name")}
    comments: Counter[str] = Counter()
    for node in leaves(source):
        text, kind = source.words(node), _kind(node, renameable)
        if kind in counted:
            counted[kind][text] += 1
        elif kind in named:
            named[kind].add(text)
        elif kind == "comment":
            comments[text] += 1
    return Externals(
        source.faults,
        comments,
        counted,
        {kind: frozenset(texts) for kind, texts in named.items()},
        frozenset(_constants(source)),
        frozenset(_basic_types(source)),
        sum(name.text not in dead for name in names),
    )


def _kind(node: Node, renameable: set[int]) -> str:
    """Return the role of a token; empty for what rewrites are free to change, or what is compared otherwise."""
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
        "system_lib_string": "string",
        "field_identifier": "field",
        "type_identifier": "type",
    }.get(node.kind, "")


def _constants(source: Source) -> Iterator[str]:
    """Yield the values of the largest constant expressions of decimals, and all other numbers and characters."""
    values: dict[int, int] = {}
    for node in reversed(source.nodes):
        value = _value(source, node, values)
        if value is not None:
            values[node.order] = value
    for node in source.nodes:
        if node.order in values:
            if node.parent is None or node.parent.order not in values:
                yield str(values[node.order])
        elif node.kind in {"number_literal", "char_literal"}:
            yield source.words(node)


def _value(source: Source, node: Node, values: dict[int, int]) -> int | None:
    """Return the value of an expression whose parts have been looked at; None where it is no constant."""
    if node.kind == "number_literal":
        text = source.words(node)
        return int(text) if _DECIMAL.fullmatch(text) and abs(int(text)) <= LARGEST else None
    if node.kind == "parenthesized_expression" and len(node.inner) == 1:
        return values.get(node.inner[0].order)
    if node.kind == "unary_expression" and source.text[node.start] == "-" and len(node.inner) == 1:
        return fold("-", 0, values[node.inner[0].order]) if node.inner[0].order in values else None
    if node.kind != "binary_expression":
        return None
    left, operator, right = (node.child(role) for role in ("left", "operator", "right"))
    if left is None or operator is None or right is None or {left.order, right.order} - set(values):
        return None
    return fold(source.words(operator), values[left.order], values[right.order])


def _basic_types(source: Source) -> Iterator[str]:
    for node in source.nodes:
        if node.kind == "sized_type_specifier" or (node.kind == "primitive_type" and not _is_sized(node.parent)):
            words = [word for word in source.words(node).split() if word != "int"]
            yield " ".join(sorted(words)) or "int"


def _is_sized(node: Node | None) -> bool:
    return node is not None and node.kind == "sized_type_specifier"


def verify(original: str, adversarial: str) -> str:
    """Return why the second program does not count as the first one attacked; "" where it does."""
    before = parse(original)
    dead = frozenset(DEAD_NAMES) - identifiers(before)
    return next(_differences(externals(before), externals(parse(adversarial), dead)), "")


def _differences(old: Externals, new: Externals) -> Iterator[str]:
    if new.faults > old.faults:
        yield f"parses worse: {new.faults} faults, {old.faults} before"
    lost = [text for text in old.comments - new.comments if READ_BY_TOOLS.search(text)]
    if lost or set(new.comments - old.comments) - set(NEUTRAL_COMMENTS):
        yield f"comment changed: {_one(lost or set(new.comments - old.comments) - set(NEUTRAL_COMMENTS))}"
    for kind, before in old.counted.items():
        if before != new.counted[kind]:
            yield f"{kind} changed: {_one((before - new.counted[kind]) + (new.counted[kind] - before))}"
    for kind, known in _named(old, guessed=old.faults > 0).items():
        found = _named(new, guessed=old.faults > 0)[kind]
        if known != found:
            yield f"{kind} changed: {_one(known ^ found)}"
    if not old.numbers <= new.numbers <= old.numbers | ADDED_NUMBERS:
        yield f"number changed: {_one(old.numbers ^ new.numbers)}"
    if not old.basic <= new.basic <= old.basic | ADDED_TYPES:
        yield f"type changed: {_one(old.basic ^ new.basic)}"
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
