"""What was measured: predictions, outcomes of attacked samples, single traceable numbers, and what a training took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.types import Label

Verdict = Literal["fooled", "resisted", "already_wrong", "no_sites", "unparsable", "too_large"]
"""What became of one attacked sample.

fooled: a verified adversarial program was found; resisted: none within the budget; already_wrong: the victim
misjudges the unchanged program, so it is not attacked; no_sites: nothing in it may be changed; unparsable: it cannot
be analysed at all (too long, too deep, NUL bytes); too_large: its space is too large for an exhaustive search, which
says nothing about it.
"""


@dataclass(frozen=True)
class Outcome:
    """One attacked sample, judged by the harness. One line in outcomes/."""

    sample_id: str
    label: Label
    verdict: Verdict
    queries: int
    """Programs put to the victim, the original and repetitions included (the convention of ALERT)."""
    distinct: int = 0
    """Different programs among them: what was really computed."""
    fell_at: int | None = None
    """The query at which the adversarial program was first seen; None unless fooled."""
    sites: int = 0
    alleles: int = 0
    changed: tuple[str, ...] = ()
    tokens_changed: float = 0.0
    """Share of the program's C tokens that differ from the original, 0 to 1."""
    adversarial: str | None = None
    """The program that fooled the victim, None otherwise."""
    original_parses: bool = True
    """Whether the unchanged program parses without error (15 to 20% of Devign does not)."""
    refused: str = ""
    """Why a program that fooled the victim was not counted; empty otherwise."""
    stopped: Mapping[str, int] = field(default_factory=dict)
    """How many programs that fooled the victim each check stopped, by the name of the check."""
    by_truncation: bool = False
    """Whether the success owes itself to truncation alone: the original, cut where the adversarial program leaves the
    victim's window, fools it as well."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Predictions:
    """How one classifier judged n clean samples: three columns of length n, in the order of the samples."""

    sample_ids: tuple[str, ...]
    labels: tuple[Label, ...]
    vulnerable: tuple[float, ...]
    """P(label == 1)."""

    def __post_init__(self) -> None:
        """Reject columns that do not belong together."""
        if len({len(self.sample_ids), len(set(self.sample_ids)), len(self.labels), len(self.vulnerable)}) != 1:
            raise ValueError("expected one id of its own, label and probability for each sample")
        if not all(0.0 <= share <= 1.0 for share in self.vulnerable):
            raise ValueError("expected probabilities between 0 and 1")

    @property
    def right(self) -> tuple[bool, ...]:
        """Which samples are classified correctly; a tie goes to 0."""
        return tuple((share > 0.5) == bool(label) for label, share in zip(self.labels, self.vulnerable, strict=True))


@dataclass(frozen=True)
class Record:
    """One number with everything needed to trace it."""

    task: str
    teacher: str
    method: str
    seed: int
    attack: str
    """Empty for a number that no attack is part of."""
    metric: str
    value: float
    unit: str
    """Such as "%", "MB", "ms", "J", "GFLOPs"; empty for pure numbers."""
    n: int
    """Over how many samples (or repetitions, for timings)."""
    low: float | None = None
    """95% interval; None where none is computed."""
    high: float | None = None
    source: str = ""
    """How it was obtained, where that is not obvious: "RAPL", "estimated from CPU time", "paper formula"."""
    commit: str = ""
    device: str = ""


@dataclass(frozen=True)
class Training:
    """What the training of a network took. Another training of the same network takes another time."""

    seconds: float
    """Wall time of the steps, validation not counted."""
    gflops: float
    """Three times what the answers over the real tokens of every epoch need."""
    peak: float
    """GFLOPs per second of a dense matrix product, measured on the same device."""

    @property
    def utilisation(self) -> float:
        """Share of the peak."""
        return self.gflops / self.seconds / self.peak if self.seconds else 0.0
