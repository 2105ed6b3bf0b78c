"""The check that a program does what the original does: both are run with the same inputs under the sanitizers.

The inputs are the sample's driver: for `embedded`, harmless calls and then the one that shows the flaw. So an attacked
program prints the same, ends the same, and is caught for the same kind of flaw if it was vulnerable, and for none if
it was repaired: its label is still a fact. What two runs of the original do differently is left to chance and is not
compared. A program that only a limit of the sandbox ends gets as far as the machine is fast: the other must be stopped
too, and one must have printed the beginning of what the other printed. Where running is all the proof there is, both
also run with inputs drawn by a seed (inputs.py). A place that none of them reaches is the limit of running.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace

from attacks.compiling import whole
from attacks.gcc import Gcc, Observed
from attacks.inputs import variants
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

    def compares(self, sample: Sample) -> bool:
        """Whether the sample can be run: it ends by itself, and the same way each time."""
        return bool(sample.driver) and _is_settled(self.gcc.observe(whole(sample, sample.code)))

    def agrees(self, sample: Sample, program: str) -> bool:
        """Whether it also does as the original with inputs drawn by a seed, wherever that ends the same way each time.

        No where the driver has nothing that could be varied, and where no input is settled.
        """
        driver, count = variants(sample)
        other = replace(sample, driver=driver)
        both = (self.gcc.observe_each(whole(other, code), count) for code in (sample.code, program))
        pairs = [pair for pair in zip(*both, strict=True) if _is_settled(pair[0])]
        return bool(pairs) and not any(difference(before, after) for before, after in pairs)


def _is_settled(observed: Observed) -> bool:
    runs = observed.runs
    return bool(runs) and not any(run.stopped or run != runs[0] for run in runs)


def difference(before: Observed, after: Observed) -> str:
    """Return what a program does that the original never did; "" where nothing is known."""
    if after.fault:
        return f"does not compile: {after.fault}"
    if before.runs and all(run.stopped for run in before.runs):
        return _cut_short(before, after)
    olds, news = (tuple(zip(*map(astuple, observed.runs), strict=True)) for observed in (before, after))
    for aspect, old, new in zip(ASPECTS, olds, news, strict=True):
        if old[0] == old[1] and new != old:
            other = next(value for value in new if value != old[0])
            return f"{aspect} {other!r:.30}, before {old[0]!r:.30}"
    return ""


def _cut_short(before: Observed, after: Observed) -> str:
    """Compare with a program that never ended by itself."""
    ended = next((run for run in after.runs if not run.stopped), None)
    if ended is not None:
        return f"ended with {ended.exit}, before only by a limit"
    shorter, longer = sorted((_longest(before), _longest(after)), key=len)
    return "" if longer.startswith(shorter) else "printed something else before a limit ended it"


def _longest(observed: Observed) -> str:
    """Return all that was seen of an endless output, without a letter that was cut in two."""
    return max((run.output.removesuffix("\N{REPLACEMENT CHARACTER}") for run in observed.runs), key=len)
