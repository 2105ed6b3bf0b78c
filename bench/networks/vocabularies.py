"""The five tokenizers of the students.

Follows Compressor's byte-level BPE and AVATAR's four (spec 1.3, 2.5) on white-space-collapsed code, with the special
ids of `bench.networks.encode`. Mended: WordPiece's unknown token is in its vocabulary.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from itertools import chain

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from bench.networks.encode import SPECIALS, UNK, collapse
from bench.types import TokenizerKind


def train_tokenizer(kind: TokenizerKind, vocab_size: int, programs: Sequence[str]) -> Tokenizer:
    """Train a tokenizer on collapsed programs; the same programs give the same vocabulary.

    `vocab_size` counts the five special tokens; a small corpus may give fewer entries.
    """
    make = {
        "bpe": _bpe,
        "avatar-bpe": _avatar_bpe,
        "wordpiece": _wordpiece,
        "unigram": _unigram,
        "word": _word,
    }[kind]
    return make(vocab_size, sorted(collapse(program) for program in programs))


def _bpe(vocab_size: int, texts: list[str]) -> Tokenizer:
    # Compressor: lower case, byte level with a leading blank, 256 initial symbols.
    return _byte_level(vocab_size, texts, normalizers.Lowercase(), prefix=True)


def _avatar_bpe(vocab_size: int, texts: list[str]) -> Tokenizer:
    # AVATAR: letters without accents, no leading blank.
    return _byte_level(vocab_size, texts, _avatar_normalizer(), prefix=False)


def _byte_level(vocab_size: int, texts: list[str], normalizer: normalizers.Normalizer, *, prefix: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=max(vocab_size, len(alphabet) + len(SPECIALS)),
        special_tokens=list(SPECIALS),
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _avatar_normalizer() -> normalizers.Normalizer:
    steps = [normalizers.Lowercase(), normalizers.NFKD(), normalizers.Strip(), normalizers.StripAccents()]
    return normalizers.Sequence(steps)


def _frequent_letters(texts: list[str], most: int) -> list[str]:
    """Drop rare letters, of which comments may hold thousands: every letter is an entry of the vocabulary."""
    counts = Counter(chain.from_iterable(texts))
    kept = set(sorted(counts, key=lambda letter: (-counts[letter], letter))[: most + 1]) | {" "}
    return texts if len(kept) >= len(counts) else ["".join(filter(kept.__contains__, text)) for text in texts]


def _wordpiece(vocab_size: int, texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = _avatar_normalizer(), pre_tokenizers.Whitespace()
    texts = _frequent_letters([str(tokenizer.normalizer.normalize_str(text)) for text in texts], vocab_size // 4)
    letters = sorted(set("".join(texts)) - {" "})
    # The trainer numbers "##x" in hash order, and merges break ties by number: name them all beforehand.
    pieces = [*SPECIALS, *letters, *(f"##{letter}" for letter in letters)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=max(vocab_size, len(pieces)), special_tokens=pieces, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _without_added_pieces(tokenizer, models.WordPiece(tokenizer.get_vocab(), unk_token="<unk>"))


def _without_added_pieces(trained: Tokenizer, model: models.Model) -> Tokenizer:
    """Keep the vocabulary, but split text by the model alone, not by tokens named before training."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer, tokenizer.pre_tokenizer = trained.normalizer, trained.pre_tokenizer
    tokenizer.add_special_tokens(list(SPECIALS))
    return tokenizer


def _unigram(vocab_size: int, texts: list[str]) -> Tokenizer:
    # By SentencePiece itself: the trainer of `tokenizers` gives another vocabulary in every process, and is slower.
    import sentencepiece

    normalizer, model = _avatar_normalizer(), io.BytesIO()
    texts = _frequent_letters([str(normalizer.normalize_str(text)) for text in texts], vocab_size // 2)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=vocab_size - 2,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        max_sentence_length=1 << 20,
        num_threads=1,
        minloglevel=2,
    )
    trained = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    learned = [(trained.id_to_piece(i), trained.get_score(i)) for i in range(3, trained.get_piece_size())]
    tokenizer = Tokenizer(models.Unigram([*((name, 0.0) for name in SPECIALS), *learned], unk_id=UNK))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(list(SPECIALS))
    return tokenizer


def _word(vocab_size: int, texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = _avatar_normalizer()
    splits = [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(splits)
    trainer = trainers.WordLevelTrainer(vocab_size=vocab_size, special_tokens=list(SPECIALS), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
