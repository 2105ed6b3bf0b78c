"""Attacks and victims of the user's own that fail: one line with name, sample and reason; what was finished is kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.config import Model
from bench.networks.windows import Windowed
from bench.running.given import Loaded
from bench.storage.store import Store
from bench.types import Classifier, UsageError

CODE = "int fill_%d(char *buf, int size) { int total = %d; while (size) { buf[--size] = total; } return total; }"
COUNT, LATE, GROUP = 6, 5, 4
"""Programs, the one that is trouble, and how many are attacked side by side: it is in the second group."""
MODULE = """
import os, sys
import numpy as np
from bench.types import Attempt

def bad(text):
    return "fill_5(" in text

class Fine:
    def probabilities(self, programs):
        ones = np.array([0.2 + 0.6 * ("total" in program) for program in programs])
        return np.stack([1 - ones, ones], axis=1)

class Raises(Fine):
    def probabilities(self, programs):
        if any(map(bad, programs)):
            raise ValueError("no " + "\\n".join(["such"] * 200))
        return super().probabilities(programs)

class RaisesUnderAttack(Fine):
    def probabilities(self, programs):
        if any(bad(program) and program.count("total") + program.count("size") < 6 for program in programs):
            raise ValueError("boom")
        return super().probabilities(programs)

class Exits(Fine):
    probabilities = lambda self, programs: sys.exit("bye")

class Nan(Fine):
    def probabilities(self, programs):
        rows = super().probabilities(programs)
        rows[[bad(program) for program in programs]] = np.nan
        return rows

class Outside(Fine):
    probabilities = lambda self, programs: np.array([[-1, 2] if bad(one) else [0, 1] for one in programs])

class Wide(Fine):
    probabilities = lambda self, programs: np.ones((len(programs), 3)) / 3

class Crowded(Fine):
    def probabilities(self, programs):
        if len(programs) > 3:
            raise MemoryError("too many")
        return super().probabilities(programs)

class Ragged(Fine):
    probabilities = lambda self, programs: [[0.5] if bad(one) else [0.2, 0.8] for one in programs]

class Words(Fine):
    probabilities = lambda self, programs: ["vulnerable"] * len(programs)

class Lists(Fine):
    probabilities = lambda self, programs: Fine.probabilities(self, programs).tolist()

class Short(Fine):
    visible = lambda self, program: 1 / 0

class Renamed:
    def attempt(self, victim, sample, budget, rng):
        found = Attempt(sample.code.replace("total", "sum"), 1)
        victim.probabilities([found.program])
        return self.late(victim, sample, found) if bad(sample.code) else found
    def late(self, victim, sample, found):
        return found

class Boom(Renamed):
    def late(self, *_):
        if not os.path.exists("mended"):
            raise KeyError("boom")
        return _[-1]

class Nothing(Renamed):
    late = lambda self, *_: None

class Number(Renamed):
    late = lambda self, *_: Attempt(7, 1)

class Sites(Renamed):
    late = lambda self, *_: Attempt(None, "many")

class Changed(Renamed):
    late = lambda self, *_: Attempt(None, 1, changed="a -> b")

class Asks(Renamed):
    late = lambda self, victim, *_: victim.probabilities(["int f;", b"int f;"])

class AsksOne(Renamed):
    late = lambda self, victim, *_: victim.probabilities("int f;")

class AsksHalf(Renamed):
    late = lambda self, victim, *_: victim.probabilities(["\\ud800"])

class HandsIn(Renamed):
    program = "\\0"
    late = lambda self, *_: Attempt(self.program, np.int64(1), changed=["x"])

class HandsInHalf(HandsIn):
    program = "\\ud800"

class Spends(Renamed):
    def late(self, victim, *_):
        while True:
            victim.probabilities(["int f;"])
"""


@pytest.fixture
def attack(call_bench: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Call `bench attack` with this model and attack; return its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("theirs", None)
    monkeypatch.setattr("bench.running.attacking.GROUP", GROUP)
    (tmp_path / "theirs.py").write_text(MODULE)
    (tmp_path / "data").mkdir()
    rows = [json.dumps({"func": CODE % (n, n), "target": 1, "idx": n}) + "\n" for n in range(COUNT)]
    (tmp_path / "data" / "test.jsonl").write_text("".join(rows))

    def call(model: str, attack: str, workers: int = 1) -> int:
        options = {"model": f"theirs:{model}", "attack": attack, "task": "folder", "data": "data", "output": "run"}
        numbers = {"budget": "40", "workers": str(workers)}
        arguments = [part for name, value in (options | numbers).items() for part in (f"--{name}", value)]
        return call_bench("attack", *arguments)

    return call


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error that is no progress."""
    (error,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("[")]
    assert error.startswith("error: 'theirs:")
    assert len(error) < 500
    return error


