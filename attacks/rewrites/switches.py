"""Rewrites between `switch` and chains of `if` (spec/attacks.md, 2.2 and 2.3: StyleTransfer, MindAC 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from attacks.places import Places
from attacks.program import Write
from attacks.rewrites.shared import (
    DECLARES,
    JUMPS,
    Matched,
    Whole,
    alone,
    alternative,
    is_repeatable,
    operator_of,
    sides,
    stretch,
)
from bench.syntax.cnames import SAFE_CONSTANTS
from bench.syntax.csource import Node

_INTEGER = re.compile(r"-?\d+|-?0[xX][0-9a-fA-F]+|'[^\\']'", re.ASCII)
_LARGEST = (1 << 31) - 1


@dataclass(frozen=True, eq=False)
class _Section:
    """What a switch does for some labels."""

    labels: tuple[Node, ...]
    """Values of its cases; () for the default."""
    body: Node | None
    """Its statements without the last break; None where there are none."""

    def block(self, write: Write) -> str:
        """Write the statements as a block."""
        if self.body is None:
            return "{ }"
        return write(self.body) if self.body.kind == "compound_statement" else f"{{ {write(self.body)} }}"


def _number(places: Places, node: Node) -> int | None:
    """Return the value of a literal of type int; None for other labels."""
    text = places.source.words(node)
    if _INTEGER.fullmatch(text) is None:
        return None
    if text[0] == "'":
        return ord(text[1])
    octal = re.fullmatch(r"-?0\d+", text) is not None
    if octal and set(text) & {"8", "9"}:
        return None
    value = int(text, 8 if octal else 0)
    return value if abs(value) <= _LARGEST else None


def _is_label(places: Places, node: Node) -> bool:
    """Whether a label is of type int for sure, so that `e == label` and `case label` convert alike (C11, 6.8.4.2)."""
    text = places.source.words(node)
    if node.kind != "identifier":
        return _number(places, node) is not None
    if text in places.macros:
        return re.fullmatch(r"\d{1,9}", places.macros[text], re.ASCII) is not None
    return text in places.known or (text in SAFE_CONSTANTS and not text.endswith(("_MAX", "_MIN")))


@dataclass(frozen=True)
class SwitchToIfs(Whole, Matched[tuple[Node, list[_Section]]]):
    """`switch (e) { case 1: A; break; default: B }` to `if (e == 1) { A; } else { B }`.

    Every section but the last ends in a jump, no other `break` is the switch's, nothing is declared between labels,
    and `e` has no effect.
    """

    name: str = "switch_to_ifs"
    kinds = ("switch_statement",)

    def match(self, places: Places, node: Node) -> tuple[Node, list[_Section]] | None:
        """Return what is switched over, and the sections, the default last."""
        condition, body = node.child("condition"), node.child("body")
        if condition is None or body is None or len(condition.inner) != 1 or not places.is_clean(condition):
            return None
        if body.kind != "compound_statement" or not places.is_clean(body) or not places.is_pure(condition):
            return None
        if not places.starts(node):
            return None
        sections = list(_sections(places, body)) if is_repeatable(places, condition) else []
        whole = sections and all(section is not None for section in sections)
        found = sorted((s for s in sections if s is not None), key=lambda section: not section.labels)
        return (condition.inner[0], found) if whole and found[0].labels else None

    def put(self, node: Node, found: tuple[Node, list[_Section]], write: Write) -> str:
        """Compare with one label after the other."""
        return alone(node, " else ".join(self._branch(found[0], section, write) for section in found[1]))

    def _branch(self, value: Node, section: _Section, write: Write) -> str:
        tests = (f"{_tight(value, write)} == {write(label)}" for label in section.labels)
        return (f"if ({' || '.join(tests)}) " if section.labels else "") + section.block(write)


def _tight(value: Node, write: Write) -> str:
    """Write what is compared; a binary expression may bind less tightly than the comparison."""
    return f"({write(value)})" if value.kind in {"binary_expression", "conditional_expression"} else write(value)


def _sections(places: Places, body: Node) -> Iterator[_Section | None]:
    """Yield the sections of a switch, None for what prevents the rewrite; labels without statements join the next."""
    labels: list[Node] = []
    cases = body.inner
    for case in cases:
        value = case.child("value")
        known = value is None or _is_label(places, value)
        if case.kind != "case_statement" or not places.is_understood(case) or not known:
            yield None
            return
        labels.extend([] if value is None else [value])
        statements = [child for child in case.children if child.named and child is not value]
        if not statements and value is not None and case is not cases[-1]:
            continue
        yield _section(places, tuple(labels), statements, last=case is cases[-1], default=value is None)
        labels = []


def _section(
    places: Places, labels: tuple[Node, ...], statements: list[Node], *, last: bool, default: bool
) -> _Section | None:
    """Return a section that does not fall through, without its last break; None for any other."""
    if default and labels:
        return None
    if [s.kind for s in statements] == ["compound_statement"]:
        statements = [child for child in statements[0].children if child.named]
    elif any(s.kind in DECLARES for s in statements):
        return None
    final = statements[-1].kind if statements else ""
    if not last and final not in JUMPS:
        return None
    if final == "break_statement":
        statements = statements[:-1]
    if not statements:
        return _Section(labels, None)
    body = stretch(statements[0], statements[-1])
    comments = "comment" in {statements[0].kind, statements[-1].kind}
    return None if comments or _is_entangled(places, body) else _Section(labels, body)


def _is_entangled(places: Places, body: Node) -> bool:
    """Whether a `break` in it may be the switch's, or somebody may jump into it."""
    entered = places.has_stray_case(body) or places.has(body, "labeled_statement")
    return entered or places.jumps(body, "break_statement") or places.hides_flow(body)


