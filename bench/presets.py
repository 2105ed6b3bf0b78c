"""Presets: sizes and budgets. They shrink what is spent, never an algorithm."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.types import Recipe, Shape, UsageError


@dataclass(frozen=True)
class ScratchEncoder:
    """The offline teacher: RoBERTa's architecture, small, pre-trained here by masked-language modelling."""

    vocab_size: int
    layers: int
    hidden: int
    heads: int
    ffn: int
    pretrain_epochs: int
    pretrain_learning_rate: float = 1e-3


@dataclass(frozen=True)
class Preset:
    """Sizes and budgets. The algorithms are the same in every preset."""

    name: str
    train_limit: int | None
    """Most programs in each training half; None is all of them."""
    valid_limit: int | None
    test_limit: int | None
    attack_limit: int | None
    """Most test programs that are attacked: the first ones of the evaluated test programs."""
    query_budget: int
    size_mb: float
    max_tokens: int
    scratch: ScratchEncoder
    teacher_recipe: Recipe
    recipe: Recipe
    surrogate_trainings: int
    surrogate_epochs: int
    surrogate_programs: int | None
    learning_rate_scale: float
    latency_rounds: int
    """Timed calls per student, interleaved over the students."""
    student: Shape = "standard"
    """What MoEKD and its controls distil into."""


SMOKE = Preset(
    name="smoke",
    train_limit=96,
    valid_limit=48,
    test_limit=48,
    attack_limit=32,
    query_budget=40,
    size_mb=0.25,
    max_tokens=128,
    scratch=ScratchEncoder(vocab_size=600, layers=2, hidden=32, heads=2, ffn=64, pretrain_epochs=1),
    teacher_recipe=Recipe(epochs=1, learning_rate=1e-3, attention_dropout=0.0),
    recipe=Recipe(epochs=1, learning_rate=1e-3, temperature=2.0, attention_dropout=0.0),
    surrogate_trainings=3,
    surrogate_epochs=1,
    surrogate_programs=None,
    learning_rate_scale=1.0,
    latency_rounds=10,
)
EMBEDDED = Preset(
    name="embedded",
    train_limit=4800,
    valid_limit=300,
    test_limit=600,
    attack_limit=50,
    query_budget=100,
    size_mb=0.25,
    max_tokens=192,
    scratch=ScratchEncoder(
        vocab_size=1000, layers=2, hidden=64, heads=4, ffn=128, pretrain_epochs=2, pretrain_learning_rate=2e-3
    ),
    teacher_recipe=Recipe(epochs=3, learning_rate=1e-3, hidden_dropout=0.0, attention_dropout=0.0),
    recipe=Recipe(epochs=2, learning_rate=2e-3, temperature=2.0, hidden_dropout=0.0, attention_dropout=0.0),
    surrogate_trainings=4,
    surrogate_epochs=1,
    surrogate_programs=2000,
    learning_rate_scale=4.0,
    latency_rounds=30,
)
PAPER = Preset(
    name="paper",
    train_limit=None,
    valid_limit=None,
    test_limit=None,
    attack_limit=None,
    query_budget=1000,
    size_mb=3.0,
    max_tokens=400,
    scratch=ScratchEncoder(vocab_size=8000, layers=6, hidden=384, heads=6, ffn=1536, pretrain_epochs=10),
    teacher_recipe=Recipe(epochs=10, learning_rate=2e-5, batch_size=16),
    recipe=Recipe(epochs=20, learning_rate=1e-4, batch_size=16, temperature=10.0),
    surrogate_trainings=20,
    surrogate_epochs=20,
    surrogate_programs=None,
    learning_rate_scale=1.0,
    latency_rounds=100,
)
DEVIGN_CPU = replace(
    PAPER,
    name="devign-cpu",
    train_limit=4000,
    valid_limit=800,
    attack_limit=500,
    query_budget=100,
    max_tokens=160,
    scratch=ScratchEncoder(vocab_size=8000, layers=2, hidden=128, heads=4, ffn=512, pretrain_epochs=1),
    teacher_recipe=Recipe(epochs=3, learning_rate=1e-3, attention_dropout=0.0),
    recipe=Recipe(epochs=5, learning_rate=1e-3, temperature=2.0, attention_dropout=0.0),
    surrogate_trainings=8,
    surrogate_epochs=2,
    surrogate_programs=600,
    learning_rate_scale=4.0,
    latency_rounds=30,
    student="fast",
)
"""The largest honest part of the evidence on two CPU cores (D71): fewer programs, a shorter window, a teacher that two
layers suffice for. Four layers, pre-trained for 15 minutes, judged worse than a student on hard labels."""
DEVIGN_GPU = replace(
    PAPER,
    name="devign-gpu",
    attack_limit=500,
    query_budget=100,
    teacher_recipe=Recipe(epochs=3, learning_rate=2e-4, batch_size=64),
    recipe=Recipe(epochs=5, learning_rate=1e-3, batch_size=64, temperature=2.0, attention_dropout=0.0),
    surrogate_trainings=8,
    surrogate_epochs=2,
    surrogate_programs=2000,
    learning_rate_scale=4.0,
    latency_rounds=20,
)
"""The evidence on one GPU: all of Devign and the published window; budgets are cut. Not run to its end (D69)."""
PRESETS = {preset.name: preset for preset in (SMOKE, EMBEDDED, PAPER, DEVIGN_CPU, DEVIGN_GPU)}


def preset(
    name: str, *, limit: int | None = None, train_limit: int | None = None, size_mb: float | None = None
) -> Preset:
    """Return the named preset with the command line's own limits put in."""
    if name not in PRESETS:
        raise UsageError(f"expected --preset {'|'.join(PRESETS)}, got {name!r}: choose one of them")
    chosen = PRESETS[name]
    if limit is not None:
        attacked = limit if chosen.attack_limit is None else min(limit, chosen.attack_limit)
        chosen = replace(chosen, test_limit=limit, attack_limit=attacked)
    if train_limit is not None:
        chosen = replace(chosen, train_limit=train_limit)
    if size_mb is not None:
        chosen = replace(chosen, size_mb=size_mb)
    return chosen


def attacking_preset(limit: int | None, budget: int) -> Preset:
    """Return what `bench attack` allows: so many test programs, so many queries for each; nothing is trained."""
    return replace(PAPER, name="attack", test_limit=limit, attack_limit=limit, query_budget=budget, latency_rounds=30)
