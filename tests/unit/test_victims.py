"""Victims that others trained: called as transformers calls them, refused in one line, never run as code."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    DistilBertConfig,
    GPT2Config,
    PreTrainedTokenizerFast,
    RobertaConfig,
)

from attacks.judge import judge
from bench.networks.encode import collapse
from bench.networks.models import Constant, Network, build, save
from bench.networks.victims import Victim, VictimOptions, load_victim, vulnerable_column
from bench.networks.vocabularies import train_tokenizer
from bench.networks.windows import Windowed
from bench.types import Recipe, Sample, StudentSpec, UsageError

WORDS = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefghijklmnopqrstuvwxyz(){};*=_+,0123456789", "int", "return", "danger"]
PROGRAMS = ["int f ( a ) { return danger ; }", "a", "", "int\tg (\r\n b ) ;", "é \U0001f600 z", "x ; " * 40, "INT F"]
SMALL = {
    "roberta": lambda labels: RobertaConfig(
        vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=26, type_vocab_size=1, num_labels=labels,
    ),
    "bert": lambda labels: BertConfig(
        vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        max_position_embeddings=24, pad_token_id=1, num_labels=labels,
    ),
    "distilbert": lambda labels: DistilBertConfig(
        vocab_size=len(WORDS), dim=8, n_layers=1, n_heads=2, hidden_dim=8, max_position_embeddings=24, pad_token_id=1,
        num_labels=labels,
    ),
    "gpt2": lambda labels: GPT2Config(
        vocab_size=len(WORDS), n_embd=8, n_layer=1, n_head=2, n_positions=24, bos_token_id=0, eos_token_id=2,
        num_labels=labels,
    ),
}  # fmt: skip


def make(folder: Path, kind: str = "roberta", labels: int = 2, names: tuple[str, ...] = (), **facts: Any) -> Path:
    """Write a random classifier as transformers writes it."""
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    backend.normalizer, backend.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 0), ("</s>", 2)])
    special = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>"}
    pad = {} if kind == "gpt2" else {"pad_token": "<pad>"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **special, **pad, **facts).save_pretrained(folder)
    config = SMALL[kind](labels)
    if names:
        config.id2label = dict(enumerate(names))
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = AutoModelForSequenceClassification.from_config(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("victim"))


def load(folder: Path, **options: Any) -> Victim:
    found = load_victim(str(folder), VictimOptions(**options), "cpu")
    assert isinstance(found, Victim)
    return found


def by_transformers(folder: Path, program: str) -> np.ndarray:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        batch = tokenizer(program, truncation=True, max_length=24, return_tensors="pt")
        if "token_type_ids" not in inspect.signature(model.forward).parameters:
            batch.pop("token_type_ids")
        return model(**batch).logits[0].double().numpy()


@pytest.mark.parametrize("kind", list(SMALL))
@pytest.mark.parametrize("labels", [1, 2])
def test_it_answers_as_transformers_does(tmp_path: Path, kind: str, labels: int) -> None:
    victim = load(make(tmp_path, kind, labels))
    assert victim.inputs.max_tokens == 24
    found = victim.probabilities(PROGRAMS)
    for row, program in zip(found, PROGRAMS, strict=True):
        logits = torch.from_numpy(by_transformers(tmp_path, program))
        wanted = logits.softmax(0)[1] if labels == 2 else logits.sigmoid()[0]
        assert row[1] == pytest.approx(float(wanted), abs=1e-6), program
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert len(set(found[:, 1].round(4))) > 4, "a victim that answers the same for everything would pass"
    assert victim.probabilities([]).shape == (0, 2)


def test_any_batch_size_and_company_give_the_same(folder: Path) -> None:
    found = load(folder).probabilities(PROGRAMS)
    assert load(folder, batch_size=2).probabilities(PROGRAMS) == pytest.approx(found, abs=1e-6)
    assert np.array_equal(load(folder).remembering().probabilities([*PROGRAMS, *PROGRAMS]), np.tile(found, (2, 1)))


def test_types_are_passed_where_the_model_has_them(tmp_path: Path) -> None:
    bert, roberta = load(make(tmp_path / "bert", "bert")), load(make(tmp_path / "roberta", "roberta"))
    assert set(bert.inputs.encode(["a"])[0]) == {"input_ids", "token_type_ids"}
    plain = make(tmp_path / "plain", "roberta", model_input_names=["input_ids", "attention_mask"])
    assert set(load(plain).inputs.encode(["a"])[0]) == {"input_ids"}
    assert np.array_equal(load(plain).probabilities(PROGRAMS), roberta.probabilities(PROGRAMS))
    distilled = load(make(tmp_path / "distilbert", "distilbert"))
    assert set(distilled.inputs.encode(["a"])[0]) == {"input_ids"}


def test_white_space_is_kept_unless_asked(tmp_path: Path) -> None:
    make(tmp_path)
    backend = json.loads((tmp_path / "tokenizer.json").read_text())
    backend["pre_tokenizer"] = {"type": "Split", "pattern": {"String": " "}, "behavior": "Isolated", "invert": False}
    (tmp_path / "tokenizer.json").write_text(json.dumps(backend))
    code = "int a\t\r\n b"
    keep, collapsed = load(tmp_path), load(tmp_path, whitespace="collapse")
    assert np.array_equal(collapsed.probabilities([code]), keep.probabilities([collapse(code)]))
    assert not np.allclose(keep.probabilities([code]), keep.probabilities([collapse(code)]))


@pytest.mark.parametrize(
    ("labels", "wanted", "column"),
    [
        (("LABEL_0", "LABEL_1"), None, 1),
        (("0", "1"), None, 1),
        (("1", "0"), None, 0),
        (("safe", "vulnerable"), None, 1),
        (("VULN", "ok"), None, 0),
        (("good", " Bad "), None, 1),
        (("Insecure", "secure"), None, 0),
        (("non-vulnerable", "vulnerable"), None, 1),
        (("defective", "clean"), None, 0),
        (("LABEL_0", "LABEL_1"), "0", 0),
        (("LABEL_0", "LABEL_1"), "label_0", 0),
        (("1", "0"), "1", 0),
        (("fine", "cwe"), "CWE", 1),
        (("fine", "cwe"), "0", 0),
        (("LABEL_0",), None, 0),
        (("safe",), None, -1),
        (("Non-Vulnerable",), None, -1),
        (("safe",), "0", 0),
    ],
)
def test_names_decide_which_logit_is_vulnerable(labels: tuple[str, ...], wanted: str | None, column: int) -> None:
    assert vulnerable_column(labels, wanted) == column


@pytest.mark.parametrize(
    ("labels", "wanted", "said"),
    [
        (("fine", "cwe"), None, "got 'fine', 'cwe': give --vulnerable-label NAME_OR_INDEX"),
        (("vulnerable", "LABEL_1"), None, "got 'vulnerable', 'LABEL_1': give --vulnerable-label"),
        (("safe", "good"), None, "got 'safe', 'good': give"),
        (("a", "b"), "c", r"one of 0 \(a\), 1 \(b\), got 'c'"),
        (("a", "b"), "2", r"one of 0 \(a\), 1 \(b\), got '2'"),
        (("a", "b"), "-1", "got '-1'"),
        (("a", "b"), "", "got ''"),
        (("a",), "1", r"one of 0 \(a\), got '1'"),
        (("a", "b", "c"), "1", r"one or two logits, got 3 \(a, b, c\)"),
        ((), None, "one or two logits, got 0"),
    ],
)
def test_ambiguous_labels_are_a_mistake(labels: tuple[str, ...], wanted: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        vulnerable_column(labels, wanted)


def test_the_chosen_logit_is_what_counts(tmp_path: Path, folder: Path) -> None:
    one, other = load(folder).probabilities(PROGRAMS), load(folder, vulnerable_label="0").probabilities(PROGRAMS)
    assert one == pytest.approx(other[:, ::-1], abs=1e-12)
    names = load(make(tmp_path / "names", names=("bad", "good"))).probabilities(PROGRAMS)
    assert names == pytest.approx(other, abs=1e-12)
    safe = load(make(tmp_path / "safe", labels=1, names=("safe",))).probabilities(PROGRAMS)
    plain = load(make(tmp_path / "plain", labels=1)).probabilities(PROGRAMS)
    assert safe == pytest.approx(plain[:, ::-1], abs=1e-12)


def test_more_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected one or two logits, got 3"):
        load(make(tmp_path, labels=3))


def test_the_window_is_what_model_and_tokenizer_allow(tmp_path: Path, folder: Path) -> None:
    assert load(make(tmp_path / "short", model_max_length=16)).inputs.max_tokens == 16
    assert load(make(tmp_path / "long", model_max_length=512)).inputs.max_tokens == 24
    assert load(folder, max_tokens=12).inputs.max_tokens == 12
    for number in (25, 7, 0, -3):
        with pytest.raises(UsageError, match=f"expected 8 to 24 tokens for .*, got {number}"):
            load(folder, max_tokens=number)
    with pytest.raises(UsageError, match="cuts at the end"):
        load(make(tmp_path / "left", truncation_side="left"))


@pytest.mark.parametrize("whitespace", ["keep", "collapse"])
def test_what_is_visible_is_what_is_read(folder: Path, whitespace: str) -> None:
    victim = load(folder, whitespace=whitespace)
    assert isinstance(victim, Windowed)
    for blank in (" ", "\t", "\r\n", " \n\t "):
        code = blank.join(["é", "\U0001f600", *(f"n{blank}= {i % 10}" for i in range(20)), "danger"])
        seen = victim.visible(code)
        assert len(code[:seen].split()) == 22, "24 tokens, two of them special"
        assert not code[seen - 1].isspace()
        found = victim.probabilities([code, code[:seen], code[:seen] + " a b c", code[: seen - 1] + " a b c"])
        assert found[0] == pytest.approx(found[1], abs=1e-9)
        assert found[0] == pytest.approx(found[2], abs=1e-9)
        assert abs(found[0] - found[3]).max() > 1e-6
    assert [victim.visible(code) for code in ("", " \r\n", "\tint a ;\r\n", "é" * 9)] == [0, 3, 10, 9]


def test_renames_that_the_model_cannot_see_are_computed_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, plain = [], Victim._logits

    def counted(self: Victim, encoded: list[Any]) -> Any:
        asked.append(len(encoded))
        return plain(self, encoded)

    monkeypatch.setattr(Victim, "_logits", counted)
    long = "a b c d e f g h " * 3
    found = load(folder).probabilities(["int x", "INT X", long + "y", long + "z", "int y"])
    assert asked == [3]
    assert np.array_equal(found[[0, 2]], found[[1, 3]])


def test_our_own_directories_are_read_as_ours(tmp_path: Path) -> None:
    made = build(StudentSpec(300, 1, 16, 2, 32, 24), Recipe(1, 1e-3), train_tokenizer("bpe", 300, PROGRAMS), seed=0)
    save(made, tmp_path / "student")
    save(Constant(0.25), tmp_path / "constant")
    found = load_victim(str(tmp_path / "student"), VictimOptions(vulnerable_label="nonsense"), "cpu")
    assert isinstance(found, Network)
    assert np.array_equal(found.probabilities(PROGRAMS), made.probabilities(PROGRAMS))
    assert load_victim(str(tmp_path / "constant"), VictimOptions(), "cpu") == Constant(0.25)
    (tmp_path / "student" / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(UsageError, match="expected a student or teacher of ours in"):
        load_victim(str(tmp_path / "student"), VictimOptions(), "cpu")


def test_an_encoder_is_no_victim(
    tmp_path: Path, checkpoint: Path, splits: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    from bench.networks.encoders import save_encoder
    from bench.presets import ScratchEncoder
    from bench.pretraining.pretrain import pretrain

    with pytest.raises(UsageError, match=r"all weights of the victim in .*, got none for classifier\."):
        load(checkpoint)
    shape = ScratchEncoder(vocab_size=300, layers=1, hidden=16, heads=2, ffn=32, pretrain_epochs=1)
    save_encoder(pretrain(splits.unlabelled, shape, 32, 0, "cpu"), tmp_path)
    with pytest.raises(UsageError, match="expected a classifier in"):
        load(tmp_path)
    assert "TRAIN" not in capfd.readouterr().err, "transformers has its say as well"


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("how", ["zip", "legacy"])
def test_code_in_a_checkpoint_is_refused_and_does_not_run(folder: Path, tmp_path: Path, how: str) -> None:
    copy, marker = shutil.copytree(folder, tmp_path / "evil"), tmp_path / "it-ran"
    (copy / "model.safetensors").unlink()
    if how == "zip":
        torch.save({"classifier.dense.weight": Evil(marker)}, copy / "pytorch_model.bin")
    else:
        (copy / "pytorch_model.bin").write_bytes(pickle.dumps({"x": Evil(marker)}, protocol=2))
    with pytest.raises(UsageError, match=r"cannot load the victim .*evil") as error:
        load(copy)
    assert "\n" not in str(error.value)
    assert not marker.exists()


def test_harmless_bin_files_are_read(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    copy = shutil.copytree(folder, tmp_path / "bin")
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    assert np.array_equal(load(copy).probabilities(PROGRAMS), load(folder).probabilities(PROGRAMS))


@pytest.mark.parametrize("own_type", [False, True])
def test_code_beside_a_checkpoint_does_not_run(folder: Path, tmp_path: Path, own_type: bool) -> None:
    copy, marker = shutil.copytree(folder, tmp_path / "evil"), tmp_path / "it-ran"
    (copy / "evil.py").write_text(f"import os\nos.mkdir({str(marker)!r})\n")
    settings = json.loads((copy / "config.json").read_text())
    settings["auto_map"] = {"AutoConfig": "evil.C", "AutoModelForSequenceClassification": "evil.M"}
    if own_type:
        settings["model_type"] = "evil"
    (copy / "config.json").write_text(json.dumps(settings))
    if own_type:
        with pytest.raises(UsageError, match="cannot load the victim"):
            load(copy)
    else:
        assert load(copy).probabilities(["a"]).shape == (1, 2)
    assert not marker.exists()


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_an_incomplete_directory_is_one_line(folder: Path, tmp_path: Path, missing: str) -> None:
    copy = shutil.copytree(folder, tmp_path / "incomplete")
    (copy / missing).unlink()
    with pytest.raises(UsageError, match="incomplete") as error:
        load(copy)
    assert "\n" not in str(error.value)


def test_no_fast_tokenizer_is_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.networks import hub

    class Slow:
        is_fast = False

    monkeypatch.setattr(hub.AutoTokenizer, "from_pretrained", lambda *_, **__: Slow())
    with pytest.raises(UsageError, match=r"expected a fast tokenizer in .*, got Slow: add its tokenizer\.json"):
        load(folder)


def test_a_tokenizer_of_another_model_is_one_line(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "other")
    PreTrainedTokenizerFast(tokenizer_object=train_tokenizer("bpe", 300, PROGRAMS)).save_pretrained(copy)
    with pytest.raises(UsageError, match=r"expected a tokenizer of 1 to 53 entries in .*, got \d+"):
        load(copy)


@pytest.mark.parametrize(
    "error",
    [
        OSError("We couldn't connect to the hub\nand more"),
        TimeoutError("timed out"),
        ValueError("no such revision"),
        RuntimeError(""),
    ],
)
def test_a_hub_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    from bench.networks import victims

    def fail(*_: Any, revision: str, **__: Any) -> None:
        assert revision == "abc"
        raise error

    monkeypatch.setattr(victims.AutoModelForSequenceClassification, "from_pretrained", fail)
    with pytest.raises(UsageError, match="cannot load the victim 'nobody/nothing'") as caught:
        load_victim("nobody/nothing", VictimOptions(revision="abc"), "cpu")
    assert "\n" not in str(caught.value)


def broken(folder: Path, copy: Path, name: str, value: float) -> Path:
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, copy)
    weights = load_file(copy / "model.safetensors")
    weights[name] = torch.full_like(weights[name], value)
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    return copy


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_one_line(folder: Path, tmp_path: Path, value: float) -> None:
    victim = load(broken(folder, tmp_path / "broken", "classifier.out_proj.bias", value))
    with pytest.raises(UsageError, match="expected finite logits, got NaN or infinity"):
        judge(object(), victim, Sample("x", "int f;", 1), 5, np.random.default_rng(0))  # type: ignore[arg-type]


def test_huge_logits_are_certain(folder: Path, tmp_path: Path) -> None:
    victim = load(broken(folder, tmp_path / "huge", "classifier.out_proj.weight", 1e30))
    assert np.isfinite(victim.probabilities(PROGRAMS)).all()


def test_a_head_of_another_shape_and_a_model_that_fails_are_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = load(folder)
    monkeypatch.setattr("bench.networks.victims.logits", lambda *_: torch.zeros(1, 2, 2))
    with pytest.raises(UsageError, match=r"expected logits of shape \(1, 2\), got \(1, 2, 2\)"):
        victim.probabilities(["a"])

    def fail(*_: object) -> None:
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr("bench.networks.victims.logits", fail)
    with pytest.raises(UsageError, match=r"failed on 1 programs \(RuntimeError: out of memory\)"):
        victim.probabilities(["a"])
