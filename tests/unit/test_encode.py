"""Tokenizers and tensors: special ids, white space, lengths, masks; the same in every process."""

import hashlib
import subprocess
import sys
from functools import lru_cache
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.networks.encode import (
    BOS,
    EOS,
    PAD,
    SPECIALS,
    UNK,
    TextInputs,
    collapse,
    in_batches,
    padded,
    uncollapse,
)
from bench.networks.vocabularies import train_tokenizer
from bench.types import TokenizerKind

KINDS = get_args(TokenizerKind)
PROGRAMS = [
    f"static int f{i}(char *buf, int n) {{\n\tfor (int j = 0; j < n; j++) buf[j] = {i * 37};\n\treturn n;\n}}"
    for i in range(40)
] + ["int \u00fcber(void) { return '\u4e2d'; }"]


def test_white_space_collapses():
    assert collapse(" int\tf\n\n( void )\r\n{ } ") == "int f ( void ) { }"
    assert collapse(" \n") == ""


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_come_first(kind):
    tokenizer = train_tokenizer(kind, 300, PROGRAMS)
    assert [tokenizer.token_to_id(name) for name in SPECIALS] == [0, 1, 2, 3, 4]
    assert max(tokenizer.get_vocab().values()) == tokenizer.get_vocab_size() - 1
    assert tokenizer.get_vocab_size() <= 300


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_words_and_odd_text_are_no_crash(kind):
    tokenizer = train_tokenizer(kind, 300, PROGRAMS[:5])
    inputs = TextInputs(tokenizer, 16)
    odd = ["zebra \u4e2d\u6587 \U0001f600 QQQ", "", "\x00\x01", "<s> </s> <mask> <unk>", "a" * 5000, "\u0301\u200b"]
    for one in inputs.encode(odd):
        ids = one["input_ids"]
        assert 2 <= len(ids) <= 16
        assert (ids[0], ids[-1]) == (BOS, EOS)
        assert ids.max() < tokenizer.get_vocab_size()


@pytest.mark.parametrize("kind", ["wordpiece", "unigram", "word"])
def test_what_was_never_seen_is_unknown(kind):
    assert UNK in train_tokenizer(kind, 300, PROGRAMS[:5]).encode("\u4e2d").ids


@pytest.mark.parametrize("kind", KINDS)
def test_more_letters_than_entries_still_fit(kind):
    comments = ["".join(chr(0x4E00 + (i * 37 + j) % 3000) for j in range(60)) + " int x;" for i in range(100)]
    tokenizer = train_tokenizer(kind, 300, comments)
    assert tokenizer.get_vocab_size() <= 300
    assert max(tokenizer.encode(" ".join(comments)).ids) < 300


@pytest.mark.parametrize("kind", KINDS)
def test_layout_and_order_of_the_corpus_do_not_matter(kind):
    spaced = [program.replace(" ", "\n\t ") for program in reversed(PROGRAMS)]
    one, two = train_tokenizer(kind, 300, PROGRAMS), train_tokenizer(kind, 300, spaced)
    assert one.get_vocab() == two.get_vocab()
    assert TextInputs(one, 64).encode(PROGRAMS[:1])[0]["input_ids"].tolist() == (
        TextInputs(two, 64).encode([spaced[-1]])[0]["input_ids"].tolist()
    )


def fingerprint() -> str:
    digest = hashlib.sha256()
    for kind in KINDS:
        tokenizer = train_tokenizer(kind, 300, PROGRAMS)
        digest.update(repr(sorted(tokenizer.get_vocab().items())).encode())
        digest.update(repr([one.ids for one in tokenizer.encode_batch(PROGRAMS)]).encode())
    return digest.hexdigest()


def test_the_same_vocabulary_in_every_process():
    code = (
        f"import importlib.util as u; spec = u.spec_from_file_location('here', {__file__!r}); "
        "here = u.module_from_spec(spec); spec.loader.exec_module(here); print(here.fingerprint())"
    )
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": hash_seed}
        )
        assert done.stdout.strip() == fingerprint()


def test_encoding_is_as_long_as_the_program_and_cut_at_the_end():
    inputs = TextInputs(train_tokenizer("word", 300, PROGRAMS), 10)
    short, cut = (one["input_ids"].tolist() for one in inputs.encode(["int n;", PROGRAMS[0]]))
    assert len(short) == 5
    assert len(cut) == 10
    assert cut[1:-1] == inputs.tokenizer.encode(collapse(PROGRAMS[0])).ids[:8]


def test_a_batch_is_padded_to_its_longest_and_no_further():
    inputs = TextInputs(train_tokenizer("word", 300, PROGRAMS), 32)
    batch = inputs.collate(inputs.encode(["int n;", "int n; return"]))
    assert batch["input_ids"].shape == (2, 6)
    assert batch["input_ids"][0, 5] == PAD
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]]


def test_a_batch_without_padding_has_no_mask():
    inputs = TextInputs(train_tokenizer("word", 300, PROGRAMS), 32)
    assert set(inputs.collate(inputs.encode(["int n;", "int j;"]))) == {"input_ids"}


