"""From a search to an attack: which loci a program offers, and what is handed to the judge.

Follows bench.types.Attack. What an attempt was worth, the judge decides (attacks/judge.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.places import Rewrite
from attacks.program import Genotype, Program
from attacks.rename import Substitutes, rename_loci
from attacks.rewrite import rewrite_loci
from attacks.search import space_size
from attacks.walk import Search, drive
from bench.syntax.csource import parse
from bench.types import Attempt, Classifier, Sample


@dataclass(frozen=True)
class Searching:
    """An attack that is a space and a search through it."""

    search: Search
    names: Substitutes | None = None
    """Where substitutes come from; None leaves all names alone."""
    rewrites: Sequence[Rewrite] = ()
    largest: int | None = None
    """Most genotypes of a space that is searched; a sample with more, or with more than the budget reaches, is left
    out. None: any."""

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        """Search until the label flips, the search ends, or the budget is spent."""
        program = self.program(sample.code, rng)
        if self.largest is not None and program.loci and space_size(program) > min(self.largest, budget):
            return Attempt(None, len(program.loci), program.alternatives, too_large=True)
        if not program.loci or budget < 2:
            return hand_in(program, program.original)
        walk = self.search.walk(program, rng)
        return hand_in(program, drive(program, walk, victim, sample.label, budget))

    def program(self, code: str, rng: np.random.Generator) -> Program:
        """Parse a program and find its loci, names first."""
        source = parse(code)
        renamed = () if self.names is None else rename_loci(source, self.names, rng)
        return Program(source, (*renamed, *(rewrite_loci(source, self.rewrites) if self.rewrites else ())))


def hand_in(program: Program, genotype: Genotype) -> Attempt:
    """Hand a genotype to the judge as a program."""
    text = program.render(genotype) if any(genotype) else None
    return Attempt(text, len(program.loci), program.alternatives, program.changes(genotype))
