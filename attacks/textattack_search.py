"""Our searches as TextAttack's: `Driven` is a SearchMethod, for whoever wants its goal functions, logs and recipes.

Follows spec/attacks.md, 6.2. Our own recipes need neither TextAttack nor its five seconds of import (searching.py).
Like textattack_bridge.py, this module imports both it and torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks.program import Program
from attacks.textattack_bridge import ProgramText, SearchMethod
from attacks.walk import Search, drive
from bench.types import Probabilities


class _Raw(ProgramText):
    """A program that no genotype stands for, such as one with a single occurrence hidden."""

    def __init__(self, program: Program, text: str) -> None:
        super().__init__(program, program.original)
        self._source = text


@dataclass
class _Goal:
    """TextAttack's goal function as a Classifier; keeps its results."""

    method: Driven
    program: Program
    results: dict[str, Any]

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        """Judge programs; see `bench.types.Classifier`."""
        fresh = [_Raw(self.program, text) for text in programs if text not in self.results]
        if fresh:
            found, _ = self.method.get_goal_results(fresh)
            self.results.update((result.attacked_text.text, result) for result in found)
        return np.array([np.asarray(self.results[text].raw_output) for text in programs], dtype=np.float64)


class Driven(SearchMethod):  # type: ignore[misc]
    """One of our searches, over the genotypes of a ProgramText; TextAttack's transformation is not consulted."""

    def __init__(self, search: Search, rng: np.random.Generator) -> None:
        self.search = search
        self.rng = rng

    @property
    def is_black_box(self) -> bool:
        """Yes: it sees probabilities."""
        return True

    def perform_search(self, initial_result: Any) -> Any:
        """Search within the goal function's budget; the original, which TextAttack has asked for, costs nothing."""
        start: ProgramText = initial_result.attacked_text
        goal = _Goal(self, start.program, {start.text: initial_result})
        left = self.goal_function.query_budget - self.goal_function.num_queries + 1
        walk = self.search.walk(start.program, self.rng)
        label = initial_result.ground_truth_output
        genotype = drive(start.program, walk, goal, label, 10**9 if math.isinf(left) else int(left))
        result = goal.results[start.program.render(genotype)]
        result.attacked_text = start.become(genotype)
        return result
