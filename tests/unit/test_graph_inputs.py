"""GraphCodeBERT's inputs: positions, mask and node embeddings by hand, and the same scores in any company."""

import numpy as np
import pytest
import torch

from bench.distillation.teachers import single_teacher
from bench.networks import models
from bench.networks.encode import UNK
from bench.networks.encoders import load_encoder, load_own_encoder, reads_graph, save_encoder
from bench.networks.graph_inputs import GraphInputs, one_line, with_nodes
from bench.networks.vocabularies import train_tokenizer
from bench.presets import ScratchEncoder
from bench.pretraining.pretrain import pretrain
from bench.syntax.csource import parse
from bench.types import Recipe

SHAPE = ScratchEncoder(vocab_size=300, layers=2, hidden=16, heads=2, ffn=32, pretrain_epochs=1)
CODE = "int f(int a)\n{\n  int b = a; // copies\n  return b;\n}"
TOKENS = ["int", "f", "(", "int", "a", ")", "{", "int", "b", "=", "a", ";", "return", "b", ";", "}"]
VARIABLES = [4, 8, 10, 13]
"""Tokens of CODE that are nodes: a, b, a, b."""
PROGRAMS = [CODE, "int g(void) { return 1; }", "int h(int *p) { while (*p) { p++; } return *p; }"]


@pytest.fixture(scope="module")
def inputs() -> GraphInputs:
    return GraphInputs(train_tokenizer("word", 300, PROGRAMS), 40)


@pytest.fixture(scope="module")
def encoder(splits):
    return pretrain(splits.unlabelled, SHAPE, 64, 0, "cpu", graph=True)


def test_a_program_is_one_line_of_tokens_without_comments():
    line = one_line(parse(CODE))
    assert line.text.split() == TOKENS
    assert [line.text[i] for i in line.begins] == [token[0] for token in TOKENS]
    assert [CODE[i - 1] for i in line.ends] == [token[-1] for token in TOKENS]
    assert one_line(parse("a /* x\n y */ += 'b' ; $ \"//  z\"")).text == "a += 'b' ; $ \"// z\""
    assert one_line(parse("")).text == ""


def test_ids_and_positions(inputs):
    one = inputs.encode([CODE])[0]
    length = len(TOKENS) + 2
    assert one["input_ids"].tolist()[: length + 1] == [0, *map(inputs.tokenizer.token_to_id, TOKENS), 2, UNK]
    assert (one["input_ids"][length:] == UNK).all()
    assert one["position_ids"].tolist() == [*range(2, 2 + length), 0, 0, 0, 0]


def test_who_attends_to_whom(inputs):
    mask = inputs.collate(inputs.encode([CODE]))["attention_mask"][0].numpy()
    code, nodes = len(TOKENS) + 2, 4
    wanted = np.zeros((code + nodes, code + nodes), dtype=bool)
    wanted[:code, :code] = True
    wanted[0] = wanted[code - 1] = True
    for node, token in enumerate(VARIABLES):
        wanted[code + node, 1 + token] = wanted[1 + token, code + node] = True
    for node, source in ((1, 2), (2, 0), (3, 1)):  # b is computed from a, a comes from the parameter, b from b
        wanted[code + node, code + source] = True
    assert np.array_equal(mask, wanted)


def test_padding_is_seen_by_nobody_and_sees_something(inputs):
    batch = inputs.collate(inputs.encode(PROGRAMS[:2]))
    length = int((batch["position_ids"][1] != 1).sum())
    mask = batch["attention_mask"][1].numpy()
    assert not mask[:length, length:].any()
    assert mask.any(axis=1).all()
    assert (batch["input_ids"][1, length:] == 1).all()


