"""Published renaming attacks as their papers' choices. One function per attack; each returns a bench.types.Attack.

Follows spec/attacks.md, 1; code transformation, and the first one of it, RewriteBeam, are in recipes_code.py. Importing
this module imports neither TextAttack nor torch: an attack fetches them when it runs.

Common to all: names are legal before the search, so no query is spent on an illegal program; no two names of a program
share a substitute; all occurrences of a local are renamed, and nothing else. A `names` argument is any `Substitutes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attacks.beam import RenameBeam
from attacks.genetic import GreedyThenGenetic
from attacks.names import CharacterNgrams, Embed, Fixed, Neighbours
from attacks.program import Program
from attacks.recipes_code import rewrite_beam
from attacks.rename import COMMON_NAMES, Drawn, Substitutes, rename_loci
from attacks.rnns import NearestNames
from attacks.search import EXHAUSTIBLE, Exhaustive, Greedy, MetropolisHastings, RandomSearch, at_random
from attacks.searching import Searching, hand_in
from bench.syntax.csource import parse
from bench.types import Attack, Attempt, Classifier, Sample

__all__ = [
    "RenameGreedy",
    "alert",
    "alert_greedy",
    "exhaustive",
    "mhm",
    "mhm_vocabulary",
    "random_names",
    "rename_beam",
    "rename_greedy",
    "rewrite_beam",
    "rnns",
    "wir_random",
    "wir_random_first",
]

VOCABULARY = 5000
"""Names that MHM and WIR-Random draw from (both papers: the 5,000 most frequent tokens)."""
RNNS_POOL = 420
"""Most substitutes per name: what 1 random round and 6 guided ones of 60 can look at."""
POOL: Substitutes = Drawn()
BOUNDED: Substitutes = Fixed(Drawn())


@dataclass(frozen=True)
class RenameGreedy:
    """Identifier renaming, greedy by importance: ALERT's greedy walk (Yang et al. 2022, 3.2) over random names.

    ALERT claims: rank the identifiers by how much the victim's confidence drops when each is hidden (section 3.2.2;
    released code: the sum over single occurrences replaced by `<unk>`); then, in this order, try all substitutes of an
    identifier: the first that flips the label ends the attack, otherwise the one with the largest drop stays. FSE'23's
    WIR-Random (Du et al. 2023) is the same walk over 30 random names each.

    TextAttack's GreedyWordSwapWIR, used here, hides all occurrences at once, so that ranking costs one query per
    identifier; it sorts the substitutes by text, asks for them in one batch, and of several flips takes the surest, not
    the first. Names are drawn from a corpus, not predicted by a masked language model.
    """

    substitutes: Substitutes

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        """Rename until the label flips, the names are used up, or the budget is spent."""
        source = parse(sample.code)
        program = Program(source, rename_loci(source, self.substitutes, rng))
        if not program.loci or budget < 2:
            return hand_in(program, program.original)
        from attacks import textattack_bridge as bridge

        plan = bridge.Plan(bridge.GreedyWordSwapWIR(wir_method="unk"), bridge.AlleleSwap(), budget, rng)
        return hand_in(program, bridge.search(program, victim, sample.label, plan))


def rename_greedy(names: Sequence[str] = COMMON_NAMES) -> Attack:
    """Return the renaming attack; `names` is the pool of substitutes, such as `gather_names(training programs)`."""
    return RenameGreedy(Drawn(tuple(dict.fromkeys(names))))


def alert_greedy(names: Substitutes = POOL) -> Attack:
    """Return ALERT's greedy attack (Yang et al. 2022, 3.2).

    ALERT claims: names from a masked language model, visited by importance, the first flip wins, otherwise the largest
    drop stays. Importance is the sum over single occurrences hidden as `<unk>`, as released. Here they are hidden in
    the program as it is, not in ALERT's comment-free token text; `names` decides between the published lists
    (`Given`), a model (`Suggested`) and a corpus (`Drawn`).
    """
    return Searching(Greedy(), names)


def alert(names: Substitutes = POOL) -> Attack:
    """Return ALERT as the paper reports it: greedy, then a genetic search where greedy failed (3.2 and 3.3).

    ALERT claims 64 children a generation, crossover 0.7, max(5 x population, 10) generations. The released genetic step
    confuses fitness indices and edits parents in place (spec/attacks.md, 1.3 and 4.2); here it does neither.
    """
    return Searching(GreedyThenGenetic(), names)


def mhm(names: Substitutes = POOL) -> Attack:
    """Return Metropolis-Hastings as ALERT compares with it ("MHM-NS": the same substitutes as ALERT).

    MHM claims 100 iterations, 30 candidates, acceptance above 0.95; ALERT runs it with 1. Released code moves to the
    last candidate; here, as the algorithm says, to the best.
    """
    return Searching(MetropolisHastings(), names)


def mhm_vocabulary(names: Sequence[str] = COMMON_NAMES) -> Attack:
    """Return Metropolis-Hastings over a vocabulary ("MHM-original", Zhang et al. 2020): 30 of 5,000 names a step.

    The paper draws from the 5,000 most frequent tokens; `names`, most frequent first, stand for them. They are dealt
    out among the names of a program, so that each sees a share of the 5,000.
    """
    pool = tuple(dict.fromkeys(names))[:VOCABULARY]
    return Searching(MetropolisHastings(), Drawn(pool, count=VOCABULARY))


def wir_random(names: Sequence[str] = COMMON_NAMES) -> Attack:
    """Return WIR-Random as later papers use it (Du et al., FSE 2023): ALERT's walk over 30 random names each.

    The paper draws with replacement from the 5,000 most frequent tokens and checks no collision; here without
    replacement, and only legal names.
    """
    return Searching(Greedy(), Drawn(tuple(dict.fromkeys(names))[:VOCABULARY], count=30))


def wir_random_first(names: Sequence[str] = COMMON_NAMES) -> Attack:
    """Return WIR-Random as first released (Zeng et al., ISSTA 2022): random order, 50 names each, at most 5 changed.

    The release draws from a vocabulary of English word vectors and also rewrites true and false, which is not the same
    program in C; here names come from `names`, and literals stay.
    """
    return Searching(Greedy(at_random, most_changed=5), Drawn(tuple(dict.fromkeys(names)), count=50))


def random_names(names: Substitutes = POOL) -> Attack:
    """Return random search over renamings: the control that a search must beat at the same budget."""
    return Searching(RandomSearch(), names)


def rename_beam(names: Substitutes = POOL) -> Attack:
    """Return BeamAttack (Du et al., FSE 2023): names by the kind of statement they stand in, beam width 3.

    The paper ranks 30 candidates per name by CodeBERT's embedding and measures the kinds' sensitivity on Java; here all
    substitutes of `names` are candidates, and the Java figures are kept for the kinds that C has.
    """
    return Searching(RenameBeam(), names)


def rnns(names: Sequence[str] = COMMON_NAMES, embed: Embed | None = None, *, furthest: float = 2.0) -> Attack:
    """Return RNNS (Zhang et al., EMNLP Findings 2023): follow the direction in which substitutes get better.

    RNNS claims names at most 3 characters longer and within a cosine distance of 0.15 in CodeBERT's space. Character
    n-grams, the default here, have another scale, so that no name is too far; pass `furthest=0.15` with CodeBERT.
    """
    space = embed if embed is not None else CharacterNgrams()
    pool = tuple(dict.fromkeys(names))
    return Searching(NearestNames(space), Neighbours(pool, space, count=RNNS_POOL, longer=3, furthest=furthest))


def exhaustive(names: Substitutes = BOUNDED) -> Attack:
    """Return the complete search of small spaces: no attack on the same space can do better.

    Over `BOUNDED`, all attacks see the same four names per identifier. Samples with more than 20,000 genotypes are
    left out (verdict too_large), and so are those whose budget does not reach.
    """
    return Searching(Exhaustive(), names, largest=EXHAUSTIBLE)
