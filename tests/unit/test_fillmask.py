"""Names from a masked language model: what a known model suggests, ALERT step by step, odd programs, repetition."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM

from attacks.names import Suggested, sift
from attacks.rename import rename_loci
from bench.networks import fillmask
from bench.networks.encoders import save_encoder
from bench.networks.fillmask import MaskedNames, Reader, _merged, joined, reader
from bench.presets import ScratchEncoder
from bench.pretraining.pretrain import pretrain
from bench.syntax.cnames import is_legal_local
from bench.syntax.cscope import local_names
from bench.syntax.csource import parse
from bench.types import UsageError

ANGLES = {"size": 0, "int": 5, "len": 10, "num": 25, "val": 40, "buf": 90, "##fer": 100, "##ue": 110, "##ed": 120}
"""In degrees: the model's space is a circle, and neighbours on it are similar."""
WORDS = ["<s>", "<pad>", "</s>", "<unk>", *ANGLES, *"(){};,+=-*/x", "return", "f"]
CODE = "int f(int size, int buffer) { return size + buffer; }"


def circle(folder: Path, likes: dict[str, float], max_tokens: int = 64) -> MaskedNames:
    """A model without layers: it expects the same words everywhere, those with the highest numbers."""
    backend = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    backend.pre_tokenizer, backend.decoder = pre_tokenizers.WhitespaceSplit(), decoders.WordPiece("##", cleanup=False)
    backend.post_processor = processors.TemplateProcessing("<s> $A </s>", None, [("<s>", 0), ("</s>", 2)])
    PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>").save_pretrained(folder)
    model = RobertaForMaskedLM(
        RobertaConfig(
            vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=0, num_attention_heads=2, intermediate_size=8,
            max_position_embeddings=max_tokens + 2, type_vocab_size=1, tie_word_embeddings=False,
        )
    )  # fmt: skip
    one, two = torch.tensor([1.0, -1.0] * 4), torch.tensor([1.0, 1.0, -1.0, -1.0] * 2)
    with torch.no_grad():
        for parameter in (model.roberta.embeddings.position_embeddings, model.roberta.embeddings.token_type_embeddings):
            parameter.weight.zero_()
        for i, word in enumerate(WORDS):
            angle = math.radians(ANGLES.get(word, 200 + i))
            model.roberta.embeddings.word_embeddings.weight[i] = math.cos(angle) * one + math.sin(angle) * two
        model.lm_head.decoder.weight.zero_()
        model.lm_head.decoder.bias.copy_(torch.tensor([likes.get(word, -20.0 - i) for i, word in enumerate(WORDS)]))
    model.save_pretrained(folder)
    return MaskedNames(str(folder))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, splits: Any) -> Path:
    """What a run leaves behind: an encoder of ours with its language model."""
    shape = ScratchEncoder(vocab_size=320, layers=1, hidden=16, heads=2, ffn=32, pretrain_epochs=20)
    folder = tmp_path_factory.mktemp("encoder")
    programs = [*splits.unlabelled, *(f"int g{i}(int size, char *buf) {{ return size + buf[{i}]; }}" for i in range(9))]
    save_encoder(pretrain(programs, shape, 96, 0, "cpu"), folder)
    return folder


@pytest.mark.parametrize(
    ("words", "nearest", "wanted"),
    [
        (3, 3, ("num", "val")),  # int, val and num are expected; num is nearer to size
        (5, 5, ("len", "num", "val")),
        (5, 3, ("len",)),  # size itself and int are nearest
        (99, 4, ("len", "num")),
    ],
)
def test_the_likeliest_words_are_kept_if_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: int, nearest: int, wanted: tuple[str, ...]
) -> None:
    model = circle(tmp_path, {"int": 9, "val": 8, "num": 7, "len": 6, "size": 5, "buf": 4})
    monkeypatch.setattr(fillmask, "WORDS", words)
    monkeypatch.setattr(fillmask, "NEAREST", nearest)
    assert model.suggest(CODE, ["size"], 60) == [wanted]


