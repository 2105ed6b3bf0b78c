"""A teacher: an encoder of a single layer, pre-trained here on the task's training code.

A teacher's entry makes the pre-trained encoder; fine-tuning it, specialising experts from it and storing it is the
benchmark's work, the same for every teacher.
"""

from __future__ import annotations

from dataclasses import replace

from bench.networks.encoders import Encoder
from bench.presets import Preset
from bench.pretraining.pretrain import pretrain
from bench.registry import Entry
from bench.rng import derive
from bench.types import Splits


def make(data: Splits, preset: Preset, device: str) -> Encoder:
    """Pre-train it on the programs of both training halves."""
    programs = [*(sample.code for sample in data.labelled), *data.unlabelled]
    return pretrain(programs, replace(preset.scratch, layers=1), preset.max_tokens, derive(0, "shallow"), device)


ENTRY = Entry("one layer of CodeBERT's architecture, pre-trained here on the task's training code", "example", make)
