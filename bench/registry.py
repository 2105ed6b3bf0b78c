"""Every name: METHODS, ATTACKS, TASKS, TEACHERS, with real imports. Adding one is one line here.

Leaves out entry points of other packages (a later issue).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from attacks.catalogue import CATALOGUE, Listed
from baselines.avatar import Avatar
from baselines.compressor import Compressor
from baselines.controls import Majority, SingleTeacher, Supervised, Uncompressed
from bench.config import CONTROLS, GIVEN, Experiment, Preset
from bench.encoders import Encoder, load_encoder
from bench.plugins import load_object
from bench.pretrain import pretrain
from bench.rng import derive
from bench.teachers import TEACHER_SEED
from bench.types import Attempt, Classifier, Method, Sample, Splits, UsageError
from moekd.method import MoEKD

Make = TypeVar("Make")
EncoderMaker = Callable[[Splits, Preset, str], Encoder]
"""From data, sizes and device to a pre-trained encoder."""


@dataclass(frozen=True)
class Entry(Generic[Make]):
    """One name that users can give."""

    summary: str
    """What it is, in one line; a teacher's stands in every caption."""
    source: str
    """Paper or release that it follows."""
    make: Make


def _from_hub(hub_id: str, revision: str, data: Splits, preset: Preset, device: str) -> Encoder:
    return load_encoder(hub_id, revision, preset.max_tokens, device)


def _from_folder(path: str, data: Splits, preset: Preset, device: str) -> Encoder:
    return load_encoder(path, None, preset.max_tokens, device)


def _from_scratch(data: Splits, preset: Preset, device: str) -> Encoder:
    programs = [*(sample.code for sample in data.labelled), *data.unlabelled]
    seed = derive(TEACHER_SEED, "codebert-scratch", "encoder")
    return pretrain(programs, preset.scratch, preset.max_tokens, seed, device)


METHODS: dict[str, Entry[Callable[[], Method]]] = {
    "majority": Entry("control: answers with the training majority", "protocol", Majority),
    "teacher": Entry("control: the uncompressed teacher", "protocol", Uncompressed),
    "supervised": Entry("control: the standard student on hard labels", "protocol", Supervised),
    "kd": Entry("control: the standard student distilled from one teacher", "protocol", SingleTeacher),
    "moekd": Entry("mixture-of-experts knowledge distillation", "arXiv 2603.13213", MoEKD),
    "compressor": Entry(
        "genetic search for most FLOPs at the size, then distillation", "Shi et al., ASE 2022", Compressor
    ),
    "avatar": Entry(
        "pruned space, surrogate, multi-objective search, then distillation", "Shi et al., ICSE 2024", Avatar
    ),
}
ATTACKS: dict[str, Listed] = CATALOGUE
TASKS: dict[str, Entry[None]] = {
    "embedded": Entry("synthetic C with proven labels, generated offline", "this project", None),
    "devign": Entry("FFmpeg and QEMU functions, from the hub or --data", "Zhou et al., NeurIPS 2019; CodeXGLUE", None),
    "folder": Entry("any labelled functions, from --data", "yours", None),
}
TEACHERS: dict[str, Entry[EncoderMaker]] = {
    "codebert-scratch": Entry(
        "CodeBERT's architecture, small, pre-trained here on the task's training code; not Microsoft's weights",
        "this project",
        _from_scratch,
    ),
    "codebert": Entry(
        "microsoft/codebert-base from the Hugging Face hub, fine-tuned here",
        "Feng et al., EMNLP 2020",
        partial(_from_hub, "microsoft/codebert-base", "3b0952feddeffad0063f274080e3c23d75e7eb39"),
    ),
}


ALSO = {"teacher": ", or a directory of a Hugging Face encoder", "attack": ", or package.module:factory"}


def teacher(name: str) -> Entry[EncoderMaker]:
    """Return a teacher by its registry name, or for a local directory."""
    if name in TEACHERS:
        return TEACHERS[name]
    return Entry(
        f"the encoder in the local directory {Path(name).name}, fine-tuned here", "", partial(_from_folder, name)
    )


@dataclass(frozen=True)
class Foreign:
    """An attack of the user's own: made anew for every sample, because several are attacked side by side."""

    spec: str
    """package.module:factory."""

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        """Let it try."""
        found: Attempt = load_object(self.spec, "attempt").attempt(victim, sample, budget, rng)
        return found


def attack(name: str) -> Listed:
    """Return an attack by its name, or made by package.module:factory."""
    if name in ATTACKS:
        return ATTACKS[name]
    load_object(name, "attempt")  # a mistake is told now
    return Listed(f"the attack {name}", "", lambda names: Foreign(name))


def check(experiment: Experiment) -> None:
    """Reject unknown names and absent devices before anything is computed.

    Raises:
        UsageError: naming what is known.
    """
    _known("method", [name for name in experiment.methods if experiment.model is None or name != GIVEN], METHODS)
    _known("attack", [name for name in experiment.attacks if ":" not in name], ATTACKS)
    _known("task", (experiment.task,), TASKS)
    if experiment.model is None:
        _known("teacher", [name for name in experiment.teachers if not Path(name).is_dir()], TEACHERS)
    if not set(CONTROLS) <= set(METHODS):
        raise RuntimeError(f"controls without an entry: {set(CONTROLS) - set(METHODS)}")
    _check_device(experiment.device)


def _known(kind: str, names: Sequence[str], entries: Mapping[str, object]) -> None:
    for name in names:
        if name not in entries:
            also = ALSO.get(kind, "")
            raise UsageError(f"unknown {kind} {name!r}: expected one of {', '.join(entries)}{also}")


def _check_device(device: str) -> None:
    import torch

    if device != "cpu" and device.partition(":")[0] != "cuda":
        raise UsageError(f"expected --device cpu or cuda, got {device!r}: choose one")
    if device != "cpu" and not torch.cuda.is_available():
        raise UsageError("--device cuda was asked for, but torch sees no CUDA device: use --device cpu")
    devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if device not in ("cpu", "cuda", *devices):
        raise UsageError(f"expected --device cpu, cuda or one of {', '.join(devices)}, got {device!r}: choose one")
