"""The check that a program does what the original does: both are run with the same inputs under the sanitizers.

The inputs are the sample's driver: for `embedded`, harmless calls and then the one that shows the flaw. So an attacked
program prints the same, ends the same, and is caught for the same kind of flaw if it was vulnerable, and for none if
it was repaired: its label is still a fact. What two runs of the original do differently is left to chance and is not
compared. A program whose driver never reaches a changed place proves nothing there; that is the limit of running.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from attacks.compiling import whole
from attacks.gcc import Gcc, Observed
from bench.types import Sample

ASPECTS = ("reported", "ended with", "printed")
"""The fields of a Behaviour, as words."""


@dataclass(frozen=True)
class Behaves:
    """It reports, ends and prints as the original does, where there is a driver."""

    gcc: Gcc
    name: str = "behaves"

    def refuse(self, sample: Sample, program: str) -> str:
        """Run both programs, unless the original does not compile."""
        if not sample.driver:
            return ""
        before = self.gcc.observe(whole(sample, sample.code))
        return difference(before, self.gcc.observe(whole(sample, program))) if not before.fault else ""


def difference(before: Observed, after: Observed) -> str:
    """Return what a program does that the original never did; "" where nothing is known."""
    if after.fault:
        return f"does not compile: {after.fault}"
    olds, news = (tuple(zip(*map(astuple, observed.runs), strict=True)) for observed in (before, after))
    for aspect, old, new in zip(ASPECTS, olds, news, strict=True):
        if old[0] == old[1] and new != old:
            other = next(value for value in new if value != old[0])
            return f"{aspect} {other!r:.30}, before {old[0]!r:.30}"
    return ""
