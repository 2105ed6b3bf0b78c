"""The worst adversarial examples: programs that changed least and fooled a student, beside what they were.

Worst means that the fewest tokens changed; successes that truncation alone explains are left out. Each shown program is
of another sample, and students that did not collapse come first: what fools a constant teaches little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from bench.reporting.runs import Row
from bench.reporting.summary import Summary
from bench.results import Outcome

MOST = 6
"""Examples on a page."""
LONGEST = 20_000
"""Characters of a program that is still compared and shown."""
TOKEN = re.compile(r"\w+|\s+|.", re.DOTALL)
VERDICTS = ("not vulnerable", "vulnerable")


@dataclass(frozen=True)
class Piece:
    """Some text of a program, and whether it differs from the other side."""

    text: str
    changed: bool


@dataclass(frozen=True)
class Example:
    """One success."""

    student: str
    attack: str
    sample: str
    truth: str
    judged: str
    queries: int
    """At which the student fell."""
    share: float
    """Of the program's tokens that changed, in %."""
    changes: tuple[str, ...]
    before: tuple[Piece, ...]
    """Empty where the original is not at hand."""
    after: tuple[Piece, ...]


def examples(run: Summary) -> list[Example]:
    """Return the worst successes of a report, the smallest change first."""
    originals = run.runs.originals()
    ranked = sorted(_candidates(run), key=lambda found: (run.collapsed(found[0]), *_rank(found)))
    chosen: dict[str, tuple[Row, str, Outcome]] = {}
    for found in ranked:
        if len(found[2].adversarial or "") <= LONGEST:
            chosen.setdefault(found[2].sample_id, found)
    return [_example(run, *found, originals) for found in list(chosen.values())[:MOST]]


def _candidates(run: Summary) -> Iterator[tuple[Row, str, Outcome]]:
    for (row, attack), traces in run.traces.items():
        for trace in traces.values():
            yield from ((row, attack, outcome) for outcome in trace.closest)


def _rank(found: tuple[Row, str, Outcome]) -> tuple[float, int, str]:
    outcome = found[2]
    return outcome.tokens_changed, outcome.fell_at or 0, outcome.sample_id


def _example(run: Summary, row: Row, attack: str, outcome: Outcome, originals: Mapping[str, str]) -> Example:
    name = str(run.label(row)[1])
    before, after = pieces(originals.get(outcome.sample_id, ""), outcome.adversarial or "")
    return Example(
        student=f"{name} ({run.short(row[0])})",
        attack=attack,
        sample=outcome.sample_id,
        truth=VERDICTS[outcome.label],
        judged=VERDICTS[1 - outcome.label],
        queries=outcome.fell_at or 0,
        share=100 * outcome.tokens_changed,
        changes=outcome.changed,
        before=before,
        after=after,
    )


def pieces(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Cut two programs where they differ, token by token; without a `before` nothing is marked."""
    if not 0 < len(before) <= LONGEST:
        return (), (Piece(after, False),)
    old, new = TOKEN.findall(before), TOKEN.findall(after)
    left, right = [], []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        left.append(Piece("".join(old[a:b]), kind != "equal"))
        right.append(Piece("".join(new[c:d]), kind != "equal"))
    return tuple(p for p in left if p.text), tuple(p for p in right if p.text)
