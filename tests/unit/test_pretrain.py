"""The encoder from scratch: masking as RoBERTa does it, determinism, and that pre-training learns something."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.networks.encode import MASK, PAD, SPECIALS, collapse
from bench.networks.encoders import Encoder, load_encoder, load_own_encoder, save_encoder
from bench.presets import ScratchEncoder
from bench.pretraining.lessons import Packed, bare, mask
from bench.pretraining.pretrain import pretrain, question_loss, rate
from bench.types import UsageError

SHAPE = ScratchEncoder(vocab_size=300, layers=1, hidden=16, heads=2, ffn=32, pretrain_epochs=1)
PROGRAMS = [f"int f{i}(int a) {{ return a + {i}; }}" for i in range(24)]


def test_masking_hides_15_percent_in_roberta_proportions():
    ids, noise = np.array([0, *range(100, 300), 2]), np.random.default_rng(0)
    fates = {"hidden": 0, "kept": 0, "other": 0}
    for _ in range(200):
        hidden, answers = mask(ids, 5000, noise)
        chosen = np.flatnonzero(answers >= len(SPECIALS))
        assert len(chosen) == 30
        assert np.array_equal(answers[chosen], ids[chosen])
        untouched = np.setdiff1d(np.arange(len(ids)), chosen)
        assert np.array_equal(hidden[untouched], ids[untouched])
        assert hidden[chosen].min() >= MASK
        fates["hidden"] += int((hidden[chosen] == MASK).sum())
        fates["kept"] += int((hidden[chosen] == ids[chosen]).sum())
    shares = {name: count / 6000 for name, count in fates.items()}
    assert shares["hidden"] == pytest.approx(0.8, abs=0.02)
    assert shares["kept"] == pytest.approx(0.1, abs=0.02)


def test_masking_leaves_the_original_alone_and_never_touches_special_tokens():
    ids = np.array([0, 7, 2, 1, 1])
    hidden, answers = mask(ids, 10, np.random.default_rng(1))
    assert ids.tolist() == [0, 7, 2, 1, 1]
    assert answers.tolist() == [0, 7, 0, 0, 0]
    assert hidden[[0, 2, 3, 4]].tolist() == [0, 2, 1, 1]
    empty = np.array([0, 2])
    assert [part.tolist() for part in mask(empty, 10, np.random.default_rng(1))] == [[0, 2], [0, 0]]


def test_the_same_seed_gives_the_same_encoder():
    one, two, other = (pretrain(PROGRAMS, SHAPE, 32, seed, "cpu") for seed in (1, 1, 2))
    assert np.array_equal(one.embed(PROGRAMS), two.embed(PROGRAMS))
    assert not np.array_equal(one.embed(PROGRAMS), other.embed(PROGRAMS))


def loss_of(encoder: Encoder) -> float:
    lessons = Packed(bare(encoder.inputs.encode(PROGRAMS)), 32, 32, 300, 4, seed=9)
    with torch.inference_mode():
        return float(question_loss(encoder.language_model, lessons.questions(0)))


def test_pre_training_lowers_the_loss():
    shapes = (replace(SHAPE, pretrain_epochs=epochs, pretrain_learning_rate=5e-3) for epochs in (1, 20))
    short, long = (loss_of(pretrain(PROGRAMS, shape, 32, 0, "cpu")) for shape in shapes)
    assert long < short - 0.5


def test_the_learning_rate_rises_over_a_tenth_and_falls_to_nothing():
    rates = [rate(step, 20, 0.1) for step in range(20)]
    assert rates[:3] == [0.5, 1.0, pytest.approx(18 / 19)]
    assert np.allclose(np.diff(rates[1:]), -1 / 19)
    assert rates[-1] == pytest.approx(1 / 19)
    assert rate(0, 1, 0.1) == 1.0


def test_nothing_to_read_is_the_users_mistake():
    with pytest.raises(UsageError, match="none with a token"):
        pretrain(["", " "], SHAPE, 32, 0, "cpu")


def test_an_encoder_survives_the_disk(tmp_path):
    made = pretrain(PROGRAMS, SHAPE, 32, 0, "cpu")
    save_encoder(made, tmp_path)
    read = load_own_encoder(tmp_path, "cpu")
    assert np.array_equal(read.embed(PROGRAMS), made.embed(PROGRAMS))
    assert read.inputs.max_tokens == 32


def test_programs_without_a_token_are_no_crash():
    encoder = pretrain(["", " ", "int f;"], SHAPE, 32, 0, "cpu")
    assert np.isfinite(encoder.embed(["", "int"])).all()


def test_a_saved_encoder_is_a_language_model_to_plain_transformers(tmp_path):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    made = pretrain(PROGRAMS, SHAPE, 32, 0, "cpu")
    save_encoder(made, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.is_fast
    assert (tokenizer.mask_token_id, tokenizer.pad_token_id, tokenizer.model_max_length) == (MASK, PAD, 32)
    for code in (*PROGRAMS[:3], "int Zebra_7 = '\u4e2d'; <mask>", "x " * 90):
        wanted = made.inputs.encode([code])[0]["input_ids"].tolist()
        assert tokenizer(collapse(code), truncation=True)["input_ids"] == wanted
    plain, found = AutoModelForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not found["missing_keys"]
    batch = made.inputs.collate(made.inputs.encode(PROGRAMS[:2]))
    with torch.inference_mode():
        assert torch.equal(plain.eval()(**batch).logits, made.language_model.eval()(**batch).logits)


def test_every_way_of_loading_an_encoder_gives_the_same_embeddings(tmp_path):
    made = pretrain(PROGRAMS, SHAPE, 32, 0, "cpu")
    save_encoder(made, tmp_path / "now")
    before = Encoder(made.model, made.inputs)
    save_encoder(before, tmp_path / "before")
    assert not (tmp_path / "before" / "tokenizer_config.json").exists()
    programs = [*PROGRAMS, "a\n\tB  c", "", "x " * 90]
    wanted = made.embed(programs)
    for read in (
        load_own_encoder(tmp_path / "now", "cpu"),
        load_own_encoder(tmp_path / "before", "cpu"),
        load_encoder(str(tmp_path / "now"), None, 400),
    ):
        assert read.inputs.max_tokens == 32
        assert np.array_equal(read.embed(programs), wanted)
