"""Clean performance as measured numbers, and what a network costs."""

import math

import numpy as np
import pytest

from bench.config import CONTROLS
from bench.measuring import cost
from bench.measuring.evaluate import PURE, performance, predict, share
from bench.networks.models import Constant, build
from bench.networks.vocabularies import train_tokenizer
from bench.presets import EMBEDDED, PAPER
from bench.running.costing import architecture, compression, estimate
from bench.storage.store import Cell
from bench.types import Recipe, Sample, StudentSpec

SAMPLES = [Sample(f"t/{i}", code, label) for i, (code, label) in enumerate([("a", 1), ("b", 1), ("c", 0), ("d", 0)])]


class Table:
    """Answers from a table; remembers how often it was asked."""

    def __init__(self, **vulnerable):
        self.vulnerable, self.asked = vulnerable, []

    def probabilities(self, programs):
        self.asked.append(list(programs))
        ones = np.array([self.vulnerable[program] for program in programs])
        return np.stack([1 - ones, ones], axis=1)


def test_column_1_decides_and_each_sample_is_judged_once():
    table = Table(a=0.9, b=0.2, c=0.4, d=0.1)
    found = {one.metric: one for one in performance(predict(table, SAMPLES))}
    assert table.asked == [["a", "b", "c", "d"]]
    assert found["accuracy"].value == 75.0
    assert (found["precision"].value, found["recall"].value) == (100.0, 50.0)
    assert found["positive_rate"].value == 25.0
    assert found["auroc"].value == pytest.approx(0.75)
    assert all(one.n == 4 for one in found.values())
    assert all(one.unit == ("" if one.metric in PURE else "%") for one in found.values())
    assert found["accuracy"].low < 75.0 < found["accuracy"].high


def test_a_constant_has_half_the_balanced_accuracy_and_no_skill():
    found = {one.metric: one.value for one in performance(predict(Constant(0.3), SAMPLES))}
    assert (found["balanced_accuracy"], found["mcc"], found["auroc"], found["recall"]) == (50.0, 0.0, 0.5, 0.0)


def test_shares_become_percentages():
    one = share("asr", 0.25, 8, (0.1, 0.5))
    assert (one.value, one.unit, one.n, one.low, one.high) == (25.0, "%", 8, 10.0, 50.0)
    assert share("asr", 0.25, 8).low is None


SPEC = StudentSpec(300, 2, 16, 2, 48, 24, position_rows=40, activation="relu", position="relative_key")


def test_a_network_gives_back_its_architecture_and_costs_what_arithmetic_says():
    network = build(SPEC, Recipe(1, 1e-3), train_tokenizer("bpe", 300, ["int f;"]), 0)
    assert architecture(network) == SPEC
    found = {one.metric: one for one in compression(network)}
    assert found["parameters"].value == cost.parameters(SPEC)
    assert found["size_mb"].value == pytest.approx(cost.megabytes(SPEC))
    assert found["gflops"].value == pytest.approx(cost.gflops(SPEC))
    assert found["paper_gflops"].source == "Compressor's formula"


def test_a_constant_costs_nothing():
    assert {one.metric: one.value for one in compression(Constant(0.5))} == {
        "parameters": 0.0,
        "size_mb": 0.0,
        "gflops": 0.0,
        "paper_gflops": 0.0,
    }


@pytest.mark.parametrize("preset", [EMBEDDED, PAPER], ids=lambda preset: preset.name)
def test_estimates_are_finite_and_ordered(preset):
    def of(method, **kind):
        return estimate(Cell("codebert-scratch", method, 0, **kind), preset)

    for method in (*CONTROLS, "moekd", "moekd[experts=8]", "compressor", "avatar", "morph", "anything"):
        for kind in ({}, {"attack": "rename-greedy", "kind": "attack"}, {"kind": "speed"}):
            assert math.isfinite(of(method, **kind))
            assert of(method, **kind) >= 0
    assert of("majority") == 0 < of("kd") == of("moekd") < of("ensemble-kd") < of("moekd[experts=8]")
