"""Specs: split, parsed, resolved into a method and a budget, written canonically; every mistake is one clear line."""

from dataclasses import dataclass, replace
from typing import Literal

import pytest

from bench import registry
from bench.config import Experiment
from bench.presets import SMOKE
from bench.running.factors import at_sizes
from bench.types import UsageError
from bench.variants import parse, resolve, split
from moekd.method import MoEKD

BUDGET = Experiment(preset=SMOKE).budget


@dataclass(frozen=True)
class Knobs:
    """A method with a setting of every kind, and a field that is none."""

    count: int = 2
    share: float = 0.5
    flag: bool = False
    kind: Literal["soft", "top-1"] = "soft"
    inner: tuple[int, ...] = ()

    def compress(self, teacher, data, budget, seed):
        raise AssertionError("settings are resolved without any training")


def test_lists_are_split_at_commas_outside_brackets():
    assert split("kd, moekd[experts=2,router=uniform],avatar,,") == ["kd", "moekd[experts=2,router=uniform]", "avatar"]
    assert split(" , ") == []
    assert split("moekd[experts=2,kd") == ["moekd[experts=2,kd"], "what is not closed stays whole, to be told so"


def test_settings_reach_the_method_and_the_budget():
    found = resolve(
        "x[kind=top-1,count=3,share=1,flag=true,size_mb=1.5,temperature=4,epochs=7,learning_rate=0.01]", Knobs(), BUDGET
    )
    assert found.method == Knobs(3, 1.0, True, "top-1")
    recipe = replace(BUDGET.recipe, temperature=4.0, epochs=7, learning_rate=0.01)
    assert found.budget == replace(BUDGET, size_mb=1.5, recipe=recipe)
    assert found.spec == "x[count=3,epochs=7,flag=true,kind=top-1,learning_rate=0.01,share=1,size_mb=1.5,temperature=4]"


@pytest.mark.parametrize("spec", ["x", "x[count=2]", "x[share=0.50, flag=false]", "x[size_mb=0.25,temperature=2.0]"])
def test_what_only_says_the_defaults_is_the_plain_method(spec):
    found = resolve(spec, Knobs(), BUDGET)
    assert (found.spec, found.method, found.budget) == ("x", Knobs(), BUDGET)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("x[", "mend its brackets"),
        ("x]", "mend its brackets"),
        ("x[count=2]y", "mend its brackets"),
        ("[count=2]", "mend its brackets"),
        ("x[]", "key=value"),
        ("x[count]", "key=value"),
        ("x[count=]", "key=value"),
        ("x[count=1,count=2]", "different settings"),
        ("x[depth=1]", "unknown setting 'depth' of x: expected one of size_mb, .*count"),
        ("x[inner=1]", "unknown setting 'inner'"),
        ("x[count=1.5]", r"expected x\[count\] to be a whole number, got '1.5'"),
        ("x[share=nan]", r"expected x\[share\] to be a number, got 'nan'"),
        ("x[flag=yes]", "true or false, got 'yes'"),
        ("x[kind=hard]", "one of soft, top-1, got 'hard'"),
        ("x[size_mb=0]", r"expected x\[size_mb\] above 0"),
        ("x[objective=speed]", "one of flops, latency, got 'speed'"),
        ("x[epochs=-1]", r"expected x\[epochs\] above 0"),
    ],
)
def test_a_mistake_is_told_with_what_is_expected(spec, says):
    with pytest.raises(UsageError, match=says):
        resolve(spec, Knobs(), BUDGET)


def test_a_method_that_is_no_record_takes_the_budget_only():
    class Plain:
        def compress(self, teacher, data, budget, seed):
            raise AssertionError("settings are resolved without any training")

    assert resolve("plain[size_mb=1]", Plain(), BUDGET).budget.size_mb == 1.0
    with pytest.raises(UsageError, match="unknown setting 'count' of plain"):
        resolve("plain[count=1]", Plain(), BUDGET)


@pytest.mark.parametrize(
    "spec",
    [
        "majority[size_mb=1]",
        "teacher[epochs=2]",
        "avatar[learning_rate=0.1]",
        "supervised[temperature=4]",
        "kd[objective=latency]",
    ],
)
def test_a_setting_without_a_meaning_is_refused(spec):
    with pytest.raises(UsageError, match="unknown setting"):
        registry.variant(spec, BUDGET)


def test_ensemble_kd_is_moekd_at_uniform_weights():
    assert registry.variant("ensemble-kd", BUDGET).method == MoEKD(router="uniform")
    assert registry.variant("ensemble-kd[router=uniform,experts=2]", BUDGET).spec == "ensemble-kd[experts=2]"


def test_a_run_is_asked_for_in_canonical_specs_each_once():
    asked = Experiment(
        methods=("moekd[router=learned]", "moekd", "kd[temperature=4,epochs=3]", "kd[epochs=3,temperature=4]")
    )
    assert registry.check(asked).methods == ("moekd", "kd[epochs=3,temperature=4]")
    with pytest.raises(UsageError, match="unknown setting 'depth' of moekd"):
        registry.check(Experiment(methods=("moekd[depth=3]",)))


def test_further_sizes_add_every_student_once_more():
    asked = Experiment(methods=("moekd", "avatar[size_mb=2]"), controls=("majority", "teacher", "kd"))
    assert at_sizes(asked, ()).methods == asked.methods
    assert at_sizes(asked, (1.5,)).methods == (
        "moekd",
        "avatar[size_mb=2]",
        "kd[size_mb=1.5]",
        "moekd[size_mb=1.5]",
    )


def test_names_and_settings_are_read_as_written():
    assert parse("kd") == ("kd", {})
    assert parse(" kd [ size_mb = 1.5 ] ") == ("kd", {"size_mb": "1.5"})
