"""`bench pretrain`: what it writes, that it goes on where it was killed, and what it refuses."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from bench import cli
from bench.networks.encoders import load_encoder
from bench.networks.graph_inputs import GraphInputs
from bench.pretraining import encoder, encoder_request
from bench.pretraining.encoder import RECORD, pretrain_encoder, summary
from bench.pretraining.encoder_request import SIZES, EncoderRequest, EncoderSize, Length
from bench.pretraining.unfinished import Unfinished
from bench.types import UsageError

MICRO = EncoderSize(300, 1, 16, 2, 32, batch_size=4, learning_rate=5e-3)
PROGRAMS = [f"int f{i}(int a) {{ return a + {i}; }}" for i in range(30)]
EXCLUDED = "int f3(int a) { /* the same */ return a + 3; }"


@pytest.fixture
def request_(tmp_path, monkeypatch):
    monkeypatch.setitem(encoder_request.SIZES, "tiny", MICRO)
    (tmp_path / "corpus.jsonl").write_text("\n".join(json.dumps({"func": program}) for program in PROGRAMS))
    (tmp_path / "test.jsonl").write_text(json.dumps({"func": EXCLUDED, "target": 1}))
    return EncoderRequest(
        tmp_path / "corpus.jsonl",
        tmp_path / "out" / "encoder",
        size="tiny",
        exclude=(tmp_path / "test.jsonl",),
        window=24,
        length=Length(steps=12),
    )


def killed(request: EncoderRequest, step: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Die while the checkpoint after this step is being written; return the folder that is left."""
    save = Unfinished.save

    def dying(self, training, curve, seconds):
        if training.step == step:
            raise ProcessLookupError
        save(self, training, curve, seconds)

    with monkeypatch.context() as patch:
        patch.setattr(Unfinished, "save", dying)
        with pytest.raises(ProcessLookupError):
            pretrain_encoder(request, checkpoint_seconds=0)
    return request.output.with_name("encoder.unfinished")


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name not in {RECORD, "checksums.json"}}


def test_the_result_is_a_teacher_with_a_record(request_):
    record = pretrain_encoder(request_)
    assert record == json.loads((request_.output / RECORD).read_text())
    assert record["programs"]["read"] == 30
    assert record["programs"]["exact_copies_dropped"] == 1
    assert record["programs"]["used"] + record["programs"]["near_copies_dropped"] == 29
    assert (record["steps"], record["tokens"]) == (12, 12 * 4 * 24)
    losses = [point["held_out_loss"] for point in record["curve"]]
    assert len(losses) == 11
    assert losses[-1] < losses[0] - 0.3
    assert 0 < record["model_flops_utilisation"] < 1
    assert "1 exact" in summary(record, request_.output)
    unasked = {**record, "programs": {**record["programs"], "excluded": 0}}
    assert "not looked for: give --exclude" in summary(unasked, request_.output)
    read = load_encoder(str(request_.output), None, 400)
    assert read.inputs.max_tokens == 400
    assert np.isfinite(read.embed(PROGRAMS)).all()
    assert not request_.output.with_name("encoder.unfinished").exists()


def test_a_killed_training_goes_on_to_the_same_bytes(request_, monkeypatch):
    whole = replace(request_, output=request_.output.with_name("whole"))
    pretrain_encoder(whole)
    for step in (3, 8):
        folder = killed(request_, step, monkeypatch)
    assert not request_.output.exists()
    state = json.loads((folder / "checkpoint" / "state.json").read_text())
    assert state["step"] == 7
    pretrain_encoder(request_, checkpoint_seconds=0)
    assert content(request_.output) == content(whole.output)
    curves = [json.loads((r.output / RECORD).read_text())["curve"] for r in (request_, whole)]
    assert curves[0] == curves[1]


