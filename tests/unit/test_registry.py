"""Names: known ones are found, unknown ones are named beside the known; absent devices are refused."""

from dataclasses import replace

import pytest
import torch

from bench import registry
from bench.config import CONTROLS, Experiment, preset
from bench.registry import ATTACKS, METHODS, TASKS, TEACHERS, check
from bench.types import Splits, UsageError


def test_the_defaults_pass():
    check(Experiment())
    assert set(CONTROLS) <= set(METHODS)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("methods", ("moekd", "nonsense"), r"unknown method 'nonsense': expected one of majority, .*moekd"),
        ("attacks", ("nonsense",), r"unknown attack 'nonsense': expected one of rename-greedy, rewrite-beam"),
        ("task", "nonsense", r"unknown task 'nonsense': expected one of embedded, devign, folder"),
        ("teachers", ("nonsense",), r"unknown teacher 'nonsense': .*or a directory of a Hugging Face encoder"),
        ("device", "tpu", r"expected --device cpu or cuda, got 'tpu'"),
    ],
)
def test_an_unknown_name_is_named_beside_the_known(field, value, says):
    with pytest.raises(UsageError, match=says):
        check(replace(Experiment(), **{field: value}))


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_gpu_that_is_asked_for_and_absent(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="torch sees no CUDA device: use --device cpu"):
        check(Experiment(device=device))


def test_a_gpu_that_is_there_passes(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    check(Experiment(device="cuda"))
    check(Experiment(device="cuda:0"))
    for wrong in ("cuda:1", "cuda:x"):
        with pytest.raises(UsageError, match=wrong):
            check(Experiment(device=wrong))


def test_a_directory_is_a_teacher(checkpoint, micro):
    check(Experiment(teachers=(str(checkpoint),)))
    entry = registry.teacher(str(checkpoint))
    assert checkpoint.name in entry.summary
    encoder = entry.make(Splits("t", (), (), (), ()), micro, "cpu")
    assert encoder.embed(["int f"]).shape == (1, 16)
    assert encoder.inputs.max_tokens == 32


def test_the_teacher_of_the_hub_is_pinned_and_offline_it_tells_the_way_out():
    pinned = TEACHERS["codebert"].make
    assert pinned.args[0] == "microsoft/codebert-base"
    assert len(pinned.args[1]) == 40, "a branch name would move"
    with pytest.raises(UsageError, match="local Hugging Face directory, or codebert-scratch"):
        pinned(Splits("t", (), (), (), ()), preset("smoke"), "cpu")


@pytest.mark.parametrize(
    "entries", [METHODS, ATTACKS, TASKS, TEACHERS], ids=["methods", "attacks", "tasks", "teachers"]
)
def test_every_entry_says_what_it_is_in_one_line(entries):
    for name, entry in entries.items():
        assert name == name.lower().strip()
        assert "," not in name, "lists are separated by commas"
        assert entry.summary
        assert entry.source
        assert "\n" not in entry.summary + entry.source


def test_a_control_without_an_entry_is_a_bug(monkeypatch):
    monkeypatch.delitem(METHODS, "kd")
    with pytest.raises(RuntimeError, match="controls without an entry"):
        check(Experiment())
