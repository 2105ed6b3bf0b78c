"""Whether two programs differ in nothing but the names of locals, and in how much white space stands where some stands.

Read from the two texts alone, whoever wrote the second. Both are parsed: a local that may be renamed
(bench/syntax/cscope.py) must stand in the same places in both, so that none was merged, split, captured, or renamed in
part. Comments are white space; which ones may come and go, verify.py says. A line break matters to directives, to what
asks for its line, and beside a backslash: there, white space must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bench.syntax.cmacros import has_hidden_characters
from bench.syntax.cnames import is_legal_local
from bench.syntax.cscope import identifiers, local_names
from bench.syntax.csource import Node, Source, leaves

_SPACE = re.compile(r"[ \t\r\n\v\f]*", re.ASCII)
_DIRECTIVE = re.compile(r"^[ \t\v\f]*(?:#|%:).*", re.MULTILINE)
_CONTINUED = re.compile(r"\\\s*\n")
_COUNTING = frozenset({"__LINE__", "__COUNTER__"})


def is_renamed(before: Source, after: Source) -> bool:
    """Whether the second program is the first with its locals renamed one to one, to legal names."""
    old, new = ([leaf for leaf in leaves(source) if leaf.kind != "comment"] for source in (before, after))
    if len(old) != len(new):
        return False
    names, others = _locals(before, old), _locals(after, new)
    if names.keys() != others.keys():
        return False
    legal = all(text == names[places] or is_legal_local(text) for places, text in others.items())
    free = {place for places in names for place in places}
    same = all(
        place in free or before.words(one) == after.words(other)
        for place, (one, other) in enumerate(zip(old, new, strict=True))
    )
    return legal and same and _spaced_alike(before, old, after, new)


def _locals(source: Source, tokens: Sequence[Node]) -> dict[tuple[int, ...], str]:
    """Return the renameable locals, by the tokens that they are."""
    place = {leaf.order: index for index, leaf in enumerate(tokens)}
    return {tuple(place[leaf.order] for leaf in name.occurrences): name.text for name in local_names(source)}


def _spaced_alike(before: Source, old: Sequence[Node], after: Source, new: Sequence[Node]) -> bool:
    gaps = list(zip(_gaps(before, old), _gaps(after, new), strict=True))
    if all(one == other for one, other in gaps):
        return True
    directives = [_DIRECTIVE.findall(_without_comments(source)) for source in (before, after)]
    fixed = any(
        _CONTINUED.search(source.text) or has_hidden_characters(source) or _COUNTING & identifiers(source)
        for source in (before, after)
    )
    if fixed or directives[0] != directives[1] or any("/*" in line for line in directives[0]):
        return False
    return all(one == other or (one[1] == other[1] == " ") for one, other in gaps)


def _without_comments(source: Source) -> str:
    """Return the text with a blank for each comment, so that `/* c */ #ifdef X` is a directive and begins a line."""
    parts, at = [], 0
    for leaf in leaves(source):
        if leaf.kind == "comment":
            parts.append(source.text[at : leaf.start])
            at = leaf.end
    return " ".join([*parts, source.text[at:]])


def _gaps(source: Source, tokens: Sequence[Node]) -> Iterator[tuple[str, str]]:
    """Yield what stands before each token and after the last: as it is, and as a blank where it is only space.

    At both ends of the file there may be none.
    """
    comments = [leaf for leaf in leaves(source) if leaf.kind == "comment"]
    at, next_one = 0, 0
    for end, after in [*((token.start, token.end) for token in tokens), (len(source.text), 0)]:
        parts, start = [], at
        while next_one < len(comments) and comments[next_one].start < end:
            parts.append(source.text[start : comments[next_one].start])
            start, next_one = comments[next_one].end, next_one + 1
        rest = " ".join([*parts, source.text[start:end]])
        outside = at == 0 or end == len(source.text)
        yield source.text[at:end], " " if (rest or outside) and _SPACE.fullmatch(rest) else rest
        at = after
