"""Teachers loaded, students built: column 1 is P(vulnerable), before and after the disk; no file runs code."""

import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from bench.networks import models
from bench.networks.encode import TextInputs
from bench.networks.encoders import load_encoder
from bench.networks.models import Constant, Network, build, load, parameters, roberta_config, save
from bench.networks.vocabularies import train_tokenizer
from bench.types import Activation, PositionKind, Recipe, StudentSpec, UsageError

SPEC = StudentSpec(300, 1, 16, 2, 32, 24)
RECIPE = Recipe(1, 1e-3)
PROGRAMS = ["int f(void) { return 0; }", "x", "", "int g(char *p) { return danger(p) + danger(p) + danger(p); }"] * 3


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer("bpe", 300, PROGRAMS)


@pytest.fixture(scope="module")
def network(tokenizer):
    return build(SPEC, RECIPE, tokenizer, seed=0)


def test_column_1_is_the_probability_of_label_1(network):
    batch = network.inputs.collate(network.inputs.encode(PROGRAMS[:1]))
    with torch.inference_mode():
        scores = network.model(**batch).logits
    wanted = scores.double().softmax(dim=1).numpy()
    found = network.probabilities(PROGRAMS[:1])
    assert found == pytest.approx(wanted, abs=1e-6)
    assert network.logits(PROGRAMS[:1])[0] == pytest.approx(float(scores[0, 1] - scores[0, 0]), abs=1e-6)
    assert network.model.config.id2label == {0: "safe", 1: "vulnerable"}


def test_raising_the_second_score_raises_column_1(tokenizer):
    biased = build(SPEC, RECIPE, tokenizer, seed=0)
    with torch.no_grad():
        biased.model.classifier.out_proj.bias += torch.tensor([0.0, 5.0])
    assert biased.probabilities(PROGRAMS)[:, 1].min() > 0.9


def test_probabilities_have_two_columns_that_sum_to_1(network):
    found = network.probabilities(PROGRAMS)
    assert (found.shape, found.dtype) == ((len(PROGRAMS), 2), np.float64)
    assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert network.probabilities([]).shape == (0, 2)


def test_answers_come_in_the_order_of_the_programs_whatever_the_batch(network):
    together = network.logits(PROGRAMS)
    alone = np.array([network.logits([program])[0] for program in PROGRAMS])
    pairs = Network(network.model, network.inputs, batch_size=2).logits(PROGRAMS)
    assert together == pytest.approx(alone, abs=1e-5)
    assert together == pytest.approx(pairs, abs=1e-5)
    assert len(set(alone.round(6))) > 2, "a network that answers the same for everything would pass"


def test_a_program_that_spells_the_padding_is_judged_the_same_in_every_company(network):
    odd = "int <pad> f; <pad>"
    alone, together = network.logits([odd])[0], network.logits([odd, PROGRAMS[3]])[0]
    assert together == pytest.approx(alone, abs=1e-5)


def test_loaded_weights_have_memory_of_their_own_as_built_ones(network, tmp_path):
    save(network, tmp_path)
    loaded = load(tmp_path)
    assert {weight.data_ptr() % 64 for one in (network, loaded) for weight in one.model.parameters()} == {0}
    assert np.array_equal(loaded.logits(PROGRAMS[:1]), network.logits(PROGRAMS[:1]))


