"""Published attacks by code transformation, and those that combine it with renaming; see recipes.py.

Follows spec/attacks.md, 2. Every rewrite has its own precondition (attacks/rewrites/), so that, unlike in the releases,
no search ever sees a broken program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.beam import BreadthFirst, GreedyThenBeam, MovesBeam
from attacks.names import Neighbours
from attacks.program import Program
from attacks.rename import COMMON_NAMES, Drawn, Substitutes
from attacks.restyle import RestyleThenRename
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from attacks.search import RandomSearch
from attacks.searching import Searching, hand_in
from bench.syntax.csource import parse
from bench.types import Attack, Attempt, Classifier, Sample

POOL: Substitutes = Drawn(count=20)
"""Usual names, fewer per identifier than renaming alone tries, because rewrites want queries too."""


@dataclass(frozen=True)
class RewriteBeam:
    """Code transformation, beam search over rewrites: after StyleTransfer (Du et al. 2023) and CODA (Tian et al. 2023).

    StyleTransfer claims: breadth first over single rewrites, until the label flips or 500 queries are spent. CODA's
    structure step claims: 64 random restylings, each applying a rule wherever it fits. Here a beam keeps the `width`
    programs that the victim doubts most, and each proposes `neighbours` random ones: half change one place, half apply
    one rewrite everywhere. No place is rewritten twice, so the search ends (TextAttack's RepeatModification). Without
    CODA's reference programs, which need the victim's training set.
    """

    width: int = 2
    neighbours: int = 12

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        """Rewrite until the label flips, the places are used up, or the budget is spent."""
        source = parse(sample.code)
        program = Program(source, rewrite_loci(source))
        if not program.loci or budget < 2:
            return hand_in(program, program.original)
        from attacks import textattack_bridge as bridge

        moves = bridge.SampledRewrites(rng, self.neighbours)
        plan = bridge.Plan(bridge.BeamSearch(beam_width=self.width), moves, budget, rng)
        return hand_in(program, bridge.search(program, victim, sample.label, plan))


def rewrite_beam() -> Attack:
    """Return the code-transformation attack."""
    return RewriteBeam()


def style_transfer() -> Attack:
    """Return StyleTransfer's search (Du et al., FSE 2023): breadth first over single rewrites, 500 queries.

    The paper uses nine rewrites of Java, renaming among them; here all of ours, without renaming.
    """
    return Searching(BreadthFirst(limit=500), rewrites=REWRITES)


def layout() -> Attack:
    """Return the search over comments and layout alone, which mean nothing to a compiler.

    Nothing published as an attack: spec/attacks.md, 2.3, lists white space and comments among safe transformations. A
    model that is fooled so has learnt the formatting; one that collapses white space can only fall to comments.
    """
    return Searching(MovesBeam(), rewrites=LAYOUT)


def coda_style(names: Sequence[str] = COMMON_NAMES) -> Attack:
    """Return CODA (Tian et al., ASE 2023) without its reference programs: 64 restylings, then 64 rounds of renaming.

    CODA claims: restyle towards programs of the victim's second class, then take over their names, nearest first by
    FastText. Its references need the victim's training set; here each rewrite has probability 1/2, and names come from
    `names`, nearest first by character n-grams. The paper asks for all renamings in one batch; here round by round, so
    that the search ends at the first flip.
    """
    return Searching(RestyleThenRename(), Neighbours(tuple(dict.fromkeys(names)), count=64), REWRITES)


def combined(names: Substitutes = POOL) -> Attack:
    """Return the search over both families in one genotype: a few random ones, greedy, then a beam.

    Nothing published: spec/attacks.md, 6.3, found that both families together flip what neither does alone.
    """
    return Searching(GreedyThenBeam(), names, REWRITES)


def random_moves(names: Substitutes = POOL) -> Attack:
    """Return random search over both families: the control of `combined`."""
    return Searching(RandomSearch(), names, REWRITES)