def kept() -> int:
    return sum(len(path.read_text().splitlines()) for path in Path("run/outcomes").iterdir())


@pytest.mark.parametrize(
    ("model", "sample", "reason"),
    [
        ("Raises", LATE, "ValueError: no such such"),
        ("Exits", 0, "SystemExit: bye"),
        ("Nan", LATE, "expected finite probabilities"),
        ("Outside", LATE, "expected probabilities from 0 to 1"),
        ("Wide", 0, "shape (6, 2), got (6, 3)"),
        ("Ragged", LATE, "ValueError: setting an array element"),
        ("Words", 0, "ValueError: could not convert string to float"),
    ],
)
def test_a_victim_that_fails_on_clean_programs(
    attack: Callable[..., int], capsys: pytest.CaptureFixture[str], model: str, sample: int, reason: str
) -> None:
    assert attack(model, "alert-greedy") == 2
    error = told(capsys)
    assert f"'theirs:{model}' failed on folder/test/{sample}: " in error
    assert reason in error


def test_where_only_many_programs_fail_together_none_is_blamed(
    attack: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert attack("Crowded", "alert-greedy") == 2
    assert "'theirs:Crowded' failed: MemoryError: too many" in told(capsys)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_victim_that_fails_under_attack(
    attack: Callable[..., int], capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    assert attack("RaisesUnderAttack", "alert-greedy", workers) == 2
    assert f"failed on folder/test/{LATE}: ValueError: boom (theirs.py, line 23)" in told(capsys)
    assert kept() in ({GROUP} if workers == 1 else {0, GROUP}), "a second worker may fail before the first has finished"
    assert len(list(Path("run/predictions").iterdir())) == 1


def test_a_window_that_fails(attack: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert attack("Short", "theirs:Renamed") == 2
    assert "'theirs:Short' failed on folder/test/0: ZeroDivisionError" in told(capsys)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Boom", "KeyError: 'boom' (theirs.py, line "),
        ("Nothing", "expected attempt() to return a bench.types.Attempt, got NoneType"),
        ("Number", "expected Attempt.program to be a str or None, got int"),
        ("Sites", "TypeError: 'str' object cannot be interpreted as an integer"),
        ("Changed", "expected Attempt.changed to be a tuple of str, got 'a -> b'"),
        ("Asks", "expected programs as a list of str, got ['int f;', b'int f;']"),
        ("AsksOne", "expected programs as a list of str, got 'int f;'"),
        ("AsksHalf", "UnicodeEncodeError"),
    ],
)
def test_an_attack_that_fails(
    attack: Callable[..., int], capsys: pytest.CaptureFixture[str], name: str, reason: str
) -> None:
    assert attack("Fine", f"theirs:{name}") == 2
    error = told(capsys)
    assert f"'theirs:{name}' failed on folder/test/{LATE}: " in error
    assert reason in error
    assert kept() == GROUP


def test_a_run_goes_on_where_an_attack_failed(
    attack: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert attack("Fine", "theirs:Boom") == 2
    (outcomes,) = (tmp_path / "run" / "outcomes").iterdir()
    before = outcomes.read_bytes()
    (tmp_path / "mended").touch()
    assert attack("Fine", "theirs:Boom") == 0
    assert outcomes.read_bytes().startswith(before)
    assert kept() == COUNT


@pytest.mark.parametrize(
    ("name", "refused"),
    [("HandsIn", "holds NUL bytes"), ("HandsInHalf", "no Unicode text"), ("Spends", "asked for 41 queries, budget 40")],
)
def test_what_is_no_mistake_of_the_code_is_an_outcome(
    attack: Callable[..., int], tmp_path: Path, name: str, refused: str
) -> None:
    assert attack("Lists", f"theirs:{name}") == 0
    (outcomes,) = (tmp_path / "run" / "outcomes").iterdir()
    late = json.loads(outcomes.read_text().splitlines()[LATE])
    assert refused in json.dumps(late)
    assert Store.read(tmp_path / "run").all_records()


def test_a_window_is_seen_only_where_there_is_one(attack: Callable[..., int]) -> None:
    made: list[Classifier] = [Loaded(Model(f"theirs:{name}"), "cpu")() for name in ("Short", "Fine")]
    assert [isinstance(one, Windowed) for one in made] == [True, False]
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        made[0].visible("int f;")  # type: ignore[attr-defined]