def test_names_of_several_pieces_are_combined_and_sorted_by_perplexity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = circle(tmp_path, {"val": 4, "##ue": 3, "##ed": 2, "len": 1})
    monkeypatch.setattr(fillmask, "WORDS", 4)
    assert model.suggest(CODE, ["buffer"], 60) == [("value", "valed", "lenue", "lened")]
    assert model.suggest(CODE, ["buffer"], 2) == [("value", "valed")]


def test_names_that_the_window_does_not_show_whole_get_none(tmp_path: Path) -> None:
    likes = {"num": 3, "len": 2, "##ue": 1, "val": 0}
    assert all(circle(tmp_path / "long", likes).suggest(CODE, ["size", "buffer", "absent"], 9)[:2])
    # <s> int f ( int size , int buf | ##fer
    cut = circle(tmp_path / "cut", likes, max_tokens=10).suggest(CODE, ["size", "buffer", "absent"], 9)
    assert [bool(found) for found in cut] == [True, False, False]
    assert circle(tmp_path / "cut", likes, max_tokens=10).suggest("/* size */", ["size"], 9) == [()]


def test_a_program_is_read_as_its_tokens() -> None:
    code = 'int f(struct s *size) {\r\n\tchar *x = "size  b"; // size\n return x->size + size; /* size */ size: ; }'
    text, places = joined(code, ["size", "x", "absent"])
    assert text == 'int f ( struct s * size ) { char * x = "size b" ; return x -> size + size ; size : ; }'
    assert [text[start:end] for start, end in places["size"]] == ["size"] * 2
    assert [text[start - 2 : start] for start, _ in places["size"]] == ["* ", "+ "]
    assert (len(places["x"]), places["absent"]) == (2, [])


def test_occurrences_take_turns() -> None:
    assert _merged("n", [[" a", "n", "c", "x y"], ["b", "a", "int", "d", "MAX", ""]]) == ("a", "b", "c", "d")


def alert(folder: Path, code: str, name: str, occurrences: int) -> list[list[str]]:
    """ALERT's generation for a name, one variant at a time."""
    loaded = reader(MaskedNames(str(folder)))
    model, tokenizer = loaded.model, loaded.inputs.tokenizer
    text, places = joined(code, [name])
    encoding = tokenizer.encode(text)
    ids = torch.tensor([encoding.ids])
    found = []
    with torch.inference_mode():
        before, scores = model.roberta(ids).last_hidden_state[0], model(ids).logits[0]
        for start, end in places[name][:occurrences]:
            where = [i for i, (b, e) in enumerate(encoding.offsets) if e > start and b < end and e > b]
            top = [scores[i].argsort(descending=True)[:60].tolist() for i in where]
            columns = []
            for column in range(60):
                variant = ids.clone()
                for i, words in zip(where, top, strict=True):
                    variant[0, i] = words[column]
                after = model.roberta(variant).last_hidden_state[0]
                columns.append(np.mean([torch.cosine_similarity(before[i], after[i], dim=0).item() for i in where]))
            kept = sorted(range(60), key=lambda column: -columns[column])[:30]
            if len(where) == 1:
                found.append([tokenizer.decode([top[0][column]], skip_special_tokens=False) for column in kept])
                continue
            prefixes: list[list[int]] = [[]]
            for words in top[:12]:
                prefixes = [[*prefix, words[column]] for prefix in prefixes[:24] for column in kept[:4]]
            combined = []
            for ids_of in prefixes[:24]:
                bare = torch.tensor([ids_of])
                combined.append((torch.nn.functional.cross_entropy(model(bare).logits[0], bare[0]).item(), ids_of))
            found.append([tokenizer.decode(i, skip_special_tokens=False) for _, i in sorted(combined)])
    return found


