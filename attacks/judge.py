"""The only place where queries, success and validity are decided: the harness judges, the attack tries.

Follows STYLE, habit 1, and spec/attacks.md, 3: queries count as ALERT counts them, repetitions and the original
included; a success counts only if the program fools the victim when asked again, alone, passes every `Check`, and is
proven to mean the same.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from attacks.checks import CHECKS, Check
from attacks.memory import Memory
from attacks.proof import UNVERIFIED, is_proven
from attacks.truncation import without_tail
from bench.measuring.metrics import checked
from bench.networks.windows import Windowed
from bench.results import Outcome
from bench.syntax.csource import Source, parse, tokens_changed
from bench.types import Attack, Attempt, Classifier, Label, Probabilities, Sample

MAX_CHARACTERS = 200_000
MAX_DEPTH = 800
"""Levels of nesting; Devign's deepest function has fewer than a hundred."""


@runtime_checkable
class Persistent(Protocol):
    """An attack that goes on when the judge refuses what it handed in, such as an ensemble."""

    def attempts(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Iterator[Attempt]:
        """Hand in one try after the other; the judge stops at the first that counts, otherwise the last is kept."""
        ...


class BudgetSpentError(Exception):
    """An attack asked for more programs than its budget allows; only the judge catches this."""


@dataclass
class CountingVictim:
    """A victim that counts and remembers: each program is computed once, and nothing beyond the budget."""

    classifier: Classifier
    budget: int
    queries: int = 0
    seen: Memory[int] = field(default_factory=Memory)
    """For each program, the query at which it was first put, from 1."""
    known: Memory[NDArray[np.float64]] = field(default_factory=Memory)

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge programs; see `bench.types.Classifier`.

        Raises:
            BudgetSpentError: before anything is computed.
            TypeError, UnicodeEncodeError: not programs.
        """
        if isinstance(programs, str) or not all(isinstance(program, str) for program in programs):
            raise TypeError(f"expected programs as a list of str, got {programs!r:.60}")
        if self.queries + len(programs) > self.budget:
            raise BudgetSpentError(f"asked for {self.queries + len(programs)} queries, budget {self.budget}")
        fresh = self.known.missing(programs)
        for program in fresh:
            program.encode()  # some victims would die of half a surrogate
        if fresh:
            rows = checked(self.classifier.probabilities(fresh), len(fresh))
            for program, row in zip(fresh, rows, strict=True):
                self.known[program] = row
        for program in programs:
            self.queries += 1
            self.seen.setdefault(program, self.queries)
        return np.array([self.known[program] for program in programs], dtype=np.float64).reshape(-1, 2)

    def predicts(self, program: str) -> Label:
        """Judge one program that is known or fits the budget; a tie goes to 0."""
        row = self.known[program] if program in self.known else self.probabilities([program])[0]
        return 1 if row[1] > 0.5 else 0

    def flips_alone(self, program: str, label: Label) -> bool:
        """Put one program in a batch of its own, uncounted: a flip that lives on its company is none."""
        rows = (
            self.classifier.by_itself(program)
            if isinstance(self.classifier, _Apart)
            else self.classifier.probabilities([program])
        )
        return bool(checked(rows, 1)[0][1] > 0.5) != bool(label)


@runtime_checkable
class _Apart(Protocol):
    """A victim that usually mixes questions, and can keep one apart."""

    def by_itself(self, program: str) -> Probabilities:
        """Judge one program in a batch of its own."""
        ...


def judge(
    attack: Attack,
    victim: Classifier,
    sample: Sample,
    budget: int,
    rng: np.random.Generator,
    checks: Sequence[Check] = CHECKS,
) -> Outcome:
    """Attack one sample with at most `budget` queries, the one for the original included (it is always put)."""
    started = time.perf_counter()
    outcome = _Trial(CountingVictim(victim, max(budget, 1)), sample, checks).hold(attack, rng)
    return replace(outcome, seconds=time.perf_counter() - started)


@dataclass
class _Trial:
    """One sample before the judge."""

    victim: CountingVictim
    sample: Sample
    checks: Sequence[Check]
    stopped: Counter[str] = field(default_factory=Counter)

    def hold(self, attack: Attack, rng: np.random.Generator) -> Outcome:
        """Look at the sample, let the attack try, and rule on what it hands in."""
        sample, victim = self.sample, self.victim
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
        ruled = outcome
        try:
            for attempt in self._attempts(attack, rng):
                ruled = self._rule(outcome, attempt, source)
                if ruled.verdict == "fooled":
                    break
        except BudgetSpentError as error:
            ruled = replace(outcome, sites=max(ruled.sites, 1), refused=str(error))
        return replace(ruled, queries=victim.queries, distinct=len(victim.seen), stopped=dict(self.stopped))

    def _attempts(self, attack: Attack, rng: np.random.Generator) -> Iterator[Attempt]:
        left = self.victim.budget - self.victim.queries
        if isinstance(attack, Persistent) and callable(attack.attempts):
            yield from attack.attempts(self.victim, self.sample, left, rng)
        else:
            yield attack.attempt(self.victim, self.sample, left, rng)

    def _rule(self, outcome: Outcome, attempt: Attempt, source: Source) -> Outcome:
        """Look at the program itself: was it asked, is it judged otherwise, does it still mean the same."""
        sample, victim, program = self.sample, self.victim, attempt.program
        outcome = replace(outcome, sites=attempt.sites, alleles=attempt.alleles, changed=attempt.changed)
        if attempt.too_large:
            return replace(outcome, verdict="too_large")
        if program is None or program == sample.code:
            return replace(outcome, verdict="resisted" if attempt.sites else "no_sites", changed=())
        reason = unparsable(program)
        if not reason and program not in victim.seen and victim.queries >= victim.budget:
            reason = "never put to the victim within the budget"
        if reason:
            return replace(outcome, refused=reason)
        if victim.predicts(program) == sample.label:
            return outcome
        reason = self._refuse(program, attempt.changed)
        if reason:
            return replace(outcome, refused=reason)
        return replace(
            outcome,
            verdict="fooled",
            adversarial=program,
            fell_at=victim.seen[program],
            tokens_changed=tokens_changed(source, parse(program)),
            by_truncation=self._by_truncation(program),
        )

    def _refuse(self, program: str, changed: Sequence[str]) -> str:
        """Return why a program that fooled the victim does not count; note which check stopped it."""
        if not self.victim.flips_alone(program, self.sample.label):
            self.stopped["reproduced"] += 1
            return "not reproduced alone"
        for check in self.checks:
            if reason := check.refuse(self.sample, program):
                self.stopped[check.name] += 1
                return reason
        if not is_proven(self.sample, program, changed, self.checks):
            self.stopped[UNVERIFIED] += 1
            return "unverified: no renaming, not rebuilt from the changes named, not run"
        return ""

    def _by_truncation(self, program: str) -> bool:
        """Whether the original, without what the attack pushed out of the window, is misjudged as well."""
        victim = self.victim.classifier
        if not isinstance(victim, Windowed):
            return False
        short = without_tail(self.sample.code, program, victim)
        return short is not None and self.victim.flips_alone(short, self.sample.label)


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