def test_the_same_seed_makes_the_same_weights_and_leaves_the_global_stream_alone(tokenizer, network):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    same, other = build(SPEC, RECIPE, tokenizer, seed=0), build(SPEC, RECIPE, tokenizer, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(same.logits(PROGRAMS), network.logits(PROGRAMS))
    assert not np.array_equal(other.logits(PROGRAMS), network.logits(PROGRAMS))


@pytest.mark.parametrize("position", get_args(PositionKind))
@pytest.mark.parametrize("activation", get_args(Activation))
def test_every_architecture_survives_the_disk(tmp_path, tokenizer, position, activation):
    spec = StudentSpec(300, 1, 16, 2, 32, 24, position=position, activation=activation)
    made = build(spec, RECIPE, tokenizer, seed=3)
    save(made, tmp_path)
    read = load(tmp_path)
    assert np.array_equal(read.probabilities(PROGRAMS), made.probabilities(PROGRAMS))
    assert parameters(read.model) == parameters(made.model)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json",
        "inputs.json",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_plain_transformers_reads_our_directory(tmp_path, network):
    from transformers import AutoModelForSequenceClassification

    save(network, tmp_path)
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    with torch.inference_mode():
        scores = plain(**network.inputs.collate(network.inputs.encode(PROGRAMS[:1]))).logits[0]
    assert float(scores[1] - scores[0]) == pytest.approx(network.logits(PROGRAMS[:1])[0], abs=1e-6)


def test_a_constant_survives_the_disk(tmp_path):
    save(Constant(0.1 + 0.2), tmp_path)
    assert load(tmp_path) == Constant(0.1 + 0.2)
    assert Constant(0.3).probabilities(["a", "b"]).tolist() == [[0.7, 0.3]] * 2


def test_nothing_else_can_be_saved(tmp_path, teacher):
    with pytest.raises(TypeError, match="expected a Network or a Constant, got FakeTeacher"):
        save(teacher, tmp_path)


def test_dropouts_are_the_recipes():
    config = roberta_config(SPEC, Recipe(1, 1e-3, hidden_dropout=0.3, attention_dropout=0.4))
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.3, 0.4)


def test_a_hugging_face_directory_is_a_teachers_encoder(checkpoint):
    encoder = load_encoder(str(checkpoint), None, max_tokens=400)
    assert encoder.inputs.max_tokens == 32, "34 position rows, of which RoBERTa leaves out two"
    assert load_encoder(str(checkpoint), None, max_tokens=12).inputs.max_tokens == 12
    first = encoder.inputs.encode(["int f ( x )"])[0]["input_ids"].tolist()
    assert (first[0], first[-1], len(first)) == (0, 2, 7)
    classifier = encoder.classifier(RECIPE, seed=0)
    assert classifier.probabilities(["int f ( x )", "q " * 100]).shape == (2, 2)
    copied = dict(classifier.model.roberta.named_parameters())
    assert all(torch.equal(copied[n], p) for n, p in encoder.model.named_parameters() if not n.startswith("pooler."))
    again, other = encoder.classifier(RECIPE, seed=0), encoder.classifier(RECIPE, seed=1)
    assert np.array_equal(again.logits(["int f"]), classifier.logits(["int f"]))
    assert not np.array_equal(other.logits(["int f"]), classifier.logits(["int f"]))


def test_embeddings_are_means_over_real_tokens(checkpoint):
    encoder = load_encoder(str(checkpoint), None, 32)
    programs = ["int f", "int f ( x ) ; return x ;", "int f"]
    found = encoder.embed(programs, batch_size=2)
    assert found.shape == (3, 16)
    assert found == pytest.approx(np.concatenate([encoder.embed([program]) for program in programs]), abs=1e-6)
    with torch.inference_mode():
        states = encoder.model(
            torch.tensor(np.array([encoder.inputs.encode(["int f"])[0]["input_ids"]]))
        ).last_hidden_state
    assert found[0] == pytest.approx(states[0].mean(dim=0).double().numpy(), abs=1e-6)


def test_training_a_classifier_leaves_its_encoder_alone(checkpoint):
    encoder = load_encoder(str(checkpoint), None, 32)
    before = encoder.embed(["int f"])
    with torch.no_grad():
        for parameter in encoder.classifier(RECIPE, 0).model.parameters():
            parameter.add_(1.0)
    assert np.array_equal(encoder.embed(["int f"]), before)


def to_bin(folder: Path, weights: object) -> Path:
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    return folder


