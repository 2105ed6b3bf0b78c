"""Experiment: everything that a run is asked for, frozen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from bench.presets import EMBEDDED, Preset
from bench.types import Budget, Objective, UsageError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

CONTROLS = ("majority", "teacher", "supervised", "kd", "ensemble-kd", "augmented-kd")
"""Always in the table, whatever --methods says (protocol, "Controls")."""


GIVEN = "as given"
"""Stands where a method stands, for a model that somebody else made."""


@dataclass(frozen=True)
class Model:
    """Somebody's finished classifier, and how to read it (bench/networks/victims.py)."""

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
    """What searches weigh: FLOPs, as published, or latency, measured on this machine (bench/running/calibration.py)."""
    controls: tuple[str, ...] = CONTROLS
    """Always in the table; none where a finished model is attacked."""
    substitutes: str = "corpus"
    """Where attacks that rename take their names from (bench/running/substitutes.py)."""
    compile_command: str | None = None
    """Compiles a `{file}`, for samples that bring no driver; None: they are not compiled."""
    model: Model | None = None
    """Attack this finished model instead of making students; it is then the only teacher, under the method GIVEN."""

    @property
    def budget(self) -> Budget:
        """What every method may spend; perturbations and latencies come with a run (bench.running.students)."""
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
