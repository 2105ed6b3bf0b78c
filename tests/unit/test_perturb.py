"""Perturbations: the same for a program whoever asks, legal, kept, and nothing where nothing may change."""

import pytest

from bench.config import Experiment
from bench.running.perturb import Perturbation, names_of, rewritten
from bench.storage.store import Store
from bench.syntax.csource import parse

CODE = """int fill(char *buf, int size) {
    int i, total = 0;
    for (i = 0; i < size; i++) { buf[i] = 0; total += i; }
    if (total > 3) return total; else return size;
}
"""
POOL = ("alpha", "beta", "gamma", "delta", "omega", "sigma")


@pytest.fixture
def perturb(tmp_path):
    return Perturbation(Store.open(tmp_path / "run", Experiment(), {"sha256": "x"}), (CODE,))


def test_renaming_changes_every_local_and_nothing_else():
    found = rewritten(CODE, "renamed", POOL, 0)
    names = {parse(found).words(node) for node in parse(found).nodes if node.kind == "identifier"}
    assert not {"buf", "size", "i", "total"} & names
    assert names <= {*POOL, "fill"}
    assert len(found.splitlines()) == len(CODE.splitlines())


def test_rewriting_keeps_the_names():
    found = {rewritten(CODE, "rewritten", POOL, seed) for seed in range(5)}
    assert len(found) > 1
    for text in found:
        assert parse(text).faults == 0
        assert not any(name in text for name in POOL)


def test_both_renames_and_rewrites():
    found = rewritten(CODE, "both", POOL, 0)
    assert parse(found).faults == 0
    assert "total" not in found
    assert found not in {rewritten(CODE, "renamed", POOL, 0), rewritten(CODE, "rewritten", POOL, 0)}


@pytest.mark.parametrize("text", ["", "int f(void);", "hello", "a\0b", "((" * 900, "\ud800"])
@pytest.mark.parametrize("view", ["clean", "renamed", "rewritten", "both"])
def test_what_cannot_be_analysed_stays_as_it_is(text, view):
    assert rewritten(text, view, POOL, 0) == text


def test_clean_is_the_program_itself(perturb):
    assert perturb([CODE], "clean", 3) == (CODE,)


def test_a_program_comes_out_the_same_in_any_company_and_from_the_shelf(perturb):
    other = "int g(int n) { while (n) { n--; } return n; }"
    together = perturb([CODE, other], "both", 1)
    assert perturb([other, CODE], "both", 1) == together[::-1]
    assert perturb([CODE, other], "both", 1) == together
    assert perturb([CODE, other], "both", 2) != together
    assert len(list((perturb.shelf.root / "artifacts").iterdir())) == 3


def test_names_come_from_the_given_programs():
    assert set(names_of((CODE,))) == {"buf", "size", "i", "total"}
    assert len(names_of(("int x;",))) > 50, "usual names where the programs have none"
