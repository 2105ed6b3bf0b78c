"""Every name: METHODS, ATTACKS, TASKS, TEACHERS, with real imports. Adding one is one line here.

What other installed packages add (bench/installed.py) stands beside them, and under no name of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from attacks.catalogue import CATALOGUE, Listed
from attacks.foreign import Foreign
from bench import installed
from bench.config import CONTROLS, GIVEN, Experiment
from bench.distillation.teachers import TEACHER_SEED
from bench.methods import METHODS, Entry
from bench.networks.encoders import Encoder, load_encoder
from bench.plugins import load_object
from bench.presets import Preset
from bench.pretraining.corpus import without_copies
from bench.pretraining.pretrain import pretrain
from bench.rng import derive
from bench.tasks import data
from bench.types import Budget, Method, Splits, UsageError
from bench.variants import Variant, base, resolve

GRAPH = "graph:"
"""Before a directory: its encoder reads data flow, whatever is noted there."""
EncoderMaker = Callable[[Splits, Preset, str], Encoder]
"""From data, sizes and device to a pre-trained encoder."""


def _from_hub(hub_id: str, revision: str, graph: bool, data: Splits, preset: Preset, device: str) -> Encoder:
    return load_encoder(hub_id, revision, preset.max_tokens, device, graph=graph)


def _from_folder(name: str, data: Splits, preset: Preset, device: str) -> Encoder:
    graph = True if name.startswith(GRAPH) else None
    return load_encoder(name.removeprefix(GRAPH), None, preset.max_tokens, device, graph=graph)


def _from_scratch(name: str, graph: bool, data: Splits, preset: Preset, device: str) -> Encoder:
    programs = [*(sample.code for sample in data.labelled), *data.unlabelled]
    # Nobody meets a copy of what it will be judged by, not even without its label.
    clean = without_copies(programs, [sample.code for sample in (*data.valid, *data.test)])
    if programs and not clean.programs:
        raise UsageError(
            f"expected programs to pre-train {name} on, got only copies of validation and test programs: mend the "
            "splits, or give --teachers an encoder"
        )
    seed = derive(TEACHER_SEED, name, "encoder")
    made = pretrain(clean.programs, preset.scratch, preset.max_tokens, seed, device, graph=graph)
    facts = {
        "pretraining_programs": float(len(clean.programs)),
        "pretraining_exact_copies_left_out": float(clean.exact),
        "pretraining_near_copies_left_out": float(clean.near),
    }
    return replace(made, facts=facts)


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


def variant(spec: str, budget: Budget) -> Variant:
    """Return a method by its name, with the settings in brackets behind it if there are any.

    Raises:
        UsageError: an unknown name or setting, or a value that the setting cannot have.
    """
    unmistakable("methods", base(spec))
    entry = method(base(spec))
    return resolve(spec, entry.make(), budget, entry.ignores)


def check(experiment: Experiment) -> Experiment:
    """Reject unknown names and absent devices before anything is computed; return it with canonical methods.

    Raises:
        UsageError: naming what is known.
    """
    if not set(CONTROLS) <= set(METHODS):
        raise RuntimeError(f"controls without an entry: {set(CONTROLS) - set(METHODS)}")
    given, budget = experiment.model is not None, experiment.budget
    specs = {s: s if given and s == GIVEN else variant(s, budget).spec for s in experiment.all_methods}
    asked: Mapping[str, tuple[Callable[[str], object], Sequence[str]]] = {
        "attacks": (attack, experiment.attacks),
        "tasks": (task, (experiment.task,)),
        "teachers": (teacher, () if given else experiment.teachers),
    }
    for kind, (find, names) in asked.items():
        for name in names:
            unmistakable(kind, name)
            find(name)
    check_device(experiment.device)
    return replace(experiment, methods=tuple(dict.fromkeys(specs[spec] for spec in experiment.methods)))


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