def test_a_program_that_spells_the_padding_is_attended():
    inputs = TextInputs(train_tokenizer("word", 300, PROGRAMS), 32)
    batch = inputs.collate(inputs.encode(["int <pad> n;", "int n; return int j = n;"]))
    assert batch["attention_mask"].sum(dim=1).tolist() == [6, 11]


def test_other_special_ids_are_respected():
    inputs = TextInputs(train_tokenizer("word", 300, PROGRAMS), 32, bos=7, eos=8, pad=9)
    ids = inputs.collate(inputs.encode(["int n;", "int n; return"]))["input_ids"]
    assert (ids[0, 0], ids[0, 4], ids[0, 5]) == (7, 8, 9)
    assert np.dtype("int64") == ids.numpy().dtype


@given(st.text(alphabet="ab\u00e9\U0001f600 \t\r\n\x1c\u2003\u3000", max_size=30), st.data())
def test_a_prefix_of_collapsed_text_is_found_in_the_original(code, data):
    text = collapse(code)
    end = data.draw(st.integers(0, len(text)))
    kept = code[: uncollapse(code, end)]
    assert collapse(kept) == text[:end].strip()
    assert end == 0 or text[:end].endswith(" ") or collapse(kept[:-1]) != collapse(kept)


trained = lru_cache(lambda kind: train_tokenizer(kind, 300, PROGRAMS))
WORDS = st.text(alphabet="ab\u00e9\u0301\u0130\u4e2d\U0001f600'1_<s>.\x1c\u2003", min_size=1, max_size=9)


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(st.one_of(WORDS, st.sampled_from([*SPECIALS, "'re", "x" * 40])), max_size=30), st.integers(0, 9))
def test_what_is_behind_the_window_need_not_be_read(kind, words, room):
    tokenizer, code = trained(kind), " ".join(words)
    every = tokenizer.encode(collapse(code), add_special_tokens=False).ids
    found = TextInputs(tokenizer, room + 2).encode([code])[0]["input_ids"]
    assert found.tolist() == [BOS, *every[:room], EOS]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("blank", [" ", "\r\n", "\t ", "\u2003"])
def test_what_is_visible_is_what_the_model_reads(kind, blank):
    inputs = TextInputs(train_tokenizer(kind, 300, PROGRAMS), 24)
    words = [*(f"n{i} = '\u4e2d\U0001f600' + {i} ;" for i in range(20)), "end"]
    code = blank.join(words)
    seen = inputs.visible(code)
    assert 0 < seen < len(code)
    whole = code.index(blank, seen) if blank in code[seen:] else len(code)
    read, short, less = inputs.encode([code, code[:whole] + blank + "other", code[: seen - 1]])
    assert np.array_equal(read["input_ids"], short["input_ids"]), "what comes later changes nothing"
    assert not np.array_equal(read["input_ids"], less["input_ids"]), "and no less would do"
    assert inputs.visible(code[:whole]) <= whole


def test_all_of_a_program_that_fits_is_visible():
    inputs = TextInputs(train_tokenizer("word", 300, PROGRAMS), 10)
    assert [inputs.visible(code) for code in ("", " \n int n;\r\n", "a b c d e f g h")] == [0, 11, 15]
    assert inputs.visible("\ta\r\n b c d e f g h  i") == len("\ta\r\n b c d e f g h")


def test_equal_programs_are_computed_once_and_answers_find_their_way_back():
    lengths, asked = [3, 1, 2, 3, 1, 5], []

    def work(batch):
        asked.append([len(one["input_ids"]) for one in batch])
        return np.array([[one["input_ids"].sum(), len(one["input_ids"])] for one in batch], dtype=float)

    encoded = [{"input_ids": np.full(length, i % 2 + 1)} for i, length in enumerate(lengths)]
    encoded += [{"input_ids": encoded[0]["input_ids"].copy()}] * 2
    found = in_batches(encoded, 2, work, (2,))
    assert asked == [[1, 1], [2, 3], [3, 5]]
    assert found.tolist() == [[one["input_ids"].sum(), len(one["input_ids"])] for one in encoded]
    assert in_batches([], 2, work, (2,)).shape == (0, 2)


def test_tensors_that_differ_in_one_part_are_not_equal():
    ids = np.array([1, 2])
    encoded = [{"input_ids": ids, "token_type_ids": ids * k} for k in (0, 1)]
    assert in_batches(encoded, 8, lambda batch: np.array([o["token_type_ids"].sum() for o in batch])).tolist() == [0, 3]
    batch = padded([*encoded, {"input_ids": ids[:1], "token_type_ids": ids[:1]}], {"input_ids": 9, "token_type_ids": 8})
    assert batch["input_ids"].tolist() == [[1, 2], [1, 2], [1, 9]]
    assert batch["token_type_ids"].tolist() == [[0, 0], [1, 2], [1, 8]]
    assert batch["attention_mask"].tolist() == [[1, 1], [1, 1], [1, 0]]


def test_avatars_bytes_know_no_accents_and_no_leading_blank():
    ours, avatars = (train_tokenizer(kind, 400, PROGRAMS) for kind in ("bpe", "avatar-bpe"))
    assert avatars.encode("\u00dcBER").tokens == avatars.encode("uber").tokens != ours.encode("\u00dcBER").tokens
    assert (ours.encode("int").tokens[0][0], avatars.encode("int").tokens[0][0]) == ("\u0120", "i")
