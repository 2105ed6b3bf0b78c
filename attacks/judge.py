"""The only place where queries, success and validity are decided: the harness judges, the attack tries.

Follows STYLE, habit 1, and spec/attacks.md, 3: queries count as ALERT counts them, repetitions and the original
included; a success counts only if the program passes `verify` and fools the victim when asked again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from attacks.verify import verify
from bench.csource import Source, parse, tokens_changed
from bench.results import Outcome
from bench.types import Attack, Attempt, Classifier, Label, Probabilities, Sample, UsageError

MAX_CHARACTERS = 200_000
MAX_DEPTH = 800
"""Levels of nesting; Devign's deepest function has fewer than a hundred."""


class BudgetSpentError(Exception):
    """An attack asked for more programs than its budget allows; only the judge catches this."""


@dataclass
class CountingVictim:
    """A victim that counts and remembers: each program is computed once, and nothing beyond the budget."""

    classifier: Classifier
    budget: int
    queries: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    """For each program, the query at which it was first put, from 1."""
    known: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge programs; see `bench.types.Classifier`. Raises BudgetSpentError before anything is computed."""
        if self.queries + len(programs) > self.budget:
            raise BudgetSpentError(f"asked for {self.queries + len(programs)} queries, budget {self.budget}")
        fresh = [program for program in dict.fromkeys(programs) if program not in self.known]
        if fresh:
            self.known.update(zip(fresh, _checked(self.classifier.probabilities(fresh), len(fresh)), strict=True))
        for program in programs:
            self.queries += 1
            self.seen.setdefault(program, self.queries)
        return np.array([self.known[program] for program in programs], dtype=np.float64).reshape(-1, 2)

    def predicts(self, program: str) -> Label:
        """Judge one program that is known or fits the budget; a tie goes to 0."""
        row = self.known[program] if program in self.known else self.probabilities([program])[0]
        return 1 if row[1] > 0.5 else 0

    def doubts(self, program: str, label: Label) -> str:
        """Put a claimed success once more, alone and uncounted: a flip that lives on its batch is none."""
        again = _checked(self.classifier.probabilities([program]), 1)[0]
        return "not reproduced alone" if (1 if again[1] > 0.5 else 0) == label else ""


def _checked(rows: object, n: int) -> NDArray[np.float64]:
    """Reject what is no table of probabilities: a silent NaN would read as "not vulnerable"."""
    table = np.asarray(rows, dtype=np.float64)
    if table.shape != (n, 2):
        raise UsageError(f"expected probabilities of shape ({n}, 2), got {table.shape}: mend the model's classifier")
    if not np.isfinite(table).all() or np.abs(table.sum(axis=1) - 1).max() > 1e-3:
        raise UsageError("expected finite probabilities that sum to 1, got others: mend the model's classifier")
    return table


def judge(attack: Attack, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Outcome:
    """Attack one sample with at most `budget` queries, the one for the original included (it is always put)."""
    started = time.perf_counter()
    outcome = _judge(attack, CountingVictim(victim, max(budget, 1)), sample, rng)
    return replace(outcome, seconds=time.perf_counter() - started)


def _judge(attack: Attack, victim: CountingVictim, sample: Sample, rng: np.random.Generator) -> Outcome:
    outcome = Outcome(sample.id, sample.label, "resisted", 0)
    reason = unparsable(sample.code)
    if reason:
        return replace(outcome, verdict="unparsable", refused=reason, original_parses=False)
    source = parse(sample.code)
    outcome = replace(outcome, original_parses=source.faults == 0)
    if source.depth > MAX_DEPTH:
        return replace(outcome, verdict="unparsable", refused=f"nested {source.depth} levels deep")
    if victim.predicts(sample.code) != sample.label:
        return replace(outcome, verdict="already_wrong", queries=1, distinct=1)
    try:
        attempt = attack.attempt(victim, sample, victim.budget - victim.queries, rng)
    except BudgetSpentError as error:
        outcome = replace(outcome, refused=str(error))
        attempt = Attempt(None, 1)
    outcome = replace(outcome, sites=attempt.sites, alleles=attempt.alleles, changed=attempt.changed)
    outcome = _rule(outcome, victim, sample, attempt, source)
    return replace(outcome, queries=victim.queries, distinct=len(victim.seen))


def _rule(outcome: Outcome, victim: CountingVictim, sample: Sample, attempt: Attempt, source: Source) -> Outcome:
    """Look at the program itself: was it asked, is it judged otherwise, does it still mean the same."""
    program = attempt.program
    if program is None or program == sample.code:
        return replace(outcome, verdict="resisted" if attempt.sites else "no_sites", changed=())
    if program not in victim.seen and victim.queries >= victim.budget:
        return replace(outcome, refused="never put to the victim within the budget")
    if victim.predicts(program) == sample.label:
        return outcome
    reason = verify(sample.code, program) or victim.doubts(program, sample.label)
    if reason:
        return replace(outcome, refused=reason)
    changed = tokens_changed(source, parse(program))
    return replace(outcome, verdict="fooled", adversarial=program, fell_at=victim.seen[program], tokens_changed=changed)


def unparsable(code: str) -> str:
    """Return why a program cannot be analysed at all; "" where it can."""
    if "\0" in code:
        return "holds NUL bytes"
    if len(code) > MAX_CHARACTERS:
        return f"{len(code)} characters long, limit {MAX_CHARACTERS}"
    try:
        code.encode()
    except UnicodeEncodeError:
        return "no Unicode text"
    return ""
