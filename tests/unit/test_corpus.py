"""Corpora: what is read, in which order, and which copies fall out."""

import gzip
import json
import random

import pytest

from bench.pretraining.corpus import checksum, read_corpus, without_copies
from bench.types import UsageError

LONG = """int copy(char *to, const char *from, int most) {
    int i;
    for (i = 0; i < most && from[i] != '\\0'; i++) {  // as strncpy, without the zeros
        to[i] = from[i];
    }
    if (i < most) { to[i] = '\\0'; }
    return i;
}"""


def test_a_folder_is_read_file_by_file_in_order_of_names(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.jsonl").write_text(json.dumps({"func": "int b;"}) + "\n\n" + json.dumps({"func": "int c;"}))
    (tmp_path / "deep" / "d.c").write_bytes(b"int d; // \xff")
    (tmp_path / "empty.c").write_text(" \n")
    (tmp_path / "notes.txt").write_text("int not_this;")
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as file:
        file.write(json.dumps({"func": "int a;", "target": "unread"}))
    assert read_corpus(tmp_path) == ("int a;", "int b;", "int c;", "int d; // \ufffd")
    assert read_corpus(tmp_path / "b.jsonl") == ("int b;", "int c;")


def test_a_limit_draws_programs_by_the_seed_and_keeps_their_order(tmp_path):
    programs = [f"int v{i:02};" for i in range(40)]
    (tmp_path / "all.jsonl").write_text("\n".join(json.dumps({"func": program}) for program in programs))
    one, two, other = (read_corpus(tmp_path, 10, seed) for seed in (1, 1, 2))
    assert one == two != other
    assert len(one) == 10
    assert list(one) == sorted(one)
    assert read_corpus(tmp_path, 99) == tuple(programs)


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match="not there"):
        read_corpus(tmp_path / "absent")
    with pytest.raises(UsageError, match="expected programs in"):
        read_corpus(tmp_path)
    (tmp_path / "x.jsonl").write_text('{"code": "int f;"}')
    with pytest.raises(UsageError, match=r"x\.jsonl:1: expected func"):
        read_corpus(tmp_path)


def test_the_checksum_tells_where_a_program_ends():
    assert checksum(["ab", "c"]) != checksum(["a", "bc"])
    assert checksum(["ab", "c"]) == checksum(("ab", "c"))


def test_copies_fall_out_whatever_their_layout_and_comments():
    same = LONG.replace("  // as strncpy, without the zeros", "/* other words */").replace("\n", " ")
    found = without_copies([LONG, "int f(void) { return 1; }"], [same])
    assert (found.programs, found.exact, found.near) == (("int f(void) { return 1; }",), 1, 0)


def test_a_slash_in_a_string_begins_no_comment():
    found = without_copies(['f("//a");'], ['f("//b");', 'f("/* */");'])
    assert found.programs == ('f("//a");',)


def test_near_copies_share_four_fifths_of_their_shingles():
    edited = LONG.replace("return i;", "return most;")
    rewritten = LONG.replace("i", "index").replace("most", "limit")
    found = without_copies([edited, rewritten], [LONG, "int g;"])
    assert (found.programs, found.exact, found.near) == ((rewritten,), 0, 1)


def test_near_copies_are_those_that_comparing_everything_finds():
    rng = random.Random(0)
    programs = ["int f(int a) {" + "".join(f" a += {c};" for c in "abcdefghij") + " }"] * 60
    for i in range(60):
        for _ in range(i % 4):
            programs[i] = programs[i].replace(rng.choice("bcdefghij") + ";", rng.choice("0123456789") + ";")

    def shingles(program):
        tokens = tuple(program.replace("(", " ( ").replace(")", " ) ").replace(";", " ;").replace("+=", "+ =").split())
        return {tokens[i : i + 3] for i in range(len(tokens) - 2)}

    def near(one, two):
        a, b = shingles(one), shingles(two)
        return len(a & b) / len(a | b) >= 0.8

    asked, excluded = programs[:30], programs[30:]
    wanted = tuple(program for program in asked if not any(near(program, other) for other in excluded))
    assert 0 < len(wanted) < 30
    assert without_copies(asked, excluded).programs == wanted
