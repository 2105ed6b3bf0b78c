"""What the macros of a C file mean for its names, as far as a file tells that is not preprocessed.

C11, 6.10: a macro may paste its arguments, make text of them, or take them for members; a directive's word may be a
local's. What is unknown here is unsafe in `bench.syntax.cscope`.
"""

from __future__ import annotations

import re

from bench.syntax.cnames import HARMLESS_MACROS, WORD, looks_like_macro, takes_members
from bench.syntax.csource import Node, Source

DEFINES = frozenset({"preproc_def", "preproc_function_def"})
_PASTES = re.compile("##|%:%:|[?][?]=")
_HIDDEN = re.compile(r"\w\\[ \t]*\r?\n\w|\?\?/")
CONDITIONAL = frozenset({"preproc_if", "preproc_ifdef", "preproc_elif", "preproc_elifdef", "preproc_else"})


STRINGS = frozenset({"string_literal", "concatenated_string"})
"""What seems to be called in `"%" STR(x)`: a macro that makes text."""


def defined_macros(source: Source) -> dict[str, str]:
    """Return the macros that the file itself defines, with their bodies; "" for those with parameters."""
    found: dict[str, str] = {}
    for node in source.nodes:
        name = node.child("name")
        if name is not None and node.kind in DEFINES:
            value = node.child("value") if node.kind == "preproc_def" else None
            found[source.words(name)] = source.words(value).strip() if value is not None else ""
    return found


def macro_words(source: Source) -> frozenset[str]:
    """Return the words that directives mention: a local of that name may mean something else once they have run."""
    found: set[str] = set()
    for node in source.nodes:
        if node.kind in {"preproc_def", "preproc_function_def", "preproc_call"}:
            found.update(WORD.findall(source.words(node)))
        elif node.kind in CONDITIONAL:
            for part in node.children:
                if part.role in {"condition", "name"}:
                    found.update(WORD.findall(source.words(part)))
    return frozenset(found)


def given_to_macros(source: Source) -> frozenset[str]:
    """Return the words in arguments of which macros make text or members, or may: the file's own, `"%" STR(x)`."""
    made = {*defined_macros(source), "_Pragma", "__pragma"}
    found: set[str] = set()
    for node in source.nodes:
        callee, given = node.child("function"), node.child("arguments")
        if node.kind != "call_expression" or callee is None or given is None:
            continue
        text = source.words(callee)
        if text in made or callee.kind in STRINGS or ("offset" in text and takes_members(text)):
            found.update(WORD.findall(source.words(given)))
    return frozenset(found)


def may_be_pasted(source: Source, leaf: Node) -> bool:
    """Whether the name stands alone as an argument of what may be a macro that pastes it or takes it for a member."""
    if leaf.parent is None or leaf.parent.kind != "argument_list" or leaf.parent.parent is None:
        return False
    call = leaf.parent.parent
    callee = call.child("function")
    if callee is None or callee.kind != "identifier":
        return False
    text = source.words(callee)
    return takes_members(text) or _heads_a_statement(call) or (looks_like_macro(text) and text not in HARMLESS_MACROS)


def _heads_a_statement(call: Node) -> bool:
    """Whether a call has no semicolon, as in `list_each(x, l) f(x);`: it is a macro."""
    return call.parent is not None and call.parent.kind == "expression_statement" and call.parent.children[-1].missing


def has_bare_macros(source: Source, function: Node) -> bool:
    """Whether a macro may use any local, because it is given none: `CHECK_COUNT();`, `CHECK_COUNT(3);`, `COUNT = 3;`.

    What else would it work on? A call counts only if it is written as macros are; one that is given a text may log it.
    """
    names = [name for node in source.below(function) if (name := _bare(source, node)) is not None]
    texts = {source.words(name) for name in names} - _understood(source) if names else set()
    return bool(texts - {source.words(node) for node in source.nodes if node.role == "declarator"})


def _understood(source: Source) -> set[str]:
    """Return the file's own macros that lead to no other macro: their words are known, and no local has one of them."""
    found: set[str] = set()
    for node in source.nodes:
        name, value = node.child("name"), node.child("value")
        if node.kind in DEFINES and name is not None:
            body = WORD.findall(source.words(value)) if value is not None else []
            if not any(looks_like_macro(word) for word in body):
                found.add(source.words(name))
    return found


def _bare(source: Source, node: Node) -> Node | None:
    """Return the name that a statement consists of, nothing or numbers in parentheses behind it, or that is set."""
    if node.kind in {"assignment_expression", "update_expression"}:
        target = node.child("left") or node.child("argument")
        is_name = target is not None and target.kind == "identifier" and looks_like_macro(source.words(target))
        return target if is_name else None
    inner = node.inner[0] if node.kind == "expression_statement" and len(node.inner) == 1 else None
    if inner is None or inner.kind != "call_expression":
        return inner if inner is not None and inner.kind == "identifier" else None
    callee, given = inner.child("function"), inner.child("arguments")
    if callee is None or given is None or callee.kind != "identifier":
        return None
    if any(argument.kind != "number_literal" for argument in given.inner):
        return None
    return callee if looks_like_macro(source.words(callee)) else None


def pastes(source: Source) -> bool:
    """Whether a macro of the file makes names out of parts, so that any name may be one of them."""
    return any(node.kind in DEFINES and _PASTES.search(source.words(node)) is not None for node in source.nodes)


def has_hidden_characters(source: Source) -> bool:
    """Whether words are not what they seem: joined over the end of a line, be it by a trigraph (C11, 5.1.1.2)."""
    return _HIDDEN.search(source.text) is not None
