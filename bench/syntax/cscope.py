"""Facts about names in a C program: which are local, where each occurs, which may be renamed, which are reserved.

Follows C11, 6.2.1 (scopes) and 6.2.3 (name spaces: labels, tags, members and ordinary identifiers are four). A name of
a function is renamed in all its ordinary occurrences or not at all, so a misjudged block cannot tear it apart. What the
grammar cannot know makes a name unsafe: macros, stringification, pasting, asm, ERROR nodes (spec/attacks.md, 4.3 to
4.6, counts what happens otherwise). Left out: renaming what is seen outside its function.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.syntax.cmacros import (
    given_to_macros,
    has_bare_macros,
    has_hidden_characters,
    macro_words,
    may_be_pasted,
    pastes,
)
from bench.syntax.cnames import WORD, words
from bench.syntax.csource import Node, Source

OPAQUE = words(
    """ERROR gnu_asm_expression attribute_specifier attribute_declaration ms_declspec_modifier macro_type_specifier
    offsetof_expression preproc_def preproc_function_def preproc_call preproc_include preproc_arg preproc_defined
    alignas_qualifier"""
)
"""What is in here is read as bare words, and none of these words is renamed."""
SCOPES = frozenset({"function_definition", "compound_statement", "for_statement"})


@dataclass(frozen=True)
class Name:
    """A local variable or parameter of one function, by its spelling."""

    function: Node
    text: str
    parameter: bool
    occurrences: tuple[Node, ...]
    """Identifier leaves, declarations included; all of them mean a local of this function."""


@dataclass(frozen=True)
class _Declared:
    parameter: bool
    local: bool
    """False for enumerators, functions, and what has linkage: declared here, not renameable."""
    callable: bool
    """Declared as a pointer to a function, so that a call of it is no call of a macro."""


def functions(source: Source) -> tuple[Node, ...]:
    """Return the function definitions of the file, in the order of the text; nested ones are part of their parent."""
    found = [node for node in source.nodes if node.kind == "function_definition"]
    return tuple(n for n in found if not any(a.kind == "function_definition" for a in n.ancestors()))


def local_names(source: Source, fresh: frozenset[str] = frozenset()) -> tuple[Name, ...]:
    """Return every local and parameter that is safe to rename, function by function, in the order of first mention.

    Names of which the caller knows that no macro can mean them are `fresh`: the macros are older than they are.
    """
    barred = macro_words(source) | given_to_macros(source)
    closed = pastes(source) or has_hidden_characters(source)
    return tuple(
        name
        for node in functions(source)
        for shut in [closed or has_bare_macros(source, node)]
        for name in _safe_names(source, node, barred | _beyond(source, node))
        if not shut or name.text in fresh
    )


def identifiers(source: Source) -> frozenset[str]:
    """Return every word of the file that could be a name in any role, those in macros and ERROR nodes included."""
    return frozenset(WORD.findall(source.text))


def _beyond(source: Source, function: Node) -> frozenset[str]:
    """Words outside the function, where a fault may have cut its end off; none in a file without faults."""
    if not source.faults:
        return frozenset()
    return frozenset(WORD.findall(source.text[: function.start] + " " + source.text[function.end :]))


def _safe_names(source: Source, function: Node, barred: frozenset[str]) -> Iterator[Name]:
    uses: dict[str, list[Node]] = defaultdict(list)
    declared: dict[str, list[_Declared]] = defaultdict(list)
    unsafe = set(barred)
    for leaf, meaning in _resolve(source, function, unsafe):
        text = source.words(leaf)
        uses[text].append(leaf)
        if meaning is None or not _is_plain(source, leaf, meaning):
            unsafe.add(text)
        else:
            declared[text].append(meaning)
    for text, leaves in uses.items():
        if text not in unsafe:
            yield Name(function, text, any(d.parameter for d in declared[text]), tuple(leaves))


def _is_plain(source: Source, leaf: Node, meaning: _Declared) -> bool:
    """Whether this occurrence is a local's, and no macro can make something else of it."""
    if not meaning.local or (_is_callee(leaf) and not meaning.callable):
        return False
    return not (_is_label_address(source, leaf) or may_be_pasted(source, leaf))


def _is_label_address(source: Source, leaf: Node) -> bool:
    """Whether it is GNU's `&&label`."""
    inner = leaf.parent
    outer = inner.parent if inner is not None else None
    return outer is not None and all(
        node.kind == "pointer_expression" and source.text.startswith("&", node.start) for node in (inner, outer) if node
    )


def _is_callee(leaf: Node) -> bool:
    return leaf.role == "function" and leaf.parent is not None and leaf.parent.kind == "call_expression"