def test_a_graph_encoder_is_made_and_known_for_one(request_, monkeypatch):
    request = replace(request_, arch="graphcodebert", window=48)
    killed(request, 5, monkeypatch)
    record = pretrain_encoder(request, checkpoint_seconds=0)
    losses = [point["held_out_loss"] for point in record["curve"]]
    assert losses[-1] < losses[0] - 0.3
    read = load_encoder(str(request.output), None, 400)
    assert isinstance(read.inputs, GraphInputs)
    assert read.inputs.max_tokens == 48
    assert np.isfinite(read.embed(PROGRAMS)).all()


def test_minutes_become_steps_once(request_, monkeypatch):
    timed = replace(request_, length=Length(minutes=1.0))
    steps = killed(timed, 1, monkeypatch) / "steps.json"
    noted = json.loads(steps.read_text())
    assert noted["seconds_per_step"] > 0
    assert noted["steps"] > 1
    steps.write_text(json.dumps({"steps": 12}))
    assert pretrain_encoder(timed)["steps"] == 12
    counted = replace(request_, output=request_.output.with_name("counted"))
    pretrain_encoder(counted)
    assert content(timed.output) == content(counted.output)


def test_what_is_complete_is_only_read(request_, monkeypatch):
    request_ = replace(request_, length=Length(epochs=0.5))
    record = pretrain_encoder(request_)
    assert record["epochs"] == pytest.approx(0.5, abs=0.1)
    monkeypatch.setattr(encoder, "run", None)
    assert pretrain_encoder(request_) == record


def test_nothing_of_the_users_is_overwritten(request_):
    request_.output.mkdir(parents=True)
    (request_.output / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="give another --output"):
        pretrain_encoder(request_)
    assert (request_.output / "thesis.tex").read_text() == "mine"


def test_another_command_does_not_go_on(request_, monkeypatch):
    killed(request_, 1, monkeypatch)
    with pytest.raises(UsageError, match=r"expected seed 0 .* got 1"):
        pretrain_encoder(replace(request_, seed=1))


def test_two_processes_do_not_train_in_one_folder(request_, monkeypatch):
    folder = killed(request_, 1, monkeypatch)
    with FileLock(folder / ".lock"), pytest.raises(UsageError, match="a process trains there"):
        pretrain_encoder(request_)


def test_requests_that_make_no_sense_are_refused(tmp_path):
    with pytest.raises(UsageError, match="--size tiny"):
        EncoderRequest(tmp_path, tmp_path, size="huge")
    with pytest.raises(UsageError, match="--arch"):
        EncoderRequest(tmp_path, tmp_path, arch="lstm")
    with pytest.raises(UsageError, match="--window"):
        EncoderRequest(tmp_path, tmp_path, window=4)
    for wrong in ({}, {"steps": 1, "minutes": 1.0}, {"epochs": 0.0}, {"minutes": float("nan")}):
        with pytest.raises(UsageError, match="expected one of"):
            Length(**wrong)


@pytest.mark.parametrize("name", SIZES)
def test_sizes_can_be_built(name):
    size = SIZES[name]
    assert size.hidden % size.heads == 0


def call(monkeypatch: pytest.MonkeyPatch, *argv: object) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", "pretrain", *map(str, argv)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


def test_the_command_says_what_it_did_and_what_is_wrong(request_, monkeypatch, capsys):
    files = ("--corpus", request_.corpus, "--exclude", *request_.exclude, "--output", request_.output)
    assert call(monkeypatch, *files, "--size", "tiny", "--window", 24, "--steps", 2, "--vocab-size", 320) == 0
    printed = capsys.readouterr()
    assert "1 exact" in printed.out
    assert str(request_.output) in printed.out
    assert "step 2 of 2: held-out loss" in printed.err
    assert json.loads((request_.output / RECORD).read_text())["settings"]["vocab_size"] == 320
    for wrong, says in (((), "give another --output"), (("--steps", 1, "--minutes", 1), "expected one of --steps")):
        assert call(monkeypatch, *files, *wrong) == 2
        error = capsys.readouterr().err
        assert says in error
        assert len(error.splitlines()) == 1