def test_a_node_is_the_mean_of_its_pieces():
    tokenizer = train_tokenizer("bpe", 280, ["int f;"])
    inputs = GraphInputs(tokenizer, 64)
    code = "int f(int zq) { return zq; }"
    (one,) = inputs.encode([code])
    assert (one["pieces"][:, 0] == one["pieces"][0, 0]).sum() > 1  # a name of several pieces
    encoder = pretrain([code], SHAPE, 64, 0, "cpu", graph=True)
    batch = inputs.collate([one])
    batch["input_ids"] = batch["input_ids"].clamp(max=encoder.model.config.vocab_size - 1)
    embedded = with_nodes(encoder.model, batch)["inputs_embeds"][0]
    words = encoder.model.embeddings.word_embeddings(batch["input_ids"][0])
    for node in np.unique(one["pieces"][:, 0]):
        pieces = one["pieces"][one["pieces"][:, 0] == node, 1]
        assert torch.allclose(embedded[node], words[pieces].mean(dim=0), atol=1e-6)
    assert torch.equal(embedded[: one["pieces"][0, 0]], words[: one["pieces"][0, 0]])


def test_a_window_holds_a_beginning_and_its_nodes_of_which_a_quarter_at_most(inputs):
    small = GraphInputs(inputs.tokenizer, 16)
    (one,) = small.encode([CODE])
    assert one["position_ids"].tolist() == [*range(2, 2 + 13), 0, 0, 0]
    assert small.visible(CODE) == CODE.index("a;") + 1
    (crowded,) = GraphInputs(inputs.tokenizer, 28).encode(["int f(int a) { return a + a + a + a + a + a + a; }"])
    assert (crowded["position_ids"] == 0).sum() == 7
    assert crowded["sources"].max() < len(crowded["input_ids"])


def test_all_of_a_short_program_is_visible_and_layout_and_comments_are_not(inputs):
    assert inputs.visible(CODE) == len(CODE)
    one, two = inputs.encode([CODE, " /* new */ " + CODE.replace("\n", " ").replace("// copies", "/**/")])
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_programs_score_the_same_in_any_company(encoder, splits):
    teacher = single_teacher("toy", encoder, splits.labelled, splits.valid, Recipe(1, 1e-2, batch_size=4))
    programs = [*PROGRAMS, "", "x", splits.labelled[1].code, "int f(int a) {" + " a = a + 1;" * 30 + "}"]
    together = teacher.network.logits(programs)
    alone = [teacher.network.logits([program])[0] for program in programs]
    assert np.allclose(together, alone, atol=1e-6)
    assert np.allclose(encoder.embed(programs), np.concatenate([encoder.embed([p]) for p in programs]), atol=1e-6)
    assert len(set(together.round(6))) > 3


def test_data_flow_changes_the_answer(encoder):
    (seen,) = encoder.inputs.encode([CODE])
    blind = {**seen, "sources": seen["sources"][:0]}
    assert len(seen["sources"])
    assert not np.allclose(encoder._pooled([seen]), encoder._pooled([blind]), atol=1e-5)


def test_a_teacher_and_its_encoder_survive_the_disk(encoder, splits, tmp_path):
    teacher = single_teacher("toy", encoder, splits.labelled, splits.valid, Recipe(8, 1e-2, batch_size=4))
    assert teacher.network.valid_accuracy == 1.0
    models.save(teacher.network, tmp_path / "network")
    save_encoder(encoder, tmp_path / "encoder")
    read = models.load(tmp_path / "network")
    assert isinstance(read.inputs, GraphInputs)
    assert np.array_equal(read.logits(PROGRAMS), teacher.network.logits(PROGRAMS))
    wanted = encoder.embed(PROGRAMS)
    assert np.array_equal(load_own_encoder(tmp_path / "encoder", "cpu").embed(PROGRAMS), wanted)
    assert reads_graph(str(tmp_path / "encoder"))
    assert np.array_equal(load_encoder(str(tmp_path / "encoder"), None, 400).embed(PROGRAMS), wanted)
    plain = load_encoder(str(tmp_path / "encoder"), None, 400, graph=False)
    assert not np.allclose(plain.embed(PROGRAMS), wanted)


def test_an_expert_is_made_from_a_graph_encoder(encoder, splits):
    teacher = single_teacher("toy", encoder, splits.labelled, splits.valid, Recipe(1, 1e-2))
    expert = teacher.specialise(splits.labelled, np.ones(16), splits.valid, Recipe(1, 1e-2), 3)
    assert isinstance(expert.inputs, GraphInputs)
    assert np.isfinite(expert.logits(PROGRAMS)).all()
