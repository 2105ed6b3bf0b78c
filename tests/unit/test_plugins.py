"""Somebody else's victims and attacks: what may stand after the colon, and one line for every mistake."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from bench.plugins import PluginError, load_object
from bench.types import UsageError

MODULE = """
import functools

class Victim:
    def __init__(self, word="danger"):
        self.word = word
    def probabilities(self, programs):
        return [[0.0, 1.0] if self.word in program else [1.0, 0.0] for program in programs]

def attack():
    class Attack:
        def attempt(self, victim, sample, budget, rng):
            return None
    return Attack()

def picky(path, *, size):
    return Victim()

def broken():
    raise KeyError("the user's own")

partial = functools.partial(Victim, "other")
instance = Victim()
builtin = dict
nothing = None
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "yours" / "deep").mkdir(parents=True)
    (tmp_path / "yours" / "deep" / "parts.py").write_text(MODULE)
    (tmp_path / "lame.py").write_text("import no_such_dependency")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    for name in ("yours", "yours.deep", "yours.deep.parts", "lame"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "method"), [("Victim", "probabilities"), ("partial", "probabilities"), ("attack", "attempt")]
)
def test_a_factory_is_called(here: Path, name: str, method: str) -> None:
    assert callable(getattr(load_object(f"yours.deep.parts:{name}", method), method))


def test_each_call_makes_a_new_one(here: Path) -> None:
    made = [load_object("yours.deep.parts:Victim", "probabilities") for _ in range(2)]
    assert made[0] is not made[1]
    assert made[0].probabilities(["danger", "x"]) == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("yours.deep.parts", "expected package.module:factory"),
        (":Victim", "expected package.module:factory"),
        ("yours.deep.parts:", "expected package.module:factory"),
        ("yours/deep/parts.py:Victim", "expected package.module:factory"),
        (".deep:Victim", "expected package.module:factory"),
        ("yours.deep.parts:Victim()", "expected package.module:factory"),
        ("mine:Victim", "expected a module 'mine'"),
        ("yours.deep.other:Victim", "expected a module 'yours.deep.other'"),
        ("yours.deep.parts.more:Victim", "expected a module 'yours.deep.parts.more'"),
        ("yours.deep.parts:Attack", "expected 'Attack' in the module"),
        ("yours.deep.parts:nothing", "expected 'nothing' in the module"),
        ("yours.deep.parts:instance", "to be a class or a function, got Victim"),
        ("yours.deep.parts:picky", "to need no arguments, got missing a required argument: 'path'"),
        ("yours.deep.parts:attack", r"with probabilities\(\), got Attack"),
        ("yours.deep.parts:builtin", r"with probabilities\(\), got dict"),
    ],
)
def test_a_mistake_is_one_line(here: Path, spec: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as error:
        load_object(spec, "probabilities")
    assert "\n" not in str(error.value)


def test_the_users_own_errors_are_told_with_their_place(here: Path) -> None:
    with pytest.raises(PluginError, match=r"'yours.deep.parts:broken' failed: KeyError: .*own.* \(parts.py, line 20\)"):
        load_object("yours.deep.parts:broken", "attempt")
    with pytest.raises(PluginError, match=r"'lame:Victim' failed: ModuleNotFoundError: No module .*no_such_dependency"):
        load_object("lame:Victim", "attempt")


def test_an_error_comes_back_whole_from_a_worker() -> None:
    error = pickle.loads(pickle.dumps(PluginError("m:A", "why", place=3)))
    assert (str(error), error.place) == (str(PluginError("m:A", "why")), 3)
    assert str(error.about("t/1")).startswith("'m:A' failed on t/1: why")
    assert error.about("t/1").about("t/2").sample == "t/1"


def test_the_current_directory_is_searched_by_the_installed_command_too(here: Path) -> None:
    code = (
        "import sys; sys.path = [path for path in sys.path if path]; from bench.plugins import load_object; "
        "print(type(load_object('yours.deep.parts:Victim', 'probabilities')).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=here)
    assert done.stdout == "Victim\n"
