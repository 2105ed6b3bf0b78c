"""Measure how long small architectures take on this machine, and fit `bench.measuring.latency.LatencyModel` to it.

Batch 1, one thread, full inputs, random weights: what a network computes does not depend on what it has learnt. Probes
take turns, so that a slow minute hits all of them, and the least of the turns counts, of CPU time where that is where
networks run: on one thread it is the latency of an otherwise idle machine. A calibration is a measurement: another one
gives other coefficients, and a search that uses it perhaps another student. A run therefore keeps its calibration.
"""

from __future__ import annotations

import json
import platform
import time
from dataclasses import asdict
from functools import cache, cached_property
from pathlib import Path
from typing import cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models

from bench import progress
from bench.measuring import cost
from bench.measuring.hardware import synchronise
from bench.measuring.latency import LatencyModel, Work, fitted
from bench.measuring.measure import one_thread
from bench.networks.models import Network, build
from bench.rng import stream
from bench.storage.parcels import Shelf
from bench.types import Activation, PositionKind, Recipe, StudentSpec

PROBES = 60
TURNS = 4
DEAREST_PROBE = 1.4
"""GFLOPs; Compressor's 3 MB student takes 1.33."""
TOKENS = (64, 128, 192, 256, 400, 512)
RECIPE = Recipe(epochs=0, learning_rate=0.0)
VOCABULARY = 1000
FILE = "latency.json"


@cache
def calibrated(device: str) -> LatencyModel:
    """Measure the probes once per process, which takes seconds, and return the model fitted to them."""
    specs = probes()
    return fitted(specs, measure(specs, device), machine(device))


class Calibration:
    """The calibration of a run: measured when it is first asked, then read from the run directory, wherever that is.

    Not measured again on another machine: a search that was interrupted must go on to the same student. A copy of the
    artifact in another run directory gives the same students there.
    """

    def __init__(self, store: Shelf, device: str) -> None:
        """Measure nothing yet."""
        self._store, self._device = store, device
        self.slot = ("latency", f"latency on {device}")
        """Name and key of its artifact."""

    def __call__(self, work: Work) -> NDArray[np.float64]:
        """Predict as `LatencyModel` does."""
        return self.model(work)

    @cached_property
    def model(self) -> LatencyModel:
        """The fitted model."""

        def write(folder: Path) -> None:
            (folder / FILE).write_text(json.dumps(asdict(calibrated(self._device)), indent=1) + "\n")

        folder = self._store.artifact(*self.slot) or self._store.save_artifact(*self.slot, write)
        found = json.loads((folder / FILE).read_text())
        return LatencyModel(tuple(found["coefficients"]), found["relative_error"], found["source"])


def machine(device: str) -> str:
    """Name what a calibration depends on: processor, device, version of torch."""
    if device.startswith("cuda"):
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    return f"{platform.machine()} {platform.processor()}".strip() + f", one thread, torch {torch.__version__}"


def probes(count: int = PROBES) -> list[StudentSpec]:
    """Return architectures that tell the kinds of work apart; the same ones every time."""
    rng, found = stream(0, "latency probes"), list[StudentSpec]()
    while len(found) < count:
        heads = int(rng.choice((1, 2, 4, 8, 12)))
        spec = StudentSpec(
            vocab_size=VOCABULARY,
            layers=int(rng.choice((1, 1, 1, 2, 2, 3, 4, 6, 8, 12))),
            hidden=heads * int(rng.integers(max(1, 16 // heads), 224 // heads + 1)),
            heads=heads,
            ffn=round(2 ** float(rng.uniform(5, 11.5))),
            max_tokens=int(rng.choice(TOKENS)),
            activation=cast(Activation, str(rng.choice(("gelu", *get_args(Activation))))),
            position=cast(PositionKind, str(rng.choice(("absolute", "absolute", *get_args(PositionKind))))),
        )
        if cost.gflops(spec) <= DEAREST_PROBE:
            found.append(spec)
    return found


def measure(specs: list[StudentSpec], device: str, turns: int = TURNS) -> list[float]:
    """Return the milliseconds that each architecture takes for one full input, the least of so many turns."""
    tokenizer = Tokenizer(models.BPE())  # never asked: the inputs are ready
    networks = [build(spec, RECIPE, tokenizer, 0, device) for spec in specs]
    progress.current().stage("latency probes", (turns + 1) * len(specs))
    found = np.full((turns + 1, len(specs)), np.inf)
    with one_thread():
        for turn in range(turns + 1):
            for place, (network, spec) in enumerate(zip(networks, specs, strict=True)):
                found[turn, place] = _milliseconds(network, spec.max_tokens, device)
                progress.current().advance()
    return [float(least) for least in found[1:].min(axis=0)]  # the first turn only warms up


def _milliseconds(network: Network, tokens: int, device: str) -> float:
    encoded = [{"input_ids": np.random.default_rng(0).integers(5, VOCABULARY, tokens)}]
    clock = time.perf_counter if device.startswith("cuda") else time.process_time
    synchronise(device)
    started = clock()
    network.logits_of(encoded)
    synchronise(device)
    return 1e3 * (clock() - started)
