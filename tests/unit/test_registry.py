"""Names: known ones are found, unknown ones are named beside the known. Bad input: one line and exit code 2."""

import json
import sys
from dataclasses import replace

import pytest
import torch

from bench import registry
from bench.config import CONTROLS, Experiment
from bench.networks.encoders import load_own_encoder, save_encoder
from bench.networks.graph_inputs import GraphInputs
from bench.presets import preset
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


@pytest.mark.parametrize("name", ["codebert", "graphcodebert"])
def test_the_teachers_of_the_hub_are_pinned_and_offline_they_tell_the_way_out(name):
    pinned = TEACHERS[name].make
    assert pinned.args[0] == f"microsoft/{name}-base"
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


MISTAKES = {
    "an unknown method": (["--methods", "nonsense"], "unknown method 'nonsense'"),
    "an unknown attack": (["--attacks", "nonsense"], "unknown attack 'nonsense'"),
    "an unknown teacher": (["--teachers", "nonsense"], "unknown teacher 'nonsense'"),
    "an unknown task": (["--task", "nonsense"], "unknown task 'nonsense'"),
    "no data": (["--task", "folder"], "--data PATH"),
    "a malformed row": (["--task", "folder", "--data", "malformed"], "valid.jsonl:2: expected target 0 or 1"),
    "an empty program": (["--task", "folder", "--data", "blank"], "valid.jsonl:2: expected func"),
    "an empty split": (["--task", "folder", "--data", "empty"], "empty split"),
    "not the release": (["--task", "devign", "--data", "other"], "expected Devign's"),
    "an unwritable output": (["--preset", "smoke", "--output", "a-file"], "give another --output"),
    "an absent GPU": (["--device", "cuda"], "no CUDA device"),
    "a missing checkpoint": (
        ["--preset", "smoke", "--teachers", "other", "--output", "out"],
        "cannot load the teacher",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_through_the_command_line_a_mistake_is_one_line_and_2(mistake, monkeypatch, tmp_path, capsys):
    from bench import cli

    good = json.dumps({"func": "int f;", "target": 1})
    second = {"malformed": '{"func": "int g;", "target": 3}', "blank": '{"func": " ", "target": 1}', "other": good}
    for name in ("malformed", "blank", "other", "empty"):
        (tmp_path / name).mkdir()
        for split in ("train", "valid", "test"):
            line = second.get(name, good) if split == "valid" else good
            text = "" if (name, split) == ("empty", "valid") else f"{good}\n{line}\n"
            (tmp_path / name / f"{split}.jsonl").write_text(text)
    (tmp_path / "a-file").write_text("in the way")
    argv, says = MISTAKES[mistake]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["bench", "run", *argv])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    *log, last = capsys.readouterr().err.splitlines()
    assert last.startswith("error: ")
    assert says in last
    assert all(line.startswith("[") for line in log)
    assert (tmp_path / "a-file").read_text() == "in the way"


@pytest.mark.parametrize(("prefix", "graph"), [("", False), ("graph:", True)])
def test_a_directory_is_read_as_text_or_with_its_data_flow(checkpoint, micro, splits, prefix, graph):
    made = registry.teacher(f"{prefix}{checkpoint}").make(splits, micro, "cpu")
    assert isinstance(made.inputs, GraphInputs) == graph
    check(Experiment(teachers=(f"{prefix}{checkpoint}",)))


def test_a_graph_teacher_of_the_run_reads_data_flow(micro, splits):
    made = registry.teacher("graphcodebert-scratch").make(replace(splits, valid=(), test=()), micro, "cpu")
    assert isinstance(made.inputs, GraphInputs)
    assert made.inputs.max_tokens == micro.max_tokens


def test_nothing_is_pre_trained_on_copies_of_what_judges(micro, splits, tmp_path, monkeypatch):
    own = (replace(splits.labelled[0], code="long other(long q) { return q * q + 1; }"), *splits.labelled[1:])
    seen = []
    real = registry.pretrain
    monkeypatch.setattr(
        registry, "pretrain", lambda programs, *rest, **more: seen.extend(programs) or real(programs, *rest, **more)
    )
    made = registry.teacher("codebert-scratch").make(replace(splits, labelled=own), micro, "cpu")
    assert seen == [own[0].code], "a comment does not make another program"
    dropped = len(splits.labelled) - 1 + len(splits.unlabelled)
    told = {"programs": 1.0, "exact_copies_left_out": dropped, "near_copies_left_out": 0.0}
    assert made.facts == {f"pretraining_{name}": value for name, value in told.items()}
    save_encoder(made, tmp_path)
    assert load_own_encoder(tmp_path, "cpu").facts == made.facts
    with pytest.raises(UsageError, match="got only copies of validation and test"):
        registry.teacher("codebert-scratch").make(splits, micro, "cpu")
