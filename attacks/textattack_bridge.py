"""TextAttack (Morris et al. 2020) over genotypes: our alleles are its words, our loci its indices.

Follows spec/attacks.md, 6: its goal function, query budget, constraints and search methods serve as they are. Left out:
its tokenizer (made for English), its result cache (the judge counts and caches), its loggers, its Attacker. Importing
this module imports TextAttack and torch (5 s and more), offline: recipes do it inside `attempt`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks.offline import offline
from attacks.program import MASKED, Genotype, Program
from attacks.randomness import Randomness
from bench.types import Classifier

__all__ = [
    "AlleleSwap",
    "BeamSearch",
    "GreedyWordSwapWIR",
    "Plan",
    "ProgramText",
    "RepeatModification",
    "SampledRewrites",
    "SearchMethod",
    "search",
]

BATCH = 64
"""Most programs in one call of the victim."""

with offline():
    from textattack import Attack
    from textattack.constraints import Constraint, PreTransformationConstraint
    from textattack.constraints.pre_transformation import RepeatModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.models.wrappers import ModelWrapper
    from textattack.search_methods import BeamSearch, GreedyWordSwapWIR, SearchMethod
    from textattack.shared import AttackedText
    from textattack.transformations import WordSwap

    for _name in ("textattack", "textattack.shared.utils.install"):
        logging.getLogger(_name).setLevel(logging.ERROR)


class ProgramText(AttackedText):  # type: ignore[misc]
    """A genotype as TextAttack's text: one word per locus, and the words are its alleles."""

    def __init__(self, program: Program, genotype: Genotype, changed: frozenset[int] = frozenset()) -> None:
        self.program = program
        self.genotype = genotype
        self._source = program.render(genotype)
        self.attack_attrs: dict[str, Any] = {
            "original_index_map": np.arange(len(genotype)),
            "modified_indices": {index for index, allele in enumerate(genotype) if allele},
            "newly_modified_indices": set(changed),
        }

    def switch(self, index: int, allele: int) -> ProgramText:
        """Return the text with another allele at one locus."""
        return self.become((*self.genotype[:index], allele, *self.genotype[index + 1 :]))

    def become(self, genotype: Genotype) -> ProgramText:
        """Return the text of another genotype of the same program."""
        pairs = zip(self.genotype, genotype, strict=True)
        return ProgramText(self.program, genotype, frozenset(i for i, (old, new) in enumerate(pairs) if old != new))

    def generate_new_attacked_text(self, new_words: Iterable[str]) -> ProgramText:
        """Return the text with these words; a word that is no allele masks its locus."""
        found = [
            locus.alleles.index(word) if word in locus.alleles else MASKED
            for locus, word in zip(self.program.loci, new_words, strict=True)
        ]
        return self.become(tuple(found))

    @property
    def words(self) -> list[str]:
        """The current allele of each locus."""
        return [
            "[UNK]" if allele == MASKED else locus.alleles[allele]
            for locus, allele in zip(self.program.loci, self.genotype, strict=True)
        ]

    @property
    def words_per_input(self) -> list[list[str]]:
        """All words belong to the one input."""
        return [self.words]

    @property
    def num_words(self) -> int:
        """Number of loci."""
        return len(self.genotype)

    @property
    def text(self) -> str:
        """The program."""
        return self._source

    @property
    def tokenizer_input(self) -> str:
        """The program."""
        return self._source

    @property
    def column_labels(self) -> list[str]:
        """TextAttack's name for a single input."""
        return ["text"]

    def printable_text(self, key_color: str = "bold", key_color_method: str | None = None) -> str:
        """Return the program, uncoloured."""
        return self._source

    def __repr__(self) -> str:
        return f"<ProgramText {self.genotype}>"


class Victim(ModelWrapper):  # type: ignore[misc]
    """A Classifier as TextAttack's model."""

    def __init__(self, classifier: Classifier, randomness: Randomness) -> None:
        self.model = classifier
        self.randomness = randomness

    def __call__(self, text_input_list: Sequence[str], **_: object) -> NDArray[np.float64]:
        """Return probabilities in double precision: TextAttack applies a softmax to rows that miss 1 by 1e-6."""
        with self.randomness.world():
            rows = np.asarray(self.model.probabilities(list(text_input_list)), dtype=np.float64)
        return np.asarray(rows / rows.sum(axis=1, keepdims=True), dtype=np.float64)


class AlleleSwap(WordSwap):  # type: ignore[misc]
    """Every other allele of the given loci, one change at a time."""

    def _get_transformations(self, current_text: ProgramText, indices_to_modify: Iterable[int]) -> list[ProgramText]:
        loci = current_text.program.loci
        return [
            current_text.switch(index, allele)
            for index in sorted(int(i) for i in indices_to_modify)
            for allele in range(1, len(loci[index].alleles))
            if allele != current_text.genotype[index]
        ]


class SampledRewrites(WordSwap):  # type: ignore[misc]
    """A few random neighbours: half change one place, half apply one rewrite wherever it fits."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        super().__init__()
        self.rng = rng
        self.count = count

    @property
    def deterministic(self) -> bool:
        """No: TextAttack must not cache what it draws."""
        return False

    def _get_transformations(self, current_text: ProgramText, indices_to_modify: Iterable[int]) -> list[ProgramText]:
        indices = sorted(int(i) for i in indices_to_modify)
        if not indices:
            return []
        drawn = dict.fromkeys(
            self._everywhere(current_text, indices) if turn % 2 else self._one_place(current_text, indices)
            for turn in range(self.count)
        )
        return [current_text.become(genotype) for genotype in drawn]

    def _one_place(self, text: ProgramText, indices: Sequence[int]) -> Genotype:
        index = indices[int(self.rng.integers(len(indices)))]
        allele = int(self.rng.integers(1, len(text.program.loci[index].alleles)))
        return (*text.genotype[:index], allele, *text.genotype[index + 1 :])

    def _everywhere(self, text: ProgramText, indices: Sequence[int]) -> Genotype:
        loci = text.program.loci
        kinds = list(dict.fromkeys(name for index in indices for name in loci[index].alleles[1:]))
        kind = kinds[int(self.rng.integers(len(kinds)))]
        genotype = list(text.genotype)
        for index in indices:
            if kind in loci[index].alleles:
                genotype[index] = loci[index].alleles.index(kind)
        return tuple(genotype)


@dataclass(frozen=True)
class Plan:
    """How to search: the method, what it may do in one step, and what it may spend."""

    method: SearchMethod
    transformation: WordSwap
    budget: int
    """Most queries, the first one for the original included."""
    rng: np.random.Generator
    constraints: tuple[Constraint | PreTransformationConstraint, ...] = (RepeatModification(),)
    """By default no locus is changed twice, without which greedy and beam search need not end."""


def search(program: Program, victim: Classifier, label: int, plan: Plan) -> Genotype:
    """Run a TextAttack search and return the genotype it ends with; the original one where there is nothing to do.

    Without loci TextAttack's population searches crash, with a budget of 1 its greedy and beam searches do.
    """
    if not program.loci or plan.budget < 2:
        return program.original
    randomness = Randomness(plan.rng)
    goal = UntargetedClassification(
        Victim(victim, randomness), use_cache=False, query_budget=plan.budget, model_batch_size=BATCH
    )
    attack = Attack(goal, list(plan.constraints), plan.transformation, plan.method)
    with randomness.mine():
        result = attack.attack(ProgramText(program, program.original), label)
    genotype: Genotype = result.perturbed_result.attacked_text.genotype
    return genotype
