"""What every attack promises: budgets kept, same arguments same outcome, foreign randomness untouched, no network."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FunctionType
from typing import get_type_hints

import numpy as np
import pytest

from attacks import recipes, recipes_code
from attacks import suite as suites
from attacks.judge import judge
from attacks.suite import suite
from bench.types import Attack, Probabilities, Sample

ATTACKS: dict[str, Attack] = {
    "rename-greedy": recipes.rename_greedy(),
    "alert-greedy": recipes.alert_greedy(),
    "alert": recipes.alert(),
    "mhm": recipes.mhm(),
    "mhm-vocabulary": recipes.mhm_vocabulary(),
    "wir-random": recipes.wir_random(),
    "wir-random-first": recipes.wir_random_first(),
    "random-names": recipes.random_names(),
    "rename-beam": recipes.rename_beam(),
    "rnns": recipes.rnns(),
    "exhaustive": recipes.exhaustive(),
    "rewrite-beam": recipes_code.rewrite_beam(),
    "style-transfer": recipes_code.style_transfer(),
    "coda-style": recipes_code.coda_style(),
    "layout": recipes_code.layout(),
    "combined": recipes_code.combined(),
    "random-moves": recipes_code.random_moves(),
    "suite": suite(),
}
CODE = """int fill(char *buf, int size) {
    int i, total = 0;
    for (i = 0; i < size; i++) { buf[i] = 0; total += i; }
    if (total > 3) return total; else return size;
}
"""
SAMPLE = Sample("t/1", CODE, 1)
PROGRAMS = {"usual": CODE, "empty": "", "no sites": "int f(void);", "broken": "int f(int a) { a (( }", "text": "hello"}


class Hashing:
    """Vulnerable with a probability that depends on every character; never lower than `floor`."""

    def __init__(self, floor: float) -> None:
        self.floor = floor

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        drawn = [int(hashlib.sha256(program.encode()).hexdigest(), 16) % 1000 / 1000 for program in programs]
        ones = np.array(
            [1.0 if p == CODE else self.floor + (1 - self.floor) * x for p, x in zip(programs, drawn, strict=True)]
        )
        return np.stack([1 - ones, ones], axis=1)


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("budget", [0, 1, 2, 3, 7, 40])
def test_no_budget_is_exceeded(name: str, budget: int) -> None:
    outcome = judge(ATTACKS[name], Hashing(0.6), SAMPLE, budget, np.random.default_rng(0))
    assert outcome.verdict == ("too_large" if name == "exhaustive" else "resisted")
    assert outcome.queries <= max(budget, 1)
    assert outcome.refused == ""
    assert outcome.sites > 0


@pytest.mark.parametrize("name", ATTACKS)
def test_the_same_arguments_give_the_same_outcome(name: str) -> None:
    found = []
    for global_seed in (1, 2):
        random.seed(global_seed)
        np.random.seed(global_seed)  # noqa: NPY002
        budget = 1 + 1 + 5**4 if name == "exhaustive" else 160
        outcome = judge(ATTACKS[name], Hashing(0.0), SAMPLE, budget, np.random.default_rng(5))
        found.append((outcome.verdict, outcome.adversarial, outcome.queries, outcome.fell_at, outcome.changed))
    assert found[0] == found[1]
    assert found[0][0] == "fooled"


@pytest.mark.parametrize("name", ATTACKS)
def test_global_randomness_is_left_as_it_was(name: str) -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    judge(ATTACKS[name], Hashing(0.6), SAMPLE, 30, np.random.default_rng(0))
    assert before == (random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[index]  # noqa: NPY002


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("code", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_odd_programs_are_no_crash(name: str, code: str) -> None:
    outcome = judge(ATTACKS[name], Hashing(0.6), Sample("t/2", code, 1), 20, np.random.default_rng(0))
    assert outcome.verdict in {"resisted", "no_sites", "too_large"}


def test_every_recipe_is_in_this_table() -> None:
    made = {
        name.replace("_", "-")
        for module in (recipes, recipes_code, suites)
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and get_type_hints(value).get("return") is Attack
    }
    assert made == set(ATTACKS)


def test_importing_the_recipes_is_cheap() -> None:
    code = "import sys, attacks.suite, attacks.judge; sys.exit(any(m in sys.modules for m in ('torch', 'textattack')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


OFFLINE = """
import os, socket, sys
def refuse(*_, **__):
    raise SystemExit("network!")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
before = dict(os.environ)
import attacks.textattack_bridge
assert dict(os.environ) == before
"""


def test_textattack_is_imported_without_a_network(tmp_path: Path) -> None:
    home = {**os.environ, "HOME": str(tmp_path), "TA_CACHE_DIR": "elsewhere"}
    done = subprocess.run([sys.executable, "-c", OFFLINE], check=False, capture_output=True, text=True, env=home)
    assert done.returncode == 0, done.stderr
    assert "ownload" not in done.stderr
