"""Latency and energy: turns, warm-up, threads, units, and a source for every joule."""

import time

import numpy as np
import pytest
import torch

from bench.measuring import measure
from bench.measuring.measure import WARM_UP, energy, speed, throughput


class Slow:
    """Takes a known time; remembers what it was asked and with how many threads."""

    def __init__(self, seconds, log, name):
        self.seconds, self.log, self.name = seconds, log, name

    def probabilities(self, programs):
        self.log.append((self.name, list(programs), torch.get_num_threads()))
        time.sleep(self.seconds)
        return np.full((len(programs), 2), 0.5)


@pytest.fixture(autouse=True)
def no_counter(monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "RAPL", tmp_path / "absent")


def test_classifiers_take_turns_one_program_at_a_time_on_one_thread():
    log, threads = [], torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = speed({"a": Slow(0.0, log, "a"), "b": Slow(0.0, log, "b")}, ["p", "q"], rounds=3, device="cpu")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    turns = 2 * (WARM_UP + 3)
    assert [name for name, _, _ in log[:turns]] == ["a", "b"] * (WARM_UP + 3)
    assert [programs for _, programs, _ in log[:turns:2]] == [["pq"[i % 2]] for i in range(WARM_UP + 3)]
    assert {count for _, _, count in log} == {1}
    assert list(found) == ["a", "b"]


def test_latencies_are_milliseconds_in_order_and_warm_up_is_left_out():
    log = []
    (measured,) = speed({"a": Slow(0.004, log, "a")}, ["p"], rounds=4, device="cpu").values()
    found = {one.metric: one for one in measured}
    assert 4.0 <= found["latency_p50"].value <= found["latency_p90"].value <= found["latency_p99"].value < 400
    assert found["cpu_p50"].value < found["latency_p50"].value, "sleeping costs no CPU time"
    assert {one.unit for name, one in found.items() if name not in {"energy", "throughput"}} == {"ms"}
    assert {one.n for name, one in found.items() if name != "throughput"} == {4}


def test_throughput_puts_all_programs_at_once():
    log = []
    found = throughput(Slow(0.004, log, "a"), ["p", "q", "r"], device="cpu")
    assert [programs for _, programs, _ in log] == [["p", "q", "r"]] * 3
    assert (found.unit, found.n) == ("1/s", 3)
    assert 3 / 0.4 < found.value <= 3 / 0.004


def test_energy_without_a_counter_is_estimated_and_says_so():
    calls = []
    found = energy(lambda: calls.append(1), cpu_ms=3.0, calls=7, device="cpu")
    assert (found.value, found.unit, found.n) == (30.0, "J", 7)
    assert found.source == "estimated from CPU time at 10 W a core"
    assert calls == [], "nothing is run again where nothing can be read"


def test_a_counter_that_cannot_be_read_is_no_counter(monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "RAPL", tmp_path)
    assert "estimated" in energy(lambda: None, 1.0, 1, "cpu").source


def test_progress_counts_every_call():
    from bench import progress

    class Heard(progress.Silent):
        total, steps = 0, 0

        def stage(self, title, total):
            self.total = total

        def advance(self, steps=1):
            self.steps += steps

    heard = Heard()
    with progress.listening(heard):
        speed({"a": Slow(0, [], "a")}, ["p"], 2, "cpu")
    assert heard.steps == heard.total == WARM_UP + 2