def test_a_checkpoint_of_bin_files_is_read_weights_only(checkpoint, tmp_path):
    from safetensors.torch import load_file

    folder = shutil.copytree(checkpoint, tmp_path / "bin")
    to_bin(folder, load_file(folder / "model.safetensors"))
    found, wanted = load_encoder(str(folder), None, 32), load_encoder(str(checkpoint), None, 32)
    assert np.array_equal(found.embed(["int f ;"]), wanted.embed(["int f ;"]))


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("how", ["zip", "legacy"])
def test_code_inside_a_checkpoint_is_refused_and_does_not_run(checkpoint, tmp_path, how):
    folder, marker = shutil.copytree(checkpoint, tmp_path / "evil"), tmp_path / "it-ran"
    to_bin(folder, {"embeddings": Evil(marker)})
    if how == "legacy":
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"embeddings": Evil(marker)}, protocol=2))
    assert zipfile.is_zipfile(folder / "pytorch_model.bin") == (how == "zip")
    with pytest.raises(UsageError, match="cannot load the teacher"):
        load_encoder(str(folder), None, 32)
    assert not marker.exists()


def test_code_beside_a_checkpoint_does_not_run(checkpoint, tmp_path):
    folder, marker = shutil.copytree(checkpoint, tmp_path / "evil"), tmp_path / "it-ran"
    (folder / "evil.py").write_text(f"import os\nos.mkdir({str(marker)!r})\n")
    for name in ("config.json", "tokenizer_config.json"):
        settings = json.loads((folder / name).read_text())
        settings["auto_map"] = {
            "AutoModel": "evil.Model",
            "AutoConfig": "evil.C",
            "AutoTokenizer": ["evil.T", "evil.T"],
        }
        (folder / name).write_text(json.dumps(settings))
    assert load_encoder(str(folder), None, 32).embed(["int f"]).shape == (1, 16)
    assert not marker.exists()


def test_a_checkpoint_with_gaps_is_refused(checkpoint, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(checkpoint, tmp_path / "gaps")
    weights = load_file(folder / "model.safetensors")
    save_file({n: w for n, w in weights.items() if "query" not in n}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UsageError, match=r"got none for encoder\.layer\.0\.attention\.self\.query\.bias"):
        load_encoder(str(folder), None, 32)


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_an_incomplete_directory_is_a_mistake(checkpoint, tmp_path, missing):
    folder = shutil.copytree(checkpoint, tmp_path / "incomplete")
    (folder / missing).unlink()
    with pytest.raises(UsageError, match="incomplete"):
        load_encoder(str(folder), None, 32)


def test_an_unreachable_hub_tells_the_ways_out(monkeypatch):
    with pytest.raises(
        UsageError, match=r"'nobody/nothing' .*--teachers a local Hugging Face directory, or codebert-s"
    ):
        load_encoder("nobody/nothing", "abc", 32)


def test_only_plain_inputs_are_saved(network, tmp_path):
    with pytest.raises(TypeError, match="expected TextInputs"):
        models.save_inputs(object(), tmp_path)
    models.save_inputs(TextInputs(network.inputs.tokenizer, 20, 7, 8, 9), tmp_path)
    read = models.load_inputs(tmp_path)
    assert (read.max_tokens, read.bos, read.eos, read.pad) == (20, 7, 8, 9)


@pytest.mark.parametrize("claim", [{"bos": 99999}, {"pad": -1}, {"max_tokens": 99999}])
def test_inputs_that_ask_for_embeddings_that_are_not_there_are_refused(network, tmp_path, claim):
    models.save(network, tmp_path)
    facts = json.loads((tmp_path / models.INPUTS_FILE).read_text())
    (tmp_path / models.INPUTS_FILE).write_text(json.dumps({**facts, **claim}))
    with pytest.raises(UsageError, match="expected inputs within the embeddings"):
        models.load(tmp_path)
