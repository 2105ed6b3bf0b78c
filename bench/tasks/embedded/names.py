"""Two naming styles, the only thing in a program that may correlate with its label.

"terse" is legacy C: one word for everything (`buf`, `len`, `p`), few and curt comments. "plain" spells things out
(`packet_length`, `image_row`), and comments in sentences. Each style has a name for every role that a template may
mention, so that a program means the same in either. Leaves out other conventions (camelCase, Hungarian): a vocabulary
of 1,000 subwords has to hold both styles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

Style = Literal["terse", "plain"]

DOMAINS = ("packet", "image", "audio", "config", "line", "list", "cache", "frame", "route", "user")
VERBS = ("read", "load", "scan", "copy", "parse", "update", "merge", "decode", "collect", "store")

TERSE = {
    "dst": ("buf", "dst", "out"),
    "src": ("src", "in", "s"),
    "n": ("n", "len", "sz"),
    "i": ("i", "j"),
    "acc": ("r", "ret", "sum"),
    "knob": ("m", "fl", "opt"),
    "p": ("p", "ptr"),
    "q": ("q", "nx"),
    "tab": ("a", "tab", "arr"),
    "k": ("k", "idx"),
    "w": ("w", "val"),
    "tag": ("ctx", "st", "node"),
    "f": ("x", "id"),
    "g": ("y", "d"),
    "h": ("h", "z"),
    "t1": ("tmp", "t1"),
    "t2": ("aux", "t2"),
    "t3": ("msg", "t3"),
    "j": ("jj", "ii"),
    "helper": ("chk", "get"),
    "calc": ("clip", "calc"),
    "out": ("end", "err"),
    "CAP": ("N", "SZ", "MAX"),
}

PLAIN = {
    "dst": ("buffer", "output", "target"),
    "src": ("input", "source", "payload"),
    "n": ("length", "count", "size"),
    "i": ("index", "position"),
    "acc": ("total", "result", "score"),
    "knob": ("mode", "level", "option"),
    "p": ("entry", "record"),
    "q": ("cursor", "next_item"),
    "tab": ("table", "values", "samples"),
    "k": ("offset", "slot"),
    "w": ("width", "amount"),
    "tag": ("header", "state", "info"),
    "f": ("value", "kind"),
    "g": ("next", "weight"),
    "h": ("height", "extra"),
    "t1": ("scratch", "current"),
    "t2": ("partial", "draft"),
    "t3": ("pending", "marker"),
    "j": ("round", "turn"),
    "helper": ("fetch", "lookup"),
    "calc": ("limit_value", "adjust"),
    "out": ("cleanup", "finish"),
    "CAP": ("CAPACITY", "LIMIT", "MAX_SIZE"),
}

_PREFIXED = ("dst", "src", "n", "tag", "tab", "helper", "CAP")
"""Roles whose plain name may carry the domain: `packet_length` beside `length`."""

_CURT = ("/* XXX */", "/* ok */", "/* {verb} */", "/* see above */")
_SENTENCES = (
    "/* {Verb} the {domain} and return its score. */",
    "/* {Verb} one {domain}, or fail. */",
    "// {Verb} the {domain} for the caller.",
)


def choose(rng: np.random.Generator, options: Sequence[str]) -> str:
    """Return one of the options, uniformly."""
    return options[int(rng.integers(len(options)))]


def draw_style(rng: np.random.Generator, label: int, shortcut: float) -> Style:
    """Return the label's own style with probability `shortcut`, otherwise either style evenly."""
    follows, coin = rng.random() < shortcut, rng.random() < 0.5
    terse = label == 1 if follows else coin
    return "terse" if terse else "plain"


def draw_names(rng: np.random.Generator, style: Style) -> dict[str, str]:
    """Return a different identifier for each role, in this style."""
    domain, verb = choose(rng, DOMAINS), choose(rng, VERBS)
    names = {"fn": f"{verb}_{choose(rng, (domain[:3], '2', 'x'))}" if style == "terse" else f"{verb}_{domain}"}
    for role, words in (TERSE if style == "terse" else PLAIN).items():
        taken = list(names.values())
        word = choose(rng, [each for each in words if each not in taken])
        prefixed = style == "plain" and role in _PREFIXED and rng.random() < 0.3
        lead = domain.upper() if role == "CAP" else domain
        names[role] = f"{lead}_{word}" if prefixed else word
    return names | {"comment": _comment(rng, style, domain, verb)}


def _comment(rng: np.random.Generator, style: Style, domain: str, verb: str) -> str:
    """Return the comment above the function, empty more often in the terse style."""
    habit, texts = (0.2, _CURT) if style == "terse" else (0.6, _SENTENCES)
    text = choose(rng, texts).format(verb=verb, Verb=verb.capitalize(), domain=domain)
    return text if rng.random() < habit else ""
