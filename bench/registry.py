"""Every name: METHODS, ATTACKS, TASKS, TEACHERS, with real imports. Adding one is one line here.

Leaves out entry points of other packages (a later issue).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from attacks import recipes, recipes_code
from attacks.rename import Drawn, gather_names
from attacks.suite import suite
from baselines.avatar import Avatar
from baselines.compressor import Compressor
from baselines.controls import Majority, SingleTeacher, Supervised, Uncompressed
from bench.config import CONTROLS, Experiment, Preset
from bench.encoders import Encoder, load_encoder
from bench.pretrain import pretrain
from bench.rng import derive
from bench.teachers import TEACHER_SEED
from bench.types import Attack, Method, Splits, UsageError
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


@functools.lru_cache(maxsize=2)
def _names(data: Splits) -> tuple[str, ...]:
    """The pool of substitutes: legal local names of the labelled half, most frequent first."""
    return gather_names(sample.code for sample in data.labelled)


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
ATTACKS: dict[str, Entry[Callable[[Splits], Attack]]] = {
    "rename-greedy": Entry(
        "renaming, greedy by importance, TextAttack's search, names from the training code",
        "Yang et al., ICSE 2022; Du et al., FSE 2023",
        lambda data: recipes.rename_greedy(_names(data)),
    ),
    "rewrite-beam": Entry(
        "code transformation, beam search over rewrites, TextAttack's search",
        "Du et al., FSE 2023; Tian et al., ASE 2023",
        lambda data: recipes.rewrite_beam(),
    ),
    "alert-greedy": Entry(
        "renaming, greedy by importance of single occurrences, first flip wins",
        "Yang et al., ICSE 2022",
        lambda data: recipes.alert_greedy(Drawn(_names(data))),
    ),
    "alert": Entry(
        "renaming, greedy, then genetic where greedy fails",
        "Yang et al., ICSE 2022",
        lambda data: recipes.alert(Drawn(_names(data))),
    ),
    "mhm-ns": Entry(
        "renaming, Metropolis-Hastings in ALERT's setting",
        "Zhang et al., AAAI 2020; Yang et al., ICSE 2022",
        lambda data: recipes.mhm(Drawn(_names(data))),
    ),
    "wir-random": Entry(
        "renaming, ALERT's walk over 30 random names each",
        "Du et al., FSE 2023",
        lambda data: recipes.wir_random(_names(data)),
    ),
    "rename-beam": Entry(
        "renaming, beam by statement kind (BeamAttack)",
        "Du et al., FSE 2023",
        lambda data: recipes.rename_beam(Drawn(_names(data))),
    ),
    "rnns": Entry(
        "renaming, nearest names along the improving direction",
        "Zhang et al., EMNLP Findings 2023",
        lambda data: recipes.rnns(_names(data)),
    ),
    "style-transfer": Entry(
        "code transformation, breadth first", "Du et al., FSE 2023", lambda data: recipes_code.style_transfer()
    ),
    "coda-style": Entry(
        "restylings, then rounds of renaming, without reference programs",
        "Tian et al., ASE 2023",
        lambda data: recipes_code.coda_style(_names(data)),
    ),
    "combined": Entry(
        "renames and rewrites in one genotype: random, greedy, beam",
        "this project",
        lambda data: recipes_code.combined(Drawn(_names(data), count=20)),
    ),
    "random-moves": Entry(
        "control: random genotypes of both families",
        "this project",
        lambda data: recipes_code.random_moves(Drawn(_names(data))),
    ),
    "suite": Entry(
        "ensemble of attacks until one succeeds: robust accuracy",
        "after Croce and Hein, ICML 2020",
        lambda data: suite(_names(data)),
    ),
}
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


def teacher(name: str) -> Entry[EncoderMaker]:
    """Return a teacher by its registry name, or for a local directory."""
    if name in TEACHERS:
        return TEACHERS[name]
    return Entry(
        f"the encoder in the local directory {Path(name).name}, fine-tuned here", "", partial(_from_folder, name)
    )


def check(experiment: Experiment) -> None:
    """Reject unknown names and absent devices before anything is computed.

    Raises:
        UsageError: naming what is known.
    """
    _known("method", experiment.methods, METHODS)
    _known("attack", experiment.attacks, ATTACKS)
    _known("task", (experiment.task,), TASKS)
    _known("teacher", [name for name in experiment.teachers if not Path(name).is_dir()], TEACHERS)
    if not set(CONTROLS) <= set(METHODS):
        raise RuntimeError(f"controls without an entry: {set(CONTROLS) - set(METHODS)}")
    _check_device(experiment.device)


def _known(kind: str, names: Sequence[str], entries: dict[str, Entry[Make]]) -> None:
    for name in names:
        if name not in entries:
            also = ", or a directory of a Hugging Face encoder" if kind == "teacher" else ""
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
