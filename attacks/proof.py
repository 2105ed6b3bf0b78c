"""Whether a success is proven, or only not refuted: what changed is known, or both programs ran (DESIGN.md, D80).

The checks find differences; a program in which they find none may still mean something else, such as `<=` for `<` where
nothing can be run. So a success needs one of three proofs, whatever attack brought it: it is the original with its
locals renamed (renamed.py); it is rebuilt from the original by the renames and rewrites that the attack says it made
(rebuild.py); or both programs ran to their ends and a check compared them (behaviour.py), under the sample's driver and
under dozens of others, drawn by a seed (inputs.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from attacks.behaviour import Behaves
from attacks.checks import Check
from attacks.rebuild import is_rebuilt
from attacks.renamed import is_renamed
from bench.syntax.csource import parse
from bench.types import Sample

UNVERIFIED = "unverified"
"""What outcomes count such programs under, beside the names of the checks."""


def is_proven(sample: Sample, program: str, changed: Sequence[str], checks: Sequence[Check]) -> bool:
    """Whether a program that passed these checks is known to mean what the sample's means, cheapest proof first."""
    source = parse(sample.code)
    return (
        is_renamed(source, parse(program))
        or is_rebuilt(source, program, changed)
        or any(isinstance(c, Behaves) and c.compares(sample) and c.agrees(sample, program) for c in checks)
    )
