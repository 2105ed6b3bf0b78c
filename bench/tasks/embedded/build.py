"""From a template to a C program: the choices that do not depend on the label first, the label last.

A template is C with a few marks. `$role` is a name or a type; `$c1` a small number; `{~ a ~| b ~}` is one of the two,
whatever the label; `@loop init; condition; step` to `@end` is a for, while or do loop; `@guard condition` leaves with
an error; `ISNULL(p)`, `NOTNULL(p)` and `STEP(i)` have several spellings; `@pre`, `@mid` and `@post` take harmless
statements. Only two marks look at the label: `{{vulnerable ## repaired}}`, and `@swap A @with B @done`, which keeps
the order in the vulnerable program and reverses it in the repaired one. So twins differ there and nowhere else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from bench.tasks.embedded import surroundings
from bench.tasks.embedded.names import choose

_CHOICE = re.compile(r"\{~((?:(?!\{~).)*?)~\}", re.S)
_LOOP = re.compile(r"@loop ([^;\n]*); ([^;\n]*); ([^;\n]*)\n((?:(?!@loop).)*?)@end\n", re.S)
_ARGUMENT = r"\(((?:[^()\n]|\([^()\n]*\))+)\)"
_SWAP = re.compile(r"@swap\n(.*?)@with\n(.*?)@done\n", re.S)
_LABEL = re.compile(r"\{\{(.*?) ?## ?(.*?)\}\}", re.S)

_TYPES = {
    "byte": ("char", "unsigned char"),
    "num": ("int", "short", "long"),
    "ity": ("int", "long"),
    "uty": ("unsigned", "size_t", "unsigned long"),
    "err": ("-1", "-1", "-2"),
    "cap": ("8", "12", "16", "20", "32"),
}

_HEADERS = (
    ("limits.h", r"\b(INT_MAX|UINT_MAX)\b"),
    ("stddef.h", r"\b(size_t|NULL)\b"),
    ("stdio.h", r"\b(printf|snprintf|sprintf|sscanf|EOF)\b"),
    ("stdlib.h", r"\b(malloc|calloc|realloc|free|abs)\b"),
    ("string.h", r"\b(memcpy|memset|strlen|strchr|strcmp)\b"),
)


@dataclass(frozen=True)
class Variant:
    """One flaw and its repair, as a template."""

    code: str
    """The translation unit without includes."""
    driver: str
    """Body of main(): harmless calls first, then the one that shows the flaw. Mentions no name but `$fn`."""


@dataclass(frozen=True)
class Family:
    """The variants of one weakness."""

    cwe: str
    name: str
    variants: tuple[Variant, ...]
    """Three, the commonest first."""


def build(variant: Variant, names: dict[str, str], rng: np.random.Generator, label: int) -> tuple[str, str]:
    """Return code and driver; `rng` decides the same for either label."""
    words = names | {role: choose(rng, options) for role, options in _TYPES.items()}
    define = rng.random() < 0.5 and "$CAP" in variant.code
    top = f"#define {words['CAP']} {words['cap']}\n\n" if define else ""
    words["CAP"] = words["CAP"] if define else words["cap"]
    text = _expand(_surround(variant.code, rng), rng)
    code = top + _tidy(_label(_fill(text, words, rng), label), words["comment"])
    driver = _fill(variant.driver, words, rng)
    main = f"int main(void)\n{{\n{_indent(driver, 1)}    return 0;\n}}\n"
    return _includes(code) + code, _includes(main) + main


def _surround(text: str, rng: np.random.Generator) -> str:
    """Put harmless statements in their places, and the helper that they may call in front."""
    for place, statements in surroundings.draw(rng).items():
        text = text.replace(place + "\n", statements)
    helper = surroundings.CALC[int(rng.integers(len(surroundings.CALC)))]
    return helper + text if "$calc" in text else text


def _expand(text: str, rng: np.random.Generator) -> str:
    """Resolve the marks that have nothing to do with the label, innermost first."""
    while found := _CHOICE.search(text):
        text = text[: found.start()] + choose(rng, found[1].split("~|")).strip(" ") + text[found.end() :]
    while found := _LOOP.search(text):
        text = text[: found.start()] + _loop(found, rng) + text[found.end() :]
    text = re.sub(r"@guard (.*)\n", lambda found: _guard(found[1], rng), text)
    text = re.sub(r"ISNULL" + _ARGUMENT, lambda found: choose(rng, (f"{found[1]} == NULL", f"!{found[1]}")), text)
    text = re.sub(r"NOTNULL" + _ARGUMENT, lambda found: choose(rng, (f"{found[1]} != NULL", found[1])), text)
    return re.sub(r"STEP\((\S+?)\)", lambda found: _step(found[1], rng), text)


def _loop(found: re.Match[str], rng: np.random.Generator) -> str:
    """Spell a loop; a do loop stands behind its own condition, so that it runs no more often than the others."""
    start, condition, step, body = found.groups()
    form = rng.random()
    if form < 0.5:
        return f"for ({start}; {condition}; {step}) {{\n{body}}}\n"
    if form < 0.85:
        return f"{start};\nwhile ({condition}) {{\n{body}{step};\n}}\n"
    return f"{start};\nif ({condition}) {{\ndo {{\n{body}{step};\n}} while ({condition});\n}}\n"


def _guard(text: str, rng: np.random.Generator) -> str:
    """Spell an early return; behind `=>` stands what is to be done first."""
    condition, _, before = text.partition(" => ")
    braces = rng.random() < 0.6 or before != ""
    before = before + "\n" if before else ""
    return f"if ({condition}) {{\n{before}return $err;\n}}\n" if braces else f"if ({condition})\nreturn $err;\n"


def _step(name: str, rng: np.random.Generator) -> str:
    return choose(rng, (f"{name}++", f"++{name}", f"{name} += 1"))


def _fill(text: str, words: dict[str, str], rng: np.random.Generator) -> str:
    """Replace `$role` by its name; each `$c1` and `$c2` is the same small number throughout."""
    numbers = {f"c{i}": str(int(rng.integers(2, 10))) for i in (1, 2)}
    known = words | numbers
    return re.sub(r"\$([A-Za-z]\w*)", lambda found: known[found[1]], text)


def _label(text: str, label: int) -> str:
    """Resolve the two marks that look at the label."""
    text = _SWAP.sub(r"\1\2" if label else r"\2\1", text)
    return _LABEL.sub(r"\1" if label else r"\2", text)


def _tidy(text: str, comment: str) -> str:
    """Indent, and put the comment above the last function."""
    head, brace, body = text.rpartition("\n{\n")
    before, _, signature = head.rpartition("\n")
    lines = [before, comment, signature + brace + body]
    return _indent("\n".join(line for line in lines if line), 0)


def _indent(text: str, depth: int) -> str:
    """Indent by braces, four spaces a level; a statement under an unbraced `if` goes one deeper."""
    lines, hanging = [], False
    for line in (each.strip() for each in text.splitlines() if each.strip()):
        depth -= line.startswith("}")
        shallow = line.startswith(("case ", "default:")) or re.fullmatch(r"\w+:", line) is not None
        lines.append("    " * (depth + hanging - shallow) + line + "\n")
        depth += line.endswith("{")
        hanging = line.startswith("if (") and line.endswith(")")
    return "".join(lines)


def _includes(code: str) -> str:
    """Return the include lines that this code needs, blank line included."""
    needed = [name for name, pattern in _HEADERS if re.search(pattern, code)]
    if len(needed) > 1 and "stddef.h" in needed and needed != ["limits.h", "stddef.h"]:
        needed.remove("stddef.h")
    return "".join(f"#include <{name}>\n" for name in needed) + ("\n" if needed else "")
