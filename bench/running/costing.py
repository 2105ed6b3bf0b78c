"""What a network costs, as numbers; and what a cell will roughly cost, before it is computed."""

from __future__ import annotations

from bench.config import GIVEN
from bench.distillation.effort import architecture
from bench.distillation.standard import standard_student
from bench.measuring import cost
from bench.measuring.evaluate import Measured
from bench.networks.models import Constant, Network, parameters
from bench.networks.victims import Victim
from bench.presets import Preset
from bench.storage.store import Cell
from bench.types import Classifier
from bench.variants import parse

EFFECTIVE_GFLOPS = 40.0
"""Full-length forward passes on two CPU cores, between short programs (55) and long ones (25); for estimates only."""
EXPERTS = 4
"""Of MoEKD by default; all of its variants share them but those that set one of OWN_EXPERTS."""
OWN_EXPERTS = {"experts", "partition", "outside_weight", "held_out"}
TRAINING_FACTOR = 5.0
"""A training step over a forward pass, dropout and optimizer included; only for estimates."""


def compression(classifier: Classifier) -> list[Measured]:
    """Parameters, MB and GFLOPs per inference of a classifier, as far as they are known."""
    if isinstance(classifier, Constant):
        names = (("parameters", ""), ("size_mb", "MB"), ("gflops", "GFLOPs"), ("paper_gflops", "GFLOPs"))
        return [Measured(name, 0.0, unit) for name, unit in names]
    if not isinstance(classifier, Network | Victim):
        return []
    count = parameters(classifier.model)
    size = [Measured("parameters", count), Measured("size_mb", count * 4 / 1e6, "MB", source="4 bytes a parameter")]
    if isinstance(classifier, Victim):
        return size
    spec = architecture(classifier)
    return [
        *size,
        Measured("gflops", cost.gflops(spec), "GFLOPs", source=f"counted at {spec.max_tokens} tokens"),
        Measured("paper_gflops", cost.paper_gflops(spec), "GFLOPs", source="Compressor's formula"),
    ]


def training(classifier: Classifier) -> list[Measured]:
    """How long a network of ours was trained, and how well it used its device; nothing is known about others."""
    record = classifier.training if isinstance(classifier, Network) else None
    if record is None:
        return []
    source = "3 x FLOPs that the answers over the real tokens need, over a measured matrix product"
    return [
        Measured("training_seconds", record.seconds, "s"),
        Measured("training_utilisation", 100 * record.utilisation, "%", source=source),
    ]


def estimate(cell: Cell, preset: Preset) -> float:
    """Guess the seconds of a cell on two CPU cores, from the standard student's cost alone."""
    forward = cost.gflops(standard_student(preset.size_mb, preset.max_tokens)) / EFFECTIVE_GFLOPS
    programs = preset.train_limit or 10_927
    epoch = forward * TRAINING_FACTOR * programs
    if cell.kind == "speed":
        return forward * preset.latency_rounds
    if cell.kind == "attack":
        return forward * (preset.attack_limit or 2_732) * preset.query_budget / 2 * (cell.method != "majority")
    if cell.method == GIVEN:
        return forward * (preset.test_limit or 2_732)
    distillation = epoch * preset.recipe.epochs
    fine_tuning = epoch * preset.teacher_recipe.epochs
    extra = {
        "majority": 0.0,
        "teacher": epoch * preset.scratch.pretrain_epochs * 2 + fine_tuning,
        "ensemble-kd": distillation + EXPERTS * fine_tuning,
        "augmented-kd": distillation + 3 * fine_tuning,
        "pioneer-style": 2 * distillation,
        "avatar": distillation + epoch * preset.surrogate_trainings * preset.surrogate_epochs,
        "morph": 2 * (distillation + epoch * preset.surrogate_trainings * preset.surrogate_epochs),
    }
    name, settings = parse(cell.method)
    apart = OWN_EXPERTS & settings.keys()
    return extra.get(name, distillation) + (int(settings.get("experts", EXPERTS)) * fine_tuning if apart else 0.0)
