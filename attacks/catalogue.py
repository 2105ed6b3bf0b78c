"""Every attack by name: one line each, with what it is, whom it follows, and how it is made.

The names are what users type after --attacks and read in tables. Importing this module imports neither TextAttack nor
torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from attacks import recipes, recipes_code
from attacks.names import Embed, Fixed, Neighbours
from attacks.rename import COMMON_NAMES, Drawn, Substitutes
from attacks.search import EXHAUSTIBLE
from attacks.searching import Searching
from attacks.suite import suite
from bench.types import Attack


@dataclass(frozen=True)
class Names:
    """Where an attack takes its substitutes from."""

    pool: tuple[str, ...] = COMMON_NAMES
    """Names of locals in a corpus, most frequent first."""
    source: Substitutes | None = None
    """What the user asked for; None: every attack draws from the pool in its own way."""

    def drawn(self, count: int = Drawn.count) -> Substitutes:
        """Return the source, or at most `count` random names of the pool per identifier."""
        return self.source if self.source is not None else Drawn(self.pool, count=count)

    def into(self, attack: Attack) -> Attack:
        """Return an attack that brings names of its own, with the source instead where there is one."""
        return replace(attack, names=self.source) if self.source and isinstance(attack, Searching) else attack

    @property
    def space(self) -> Embed | None:
        """The embedding that the source looks for neighbours in, if it does."""
        return self.source.embed if isinstance(self.source, Neighbours) else None


@dataclass(frozen=True)
class Listed:
    """One attack that users can name."""

    summary: str
    """What it is, in one line."""
    source: str
    """Paper that it follows."""
    make: Callable[[Names], Attack]
    budget: int | None = None
    """Queries that it gets whatever the run allows; None: what the run allows."""


CATALOGUE: dict[str, Listed] = {
    "rename-greedy": Listed(
        "renaming, greedy by importance, TextAttack's search",
        "Yang et al., ICSE 2022; Du et al., FSE 2023",
        lambda names: recipes.RenameGreedy(names.drawn()),
    ),
    "rewrite-beam": Listed(
        "code transformation, beam search over rewrites, TextAttack's search",
        "Du et al., FSE 2023; Tian et al., ASE 2023",
        lambda names: recipes_code.rewrite_beam(),
    ),
    "alert-greedy": Listed(
        "renaming, greedy by importance of single occurrences, first flip wins",
        "Yang et al., ICSE 2022",
        lambda names: recipes.alert_greedy(names.drawn()),
    ),
    "alert": Listed(
        "renaming, greedy, then genetic where greedy fails",
        "Yang et al., ICSE 2022",
        lambda names: recipes.alert(names.drawn()),
    ),
    "mhm-ns": Listed(
        "renaming, Metropolis-Hastings in ALERT's setting",
        "Zhang et al., AAAI 2020; Yang et al., ICSE 2022",
        lambda names: recipes.mhm(names.drawn()),
    ),
    "mhm-vocabulary": Listed(
        "renaming, Metropolis-Hastings over 5,000 names of the corpus",
        "Zhang et al., AAAI 2020",
        lambda names: names.into(recipes.mhm_vocabulary(names.pool)),
    ),
    "wir-random": Listed(
        "renaming, ALERT's walk over 30 random names each",
        "Du et al., FSE 2023",
        lambda names: names.into(recipes.wir_random(names.pool)),
    ),
    "wir-random-first": Listed(
        "renaming in random order, 50 random names each, at most 5 changed",
        "Zeng et al., ISSTA 2022",
        lambda names: names.into(recipes.wir_random_first(names.pool)),
    ),
    "rename-beam": Listed(
        "renaming, beam by statement kind (BeamAttack)",
        "Du et al., FSE 2023",
        lambda names: recipes.rename_beam(names.drawn()),
    ),
    "rnns": Listed(
        "renaming, nearest names along the improving direction",
        "Zhang et al., EMNLP Findings 2023",
        lambda names: names.into(recipes.rnns(names.pool, names.space)),
    ),
    "random-names": Listed(
        "control: random renamings", "this project", lambda names: recipes.random_names(names.drawn())
    ),
    "exhaustive": Listed(
        f"all renamings of samples with at most {EXHAUSTIBLE:,} of them: the exact optimum, at any number of queries",
        "this project",
        lambda names: recipes.exhaustive(Fixed(names.drawn())),
        budget=EXHAUSTIBLE + 1,
    ),
    "style-transfer": Listed(
        "code transformation, breadth first", "Du et al., FSE 2023", lambda names: recipes_code.style_transfer()
    ),
    "layout": Listed(
        "comments and layout alone, beam over random moves", "this project", lambda names: recipes_code.layout()
    ),
    "coda-style": Listed(
        "restylings, then rounds of renaming, without reference programs",
        "Tian et al., ASE 2023",
        lambda names: names.into(recipes_code.coda_style(names.pool)),
    ),
    "combined": Listed(
        "renames and rewrites in one genotype: random, greedy, beam",
        "this project",
        lambda names: recipes_code.combined(names.drawn(20)),
    ),
    "random-moves": Listed(
        "control: random genotypes of both families",
        "this project",
        lambda names: recipes_code.random_moves(names.drawn()),
    ),
    "suite": Listed(
        "ensemble of attacks until one succeeds: robust accuracy",
        "after Croce and Hein, ICML 2020",
        lambda names: suite(names.pool, names.source),
    ),
}
