"""The methods by name: what each is, whom it follows, how it is made. Adding one is one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from baselines.avatar import Avatar
from baselines.compressor import Compressor
from baselines.controls import AugmentedTeacher, Majority, Pioneer, SingleTeacher, Supervised, Uncompressed
from baselines.morph import Morph
from bench.types import Method
from bench.variants import BUDGET_KEYS
from moekd.method import MoEKD

Make = TypeVar("Make")


@dataclass(frozen=True)
class Entry(Generic[Make]):
    """One name that users can give."""

    summary: str
    """What it is, in one line; a teacher's stands in every caption."""
    source: str
    """Paper or release that it follows."""
    make: Make
    ignores: tuple[str, ...] = ()
    """Of a method: settings of the budget that it does not follow (bench.variants)."""


EVERYTHING = tuple(BUDGET_KEYS)
SEARCH = ("objective",)
"""What only searches follow."""
SHAPED = ("student",)
"""What only methods without a search follow."""
GENE = ("learning_rate",)
"""What these searches choose themselves."""
METHODS: dict[str, Entry[Callable[[], Method]]] = {
    "majority": Entry("control: answers with the training majority", "protocol", Majority, EVERYTHING),
    "teacher": Entry("control: the uncompressed teacher", "protocol", Uncompressed, EVERYTHING),
    "supervised": Entry(
        "control: the standard student on hard labels", "protocol", Supervised, (*SEARCH, "temperature")
    ),
    "kd": Entry("control: the standard student distilled from one teacher", "protocol", SingleTeacher, SEARCH),
    "ensemble-kd": Entry(
        "control: MoEKD's experts at uniform weights, the same experts",
        "protocol",
        partial(MoEKD, router="uniform"),
        SEARCH,
    ),
    "augmented-kd": Entry(
        "control: kd from a teacher fine-tuned on renamed and rewritten code too",
        "protocol",
        AugmentedTeacher,
        SEARCH,
    ),
    "moekd": Entry("mixture-of-experts knowledge distillation", "arXiv 2603.13213", MoEKD, SEARCH),
    "compressor": Entry(
        "genetic search for most FLOPs at the size, then distillation", "Shi et al., ASE 2022", Compressor, SHAPED
    ),
    "avatar": Entry(
        "pruned space, surrogate, multi-objective search, then distillation",
        "Shi et al., ICSE 2024",
        Avatar,
        (*SHAPED, *GENE),
    ),
    "morph": Entry(
        "metamorphic pairs, surrogates, four-objective search, then distillation",
        "Panichella, ICSE 2025",
        Morph,
        (*SHAPED, *GENE, "temperature"),
    ),
    "pioneer-style": Entry(
        "adversarial distillation: soft labels for clean and perturbed programs",
        "after PIONEER; D34",
        Pioneer,
        SEARCH,
    ),
}
