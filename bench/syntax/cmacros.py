"""What the macros of a C file mean for its names, as far as a file tells that is not preprocessed.

C11, 6.10: a macro may paste its arguments, make text of them, or take them for members; a directive's word may be a
local's. What is unknown here is unsafe in `bench.syntax.cscope`.
"""

from __future__ import annotations

from bench.syntax.cnames import HARMLESS_MACROS, MEMBER_MACROS, WORD, looks_like_macro
from bench.syntax.csource import Node, Source

DEFINES = frozenset({"preproc_def", "preproc_function_def"})
CONDITIONAL = frozenset({"preproc_if", "preproc_ifdef", "preproc_elif", "preproc_elifdef", "preproc_else"})


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
    """Return the words in arguments of the file's own macros: their bodies may make text or members of them."""
    names = [node.child("name") for node in source.nodes if node.kind == "preproc_function_def"]
    own = {source.words(name) for name in names if name is not None}
    found: set[str] = set()
    for node in source.nodes if own else ():
        callee, given = node.child("function"), node.child("arguments")
        if node.kind == "call_expression" and callee and given and source.words(callee) in own:
            found.update(WORD.findall(source.words(given)))
    return frozenset(found)


def may_be_pasted(source: Source, leaf: Node) -> bool:
    """Whether the name stands alone as an argument of what may be a macro that pastes it or takes it for a member."""
    if leaf.parent is None or leaf.parent.kind != "argument_list" or leaf.parent.parent is None:
        return False
    callee = leaf.parent.parent.child("function")
    if callee is None or callee.kind != "identifier":
        return False
    text = source.words(callee)
    return text in MEMBER_MACROS or (looks_like_macro(text) and text not in HARMLESS_MACROS)
