"""Packed windows: every token of a program once an epoch, the same questions for the same step, every row trained."""

import numpy as np

from bench.networks.encode import BOS, EOS, PAD
from bench.pretraining.lessons import Packed, bare

PROGRAMS = [np.arange(10 + 20 * i, 10 + 20 * i + length, dtype=np.int32) for i, length in enumerate((5, 1, 19, 8))]


def packed(**changes) -> Packed:
    return Packed(
        **{"programs": PROGRAMS, "window": 12, "max_tokens": 32, "vocab_size": 200, "batch_size": 2, "seed": 3}
        | changes
    )


def unmasked(lessons: Packed, step: int) -> np.ndarray:
    asked = lessons.questions(step)
    ids, answers = asked.tensors["input_ids"].numpy(), asked.answers.numpy()
    return np.where(answers >= 5, answers, ids)


def test_an_epoch_holds_every_program_whole_and_in_an_order_of_its_own():
    lessons, orders = packed(), set()
    assert lessons.per_epoch == 3  # 33 tokens, 4 of <s> and </s> each, in windows of 10
    for epoch in range(4):
        windows = np.concatenate([unmasked(lessons, 3 * epoch + step) for step in range(3)])
        assert windows.shape == (6, 12)
        assert (windows[:, 0] == BOS).all()
        assert (windows[:, -1] == EOS).all()
        text = windows[:, 1:-1].ravel().tolist()
        firsts = [text.index(ids[0]) for ids in PROGRAMS]
        for place, ids in zip(firsts, PROGRAMS, strict=True):
            assert text[place : place + len(ids) + 2] == [*ids, EOS, BOS]
        orders.add(tuple(np.argsort(firsts)))
    assert len(orders) > 1


def test_a_steps_questions_depend_on_its_number_and_the_seed_alone():
    one, two = packed(), packed()
    for step in (7, 0, 2):
        later, again = one.questions(step), two.questions(step)
        assert all(later.tensors[name].equal(again.tensors[name]) for name in ("input_ids", "position_ids"))
        assert later.answers.equal(again.answers)
        assert later.tokens == 24
    assert not one.questions(0).answers.equal(packed(seed=4).questions(0).answers)
    assert not one.questions(0).answers.equal(one.questions(3).answers)


def test_every_row_of_the_position_table_trains_about_as_often():
    lessons, counts = packed(window=16, max_tokens=64), np.zeros(64)
    for step in range(400):
        rows = lessons.questions(step).tensors["position_ids"].numpy() - (PAD + 1)
        assert (np.diff(rows, axis=1) == 1).all()
        np.add.at(counts, rows.ravel(), 1)
    assert counts.min() > 0.1 * 800
    assert counts.max() < 0.5 * 800


def test_a_window_as_long_as_the_table_begins_at_its_first_row():
    rows = packed(window=32).questions(0).tensors["position_ids"]
    assert rows[0].tolist() == list(range(2, 34))


def test_programs_without_tokens_are_left_out():
    encoded = [{"input_ids": np.array([0, 9, 8, 2])}, {"input_ids": np.array([0, 2])}]
    assert [ids.tolist() for ids in bare(encoded)] == [[9, 8]]
