"""An attack: rename one local at a time, and hand in the renaming that the victim likes least.

An attack is any object with `attempt` (bench.types.Attack). It only tries: the judge counts its queries, checks that
the program still means the same, and asks the victim again. It keeps no state, because several programs are attacked
side by side, and it can be pickled, because worker processes of our own attack as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attacks.catalogue import Listed, Names
from attacks.program import Program
from attacks.rename import Substitutes, rename_loci
from attacks.searching import hand_in
from bench.syntax.csource import parse
from bench.types import Attempt, Classifier, Sample


@dataclass(frozen=True)
class OneName:
    """All renamings of a single local, as many as the budget allows."""

    names: Substitutes

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        """Try them in one batch; one query of the budget went to the original."""
        source = parse(sample.code)
        program = Program(source, rename_loci(source, self.names, rng))
        tried = [
            tuple(allele if other == place else 0 for other in range(len(program.loci)))
            for place, locus in enumerate(program.loci)
            for allele in range(1, len(locus.alleles))
        ][: budget - 1]
        if not tried:
            return hand_in(program, program.original)
        left = victim.probabilities([program.render(genotype) for genotype in tried])[:, sample.label]
        return hand_in(program, tried[int(np.argmin(left))])


def _make(names: Names) -> OneName:
    return OneName(names.drawn())


ENTRY = Listed("renaming of a single local", "example", _make)
