"""Every name: METHODS, ATTACKS, TASKS, TEACHERS, with real imports. Adding one is one line here.

What other installed packages add (bench/installed.py) stands beside them, and under no name of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from attacks.catalogue import CATALOGUE, Listed
from baselines.avatar import Avatar
from baselines.compressor import Compressor
from baselines.controls import Majority, SingleTeacher, Supervised, Uncompressed
from bench import data, installed
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


GRAPH = "graph:"
"""Before a directory: its encoder reads data flow, whatever is noted there."""


def _from_hub(hub_id: str, revision: str, graph: bool, data: Splits, preset: Preset, device: str) -> Encoder:
    return load_encoder(hub_id, revision, preset.max_tokens, device, graph=graph)


def _from_folder(name: str, data: Splits, preset: Preset, device: str) -> Encoder:
    graph = True if name.startswith(GRAPH) else None
    return load_encoder(name.removeprefix(GRAPH), None, preset.max_tokens, device, graph=graph)


def _from_scratch(name: str, graph: bool, data: Splits, preset: Preset, device: str) -> Encoder:
    programs = [*(sample.code for sample in data.labelled), *data.unlabelled]
    seed = derive(TEACHER_SEED, name, "encoder")
    return pretrain(programs, preset.scratch, preset.max_tokens, seed, device, graph=graph)


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
TASKS: dict[str, Entry[data.Loader]] = {
    "embedded": Entry(
        "synthetic C with proven labels, generated offline", "this project", partial(data.load, "embedded")
    ),
    "devign": Entry(
        "FFmpeg and QEMU functions, from the hub or --data",
        "Zhou et al., NeurIPS 2019; CodeXGLUE",
        partial(data.load, "devign"),
    ),
    "folder": Entry("any labelled functions, from --data", "yours", partial(data.load, "folder")),
}
TEACHERS: dict[str, Entry[EncoderMaker]] = {
    "codebert-scratch": Entry(
        "CodeBERT's architecture, small, pre-trained here on the task's training code; not Microsoft's weights",
        "this project",
        partial(_from_scratch, "codebert-scratch", False),
    ),
    "graphcodebert-scratch": Entry(
        "GraphCodeBERT's architecture and inputs, small, pre-trained here on the task's training code; not Microsoft's "
        "weights",
        "this project",
        partial(_from_scratch, "graphcodebert-scratch", True),
    ),
    "codebert": Entry(
        "microsoft/codebert-base from the Hugging Face hub, fine-tuned here",
        "Feng et al., EMNLP 2020",
        partial(_from_hub, "microsoft/codebert-base", "3b0952feddeffad0063f274080e3c23d75e7eb39", False),
    ),
    "graphcodebert": Entry(
        "microsoft/graphcodebert-base from the Hugging Face hub with its data flow, fine-tuned here",
        "Guo et al., ICLR 2021",
        partial(_from_hub, "microsoft/graphcodebert-base", "2b0488a7bb0eefc7041f1bb2cad1ab26b0da269d", True),
    ),
}


ALSO = {
    "teachers": ", or a directory of a Hugging Face encoder, graph: before it if it reads data flow",
    "attacks": ", or package.module:factory",
}
BUILT_IN: Mapping[str, Mapping[str, Entry[Any] | Listed]] = {
    "methods": METHODS,
    "attacks": ATTACKS,
    "tasks": TASKS,
    "teachers": TEACHERS,
}


def method(name: str) -> Entry[Callable[[], Method]]:
    """Return a method by its name."""
    return METHODS[name] if name in METHODS else _added("methods", name)


def task(name: str) -> Entry[data.Loader]:
    """Return a task by its name."""
    if name in TASKS:
        return TASKS[name]
    entry = _added("tasks", name)
    return replace(entry, make=partial(data.checked, name, entry.make))


def teacher(name: str) -> Entry[EncoderMaker]:
    """Return a teacher by its registry name, or for a local directory."""
    if name in TEACHERS:
        return TEACHERS[name]
    if not Path(name.removeprefix(GRAPH)).is_dir():
        return _added("teachers", name)
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
    if ":" not in name:
        return _find("attacks", name).load(Listed)
    load_object(name, "attempt")  # a mistake is told now
    return Listed(f"the attack {name}", "", lambda names: Foreign(name))


def _added(kind: str, name: str) -> Entry[Any]:
    return _find(kind, name).load(Entry)


def _find(kind: str, name: str) -> installed.Addition:
    found = installed.find(kind, name)
    if found is None:
        known = dict.fromkeys((*BUILT_IN[kind], *(one.name for one in installed.additions(kind))))
        raise UsageError(
            f"unknown {kind.removesuffix('s')} {name!r}: expected one of {', '.join(known)}{ALSO.get(kind, '')}"
        )
    return found


def check(experiment: Experiment) -> None:
    """Reject unknown names and absent devices before anything is computed.

    Raises:
        UsageError: naming what is known.
    """
    if not set(CONTROLS) <= set(METHODS):
        raise RuntimeError(f"controls without an entry: {set(CONTROLS) - set(METHODS)}")
    given = experiment.model is not None
    asked: Mapping[str, tuple[Callable[[str], object], Sequence[str]]] = {
        "methods": (method, [name for name in experiment.all_methods if not given or name != GIVEN]),
        "attacks": (attack, experiment.attacks),
        "tasks": (task, (experiment.task,)),
        "teachers": (teacher, () if given else experiment.teachers),
    }
    for kind, (find, names) in asked.items():
        for name in names:
            unmistakable(kind, name)
            find(name)
    check_device(experiment.device)


def unmistakable(kind: str, name: str) -> None:
    """Refuse a name that means two things: one of ours and an installed package's, or those of two packages.

    Raises:
        UsageError: naming both.
    """
    added = installed.find(kind, name)
    if added is not None and name in BUILT_IN[kind]:
        raise installed.clash(added, "the benchmark itself")


def check_device(device: str) -> None:
    """Reject a device that is not there.

    Raises:
        UsageError: naming what is.
    """
    import torch

    if device != "cpu" and device.partition(":")[0] != "cuda":
        raise UsageError(f"expected --device cpu or cuda, got {device!r}: choose one")
    if device != "cpu" and not torch.cuda.is_available():
        raise UsageError("--device cuda was asked for, but torch sees no CUDA device: use --device cpu")
    devices = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if device not in ("cpu", "cuda", *devices):
        raise UsageError(f"expected --device cpu, cuda or one of {', '.join(devices)}, got {device!r}: choose one")