def _resolve(source: Source, function: Node, unsafe: set[str]) -> Iterator[tuple[Node, _Declared | None]]:
    """Yield every ordinary identifier of the function with what it means; None for what is not declared in here.

    Words in opaque places, and those used as types, go into `unsafe`.
    """
    scopes: list[tuple[int, dict[str, _Declared]]] = []
    skip = function.order
    for node in source.below(function):
        while scopes and node.order >= scopes[-1][0]:
            scopes.pop()
        if node.order < skip:
            continue
        if node.kind in SCOPES or (node.kind == "parameter_list" and _is_prototype(node, function)):
            scopes.append((node.stop, {}))
        computed = node.kind == "goto_statement" and any(child.kind == "ERROR" for child in node.children)
        if node.kind in OPAQUE or node.missing or computed:
            unsafe.update(WORD.findall(source.words(node)))
            skip = node.stop
        elif node.kind == "type_identifier" and not _is_tag(node):
            unsafe.add(source.words(node))
        elif node.kind == "identifier":
            text = source.words(node)
            declared = _declaration(node, function)
            if declared is not None:
                scopes[-1][1][text] = declared
                if _names_itself(source, node):
                    unsafe.add(text)
            yield node, next((known[text] for _, known in reversed(scopes) if text in known), None)


def _names_itself(source: Source, leaf: Node) -> bool:
    """Whether a declarator mentions the name that it declares, as `int n[n]` does: another one's until then."""
    around = [node for node in _declarators(leaf) if node.kind != "init_declarator"]
    text = source.words(leaf)
    mentioned = source.below(around[-1]) if around else ()
    return any(node.kind == "identifier" and node is not leaf and source.words(node) == text for node in mentioned)


def _is_tag(node: Node) -> bool:
    return node.parent is not None and node.parent.kind in {"struct_specifier", "union_specifier", "enum_specifier"}


def _is_prototype(node: Node, function: Node) -> bool:
    """Whether these are parameters of something other than the function that is being defined."""
    declarator = next((a for a in node.ancestors() if a.kind == "function_declarator"), None)
    return declarator is None or declarator is not _own_declarator(function)


def _own_declarator(function: Node) -> Node | None:
    """Return the declarator that holds the function's own parameters: the innermost one of its kind."""
    node, found = function.child("declarator"), None
    while node is not None:
        if node.kind == "function_declarator":
            found = node
        node = node.child("declarator") or next((c for c in node.inner if c.kind.endswith("_declarator")), None)
    return found


def _declaration(leaf: Node, function: Node) -> _Declared | None:
    """Return what this identifier declares; None where it is a use."""
    parent = leaf.parent
    if parent is None:
        return None
    if parent.kind == "enumerator" and leaf.role == "name":
        return _Declared(parameter=False, local=False, callable=False)
    if parent.kind == "parameter_list":
        own = not _is_prototype(parent, function)
        return _Declared(parameter=True, local=own, callable=False)
    chain = _declarators(leaf)
    top = chain[-1].parent if chain else parent
    if top is None or top.kind not in {"declaration", "parameter_declaration", "function_definition"}:
        return None
    if (chain[-1] if chain else leaf).role != "declarator":
        return None
    return _declared(leaf, chain, top, function)


def _declarators(leaf: Node) -> list[Node]:
    """Return the declarators around a declared identifier, inside out; stops where the identifier is no declaree."""
    chain: list[Node] = []
    node = leaf
    while node.parent is not None and (node.parent.kind.endswith("_declarator")):
        if node.role not in {"declarator", ""}:
            break
        node = node.parent
        chain.append(node)
    return chain


def _declared(leaf: Node, chain: list[Node], top: Node, function: Node) -> _Declared:
    shape = [node.kind for node in chain if node.kind not in {"parenthesized_declarator", "attributed_declarator"}]
    is_function = bool(shape) and shape[0] == "function_declarator"
    outside = any(child.kind == "storage_class_specifier" and _is_extern(child) for child in top.children)
    own = not (top.kind == "parameter_declaration" and top.parent is not None and _is_prototype(top.parent, function))
    return _Declared(
        parameter=top.kind == "parameter_declaration",
        local=own and top.kind != "function_definition" and not is_function and not outside and _is_whole(chain, top),
        callable="function_declarator" in shape,
    )


def _is_whole(chain: list[Node], top: Node) -> bool:
    """Whether no ERROR lies in or beside it: in `int av_unused x` an unknown macro is taken for the name."""
    around = top.parent.children if top.parent is not None else [top]
    at = around.index(top)
    parts = [child for node in (*chain, top) for child in node.children]
    return not any(node.kind == "ERROR" or node.missing for node in (*around[max(at - 1, 0) : at + 2], *parts))


def _is_extern(node: Node) -> bool:
    return any(child.kind in {"extern", "typedef"} for child in node.children)


def corpus_names(programs: Iterable[Source]) -> tuple[str, ...]:
    """Return the names of locals and parameters in these programs, most frequent first, ties in order of mention."""
    counts: dict[str, int] = defaultdict(int)
    for source in programs:
        for name in local_names(source):
            counts[name.text] += 1
    return tuple(sorted(counts, key=lambda text: -counts[text]))
