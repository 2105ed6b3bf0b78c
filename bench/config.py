"""Experiment: everything that a run is asked for, frozen. Presets shrink budgets, never algorithms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from bench.types import Budget, Objective, Recipe, Shape, UsageError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

CONTROLS = ("majority", "teacher", "supervised", "kd", "ensemble-kd", "augmented-kd")
"""Always in the table, whatever --methods says (protocol, "Controls")."""


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
    attack_limit=100,
    query_budget=100,
    max_tokens=160,
    scratch=ScratchEncoder(vocab_size=8000, layers=2, hidden=128, heads=4, ffn=512, pretrain_epochs=1),
    teacher_recipe=Recipe(epochs=3, learning_rate=1e-3, attention_dropout=0.0),
    recipe=Recipe(epochs=5, learning_rate=1e-3, temperature=2.0, attention_dropout=0.0),
    surrogate_trainings=8,
    surrogate_epochs=2,
    surrogate_programs=1000,
    latency_rounds=30,
    student="fast",
)
"""The largest honest part of the evidence on two CPU cores in an hour: fewer programs, a shorter window, a teacher that
two layers suffice for. Four layers, pre-trained for 15 minutes, judged worse than a student on hard labels."""
DEVIGN_GPU = replace(
    PAPER,
    name="devign-gpu",
    attack_limit=500,
    query_budget=500,
    teacher_recipe=Recipe(epochs=5, learning_rate=3e-5, batch_size=32),
    recipe=Recipe(epochs=15, learning_rate=3e-4, batch_size=32, temperature=2.0),
    surrogate_epochs=3,
    surrogate_programs=4000,
)
"""The whole evidence on one GPU: all of Devign, the published window, half an hour."""
PRESETS = {preset.name: preset for preset in (SMOKE, EMBEDDED, PAPER, DEVIGN_CPU, DEVIGN_GPU)}


GIVEN = "as given"
"""Stands where a method stands, for a model that somebody else made."""


@dataclass(frozen=True)
class Model:
    """Somebody's finished classifier, and how to read it (bench/victims.py)."""

    source: str
    """Directory or hub id of a Hugging Face sequence classifier, or package.module:factory of a Python one."""
    revision: str | None = None
    """Commit of a hub model; None is its newest."""
    vulnerable_label: str | None = None
    """Name or index of the output that means "vulnerable"; None: `id2label` decides."""
    whitespace: Literal["keep", "collapse"] = "keep"
    """What the model expects: programs as they are, or every run of white space as one blank."""
    max_tokens: int | None = None
    """Window, where it is shorter than the model's own, such as 400 for Compressor's."""


@dataclass(frozen=True)
class Experiment:
    """One request to `bench run`; with the commit it determines every table except the measured timings."""

    methods: tuple[str, ...] = ("moekd", "compressor", "avatar")
    attacks: tuple[str, ...] = ("rename-greedy", "rewrite-beam")
    teachers: tuple[str, ...] = ("codebert-scratch",)
    """Registry names, or directories of Hugging Face encoders."""
    task: str = "embedded"
    data: str | None = None
    """Folder with train/valid/test files; None is the hub (devign) or the generator (embedded)."""
    seeds: tuple[int, ...] = (0,)
    preset: Preset = EMBEDDED
    device: str = "cpu"
    threads: int = 1
    """CPU threads of each training: results differ with them in the last bits, so they are part of the run."""
    as_released: bool = False
    objective: Objective = "flops"
    """What searches weigh: FLOPs, as published, or latency, measured on this machine (bench/calibration.py)."""
    controls: tuple[str, ...] = CONTROLS
    """Always in the table; none where a finished model is attacked."""
    substitutes: str = "corpus"
    """Where attacks that rename take their names from (bench/substitutes.py)."""
    compile_command: str | None = None
    """Compiles a `{file}`, for samples that bring no driver; None: they are not compiled."""
    model: Model | None = None
    """Attack this finished model instead of making students; it is then the only teacher, under the method GIVEN."""

    @property
    def budget(self) -> Budget:
        """What every method may spend; perturbations and latencies come with a run (bench.students)."""
        preset = self.preset
        return Budget(
            size_mb=preset.size_mb,
            max_tokens=preset.max_tokens,
            recipe=preset.recipe,
            teacher_recipe=preset.teacher_recipe,
            surrogate_trainings=preset.surrogate_trainings,
            surrogate_epochs=preset.surrogate_epochs,
            surrogate_programs=preset.surrogate_programs,
            learning_rate_scale=preset.learning_rate_scale,
            device=self.device,
            as_released=self.as_released,
            objective=self.objective,
            student=preset.student,
        )

    @property
    def all_methods(self) -> tuple[str, ...]:
        """The controls, then the methods asked for, each once."""
        return tuple(dict.fromkeys((*self.controls, *self.methods)))


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


def restore(raw: Mapping[str, Any], where: object) -> Experiment:
    """Return the experiment that a file holds as JSON; a setting that came later than the file has its default.

    Raises:
        UsageError: a setting is missing, unknown or of the wrong kind; `where` is named.
    """
    from pydantic import ValidationError

    advice = "make it again with this version"
    unknown = sorted(raw.keys() - {setting.name for setting in fields(Experiment)})
    if unknown:
        raise UsageError(f"expected the settings of an experiment in {where}, got {unknown[0]!r}: {advice}")
    try:
        return _reader().validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"cannot use the experiment in {where} ({place}: {first['msg']}): {advice}") from error


@cache
def _reader() -> TypeAdapter[Experiment]:
    from pydantic import TypeAdapter

    return TypeAdapter(Experiment)
