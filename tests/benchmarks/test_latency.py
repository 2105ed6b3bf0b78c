"""The latency of architectures alone, untrained: a ratio within one run. Run with `make bench`."""

from __future__ import annotations

import pytest

from bench.distillation.standard import fast_student
from bench.measuring.latency import milliseconds
from bench.running.calibration import calibrated, measure
from bench.types import Budget, Recipe, StudentSpec

COMPRESSOR = StudentSpec(1000, 12, 96, 8, 64, 400, 514)
"""The released 3 MB student, and the optimum of its objective."""
RECIPE = Recipe(epochs=1, learning_rate=1e-3)


@pytest.mark.benchmark(group="latency")
def test_the_fast_student_answers_eight_times_as_fast_as_compressors(benchmark, bar) -> None:
    model = calibrated("cpu")
    fast = fast_student(Budget(3.0, 400, RECIPE, RECIPE, objective="latency", latency=model))
    deep, quick = benchmark.pedantic(measure, args=([COMPRESSOR, fast], "cpu"), kwargs={"turns": 15})
    benchmark.extra_info["architecture"] = f"{fast.vocab_size}/{fast.heads}/{fast.hidden}/{fast.ffn}/{fast.layers}"
    benchmark.extra_info["ms, twelve layers: measured, predicted"] = (deep, milliseconds(model, COMPRESSOR))
    benchmark.extra_info["ms, fast: measured, predicted"] = (quick, milliseconds(model, fast))
    bar("latency: the fast student over Compressor's", deep / quick, least=8, unit=" times")