@pytest.mark.parametrize(("name", "proposed"), [("q", 30), ("qx", 16), ("zebra_crossing", 24)])
def test_it_is_alert_step_by_step(trained: Path, monkeypatch: pytest.MonkeyPatch, name: str, proposed: int) -> None:
    code = CODE.replace("size", name).replace("return", f"{name} = 1; buffer += {name}; return")
    monkeypatch.setattr(fillmask, "_merged", lambda _, proposals: tuple(proposals))
    found = reader(MaskedNames(str(trained))).find(code, (name,))[name]
    assert list(found) == alert(trained, code, name, 3)
    assert [len(one) for one in found] == [proposed] * 3


def test_what_is_suggested_is_legal_and_the_same_in_every_batch(trained: Path) -> None:
    names, source = MaskedNames(str(trained)), parse(CODE)
    asked = [name.text for name in local_names(source)]
    found = names.suggest(CODE, asked, 20)
    assert asked == ["size", "buffer"]
    assert all(0 < len(one) <= 20 and all(map(is_legal_local, one)) for one in found)
    loaded = reader(names)
    for size in (7, 64):
        again = Reader(loaded.model, loaded.inputs, batch_size=size).find(CODE, tuple(asked))
        assert [again[name][:20] for name in asked] == found
    assert sift(source, found).counts["illegal"] == 0
    loci = rename_loci(source, Suggested(names, 20), np.random.default_rng(0))
    assert [locus.alleles[0] for locus in loci] == asked
    assert sum(len(locus.alleles) - 1 for locus in loci) > 5


def test_layout_and_comments_change_nothing(trained: Path) -> None:
    names = MaskedNames(str(trained))
    spread = CODE.replace(" ", " /* why */\r\n\t").replace("(", "  (")
    assert names.suggest(spread, ["size"], 9) == names.suggest(CODE, ["size"], 9)


def test_a_program_is_read_once_and_not_for_ever(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, calls, plain = MaskedNames(str(trained)), [], Reader.find

    def counted(self: Reader, program: str, asked: tuple[str, ...]) -> Any:
        calls.append(asked)
        return plain(self, program, asked)

    monkeypatch.setattr(Reader, "find", counted)
    code = CODE.replace("f(", "once(")
    found = names.suggest(code, ["size", "buffer", "size"], 9)
    assert found[0] == found[2]
    assert MaskedNames(str(trained)).suggest(code, ["size", "buffer"], 3) == [one[:3] for one in found[:2]]
    assert calls == [("size", "buffer")]
    assert fillmask._remembered.cache_parameters()["maxsize"] == fillmask.REMEMBERED


def test_an_encoder_without_its_head_and_an_absent_one_are_one_line(checkpoint: Path) -> None:
    with pytest.raises(UsageError, match=r"all weights of the masked language model in .*, got none for lm_head\."):
        reader(MaskedNames(str(checkpoint)))
    with pytest.raises(UsageError, match="cannot load the masked language model 'nobody/nothing'"):
        reader(MaskedNames("nobody/nothing", "abc"))


ODD = st.lists(
    st.one_of(
        st.sampled_from(
            ["int a;", "a", "\0", "\ud800", "é", "/*", "*/", "//", '"a', "'", "#define a \\\n b", "{", "}"]
        ),
        st.sampled_from(
            ["int f(int a, char *b) {", "a + b;", "<s> </s> <pad> <mask> <unk>", "x" * 300, "\r\n\t ", "("]
        ),
        st.text(st.characters(codec=None), max_size=8),
    ),
    max_size=12,
).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(code=ODD)
def test_no_program_is_too_odd(odd_names: MaskedNames, code: str) -> None:
    source = parse(code)
    asked = ["a", "b", "\ud800", "", "int", *(name.text for name in local_names(source))]
    found = odd_names.suggest(code, asked, 5)
    assert len(found) == len(asked)
    assert all(len(one) <= 5 and all(map(is_legal_local, one)) for one in found)
    sift(source, found)


@pytest.fixture(scope="module")
def odd_names(trained: Path) -> MaskedNames:
    return MaskedNames(str(trained))