@dataclass(frozen=True)
class IfsToSwitch(Whole, Matched[tuple[Node, list[_Section]]]):
    """`if (x == 1) A else if (x == 2) B else C` to `switch (x) { case 1: {A} break; ... default: {C} break; }`.

    `x` is an integer variable that is declared in the function, labels are distinct literals, and no branch holds a
    `break` that would then be the switch's.
    """

    name: str = "ifs_to_switch"
    kinds = ("if_statement",)

    def match(self, places: Places, node: Node) -> tuple[Node, list[_Section]] | None:
        """Return the variable, and a section for each branch."""
        tests: list[tuple[Node, Node]] = []
        sections: list[_Section] = []
        other: Node | None = node
        while other is not None and other.kind == "if_statement" and places.is_clean(other):
            found, branch = _tested(places, other), other.child("consequence")
            if found is None or branch is None:
                break
            tests.extend(found)
            sections.append(_Section(tuple(label for _, label in found), branch))
            if other.child("alternative") is not None and alternative(other) is None:
                return None
            other = alternative(other)
        long = len(sections) > 1 and self._fits(places, tests)
        sections.extend([] if other is None else [_Section((), other)])
        free = long and not any(_is_entangled(places, s.body) for s in sections if s.body is not None)
        return (tests[0][0], sections) if free else None

    def put(self, node: Node, found: tuple[Node, list[_Section]], write: Write) -> str:
        """Write a case for each label."""
        cases = " ".join(self._case(section, write) for section in found[1])
        return f"switch ({write(found[0])}) {{ {cases} }}"

    def _case(self, section: _Section, write: Write) -> str:
        labels = [f"case {write(label)}:" for label in section.labels] or ["default:"]
        return " ".join([*labels, section.block(write), "break;"])

    def _fits(self, places: Places, tests: list[tuple[Node, Node]]) -> bool:
        numbers = [_number(places, label) for _, label in tests]
        if len(set(numbers)) < len(numbers) or not places.plain_memory:
            return False
        same = len({places.source.words(variable) for variable, _ in tests}) == 1
        return same and all(places.declared.is_integer(variable) for variable, _ in tests)


def _tested(places: Places, node: Node) -> list[tuple[Node, Node]] | None:
    """Return the comparisons `x == 1 || x == 2` of a condition as pairs; None where it tests something else."""
    condition = node.child("condition")
    return None if condition is None else _comparisons(places, condition)


def _comparisons(places: Places, node: Node) -> list[tuple[Node, Node]] | None:
    if node.kind == "parenthesized_expression" and len(node.inner) == 1 and places.is_clean(node):
        return _comparisons(places, node.inner[0])
    pair = sides(node) if node.kind == "binary_expression" and places.is_clean(node) else None
    if pair is None:
        return None
    if operator_of(places, node) == "||":
        both = _comparisons(places, pair[0]), _comparisons(places, pair[1])
        return None if both[0] is None or both[1] is None else both[0] + both[1]
    variable, label = pair if pair[0].kind == "identifier" else (pair[1], pair[0])
    usual = operator_of(places, node) == "==" and variable.kind == "identifier"
    return [(variable, label)] if usual and _number(places, label) is not None else None
