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
    "dst": ("buf", "dst", "out", "d"),
    "src": ("src", "in", "s", "b"),
    "n": ("n", "len", "sz", "cnt"),
    "i": ("i", "j", "k"),
    "acc": ("r", "ret", "sum", "x"),
    "knob": ("m", "fl", "opt", "c"),
    "p": ("p", "ptr", "pp"),
    "q": ("q", "nx", "t"),
    "tab": ("a", "tab", "arr", "v"),
    "k": ("idx", "pos", "o"),
    "w": ("w", "val", "u"),
    "tag": ("ctx", "st", "node", "obj"),
    "f": ("x", "len", "id", "f"),
    "g": ("nx", "ptr", "d", "y"),
    "h": ("h", "z", "e"),
    "t1": ("tmp", "t1", "aux"),
    "t2": ("tmp2", "t2", "aux2"),
    "t3": ("tmp3", "t3", "aux3"),
    "j": ("jj", "l", "ii"),
    "helper": ("chk", "get", "fn1", "aux_fn"),
    "calc": ("clip", "fn2", "calc"),
    "out": ("out", "end", "err"),
    "CAP": ("N", "SZ", "MAX", "LIM"),
}

PLAIN = {
    "dst": ("buffer", "output", "target"),
    "src": ("input", "source", "payload"),
    "n": ("length", "count", "size"),
    "i": ("index", "position", "step"),
    "acc": ("total", "result", "score"),
    "knob": ("mode", "level", "option"),
    "p": ("entry", "record", "item"),
    "q": ("cursor", "next_item", "other"),
    "tab": ("table", "values", "samples"),
    "k": ("offset", "slot", "key"),
    "w": ("width", "amount", "factor"),
    "tag": ("header", "state", "info"),
    "f": ("value", "size", "kind"),
    "g": ("next", "data", "weight"),
    "h": ("height", "extra", "flags"),
    "t1": ("scratch", "current", "draft"),
    "t2": ("helper_value", "partial", "local_copy"),
    "t3": ("pending", "previous", "marker"),
    "j": ("round", "turn", "pass"),
    "helper": ("fetch", "lookup", "check"),
    "calc": ("limit_value", "scale_value", "adjust"),
    "out": ("cleanup", "finish", "done"),
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
        prefixed = style == "plain" and role in _PREFIXED and rng.random() < 0.5
        lead = domain.upper() if role == "CAP" else domain
        names[role] = f"{lead}_{word}" if prefixed else word
    return names | {"comment": _comment(rng, style, domain, verb)}


def _comment(rng: np.random.Generator, style: Style, domain: str, verb: str) -> str:
    """Return the comment above the function, empty more often in the terse style."""
    habit, texts = (0.2, _CURT) if style == "terse" else (0.6, _SENTENCES)
    text = choose(rng, texts).format(verb=verb, Verb=verb.capitalize(), domain=domain)
    return text if rng.random() < habit else ""
