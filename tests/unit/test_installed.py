"""What installed packages add: found by metadata alone, loaded when asked for, and never in the way of the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import installed, registry
from bench.config import Experiment
from bench.running.listing import origins, shown
from bench.tasks import data
from bench.tasks.data import Limits
from bench.tasks.rows import Row
from bench.types import Splits, UsageError

MODULE = """
from attacks.catalogue import Listed
from bench.registry import Entry

METHOD = Entry("a method of another package", "somebody", list)
ATTACK = Listed("an attack of another package", "", lambda names: None)
NEITHER = 7
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution with these entry points, group/name to object, on the path, as pip would."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "acme_module.py").write_text(MODULE)
    (tmp_path / "acme_lame.py").write_text("import no_such_dependency")
    (tmp_path / "acme_quits.py").write_text("raise SystemExit(3)")

    def install(name: str, version: str, points: dict[str, str]) -> None:
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"[moekd_bench.{key.split('/')[0]}]\n{key.split('/')[1]} = {value}\n" for key, value in points.items()]
        (folder / "entry_points.txt").write_text("\n".join(lines))
        installed.additions.cache_clear()

    installed.additions.cache_clear()
    yield install
    installed.additions.cache_clear()
    for name in ("acme_module", "acme_lame", "acme_quits"):
        sys.modules.pop(name, None)


def test_a_name_is_found_without_importing_and_loaded_when_asked_for(install: Install) -> None:
    install("acme", "1.2", {"methods/other": "acme_module:METHOD", "attacks/stare": "acme_module:ATTACK"})
    assert [one.origin for one in installed.additions("methods")] == ["acme 1.2"]
    assert registry.method("kd") is registry.METHODS["kd"]
    assert "acme_module" not in sys.modules
    assert registry.method("other").summary == "a method of another package"
    assert registry.attack("stare").budget is None
    registry.check(replace(Experiment(), methods=("other",), attacks=("stare",)))


def test_a_run_names_the_packages_that_it_used(install: Install) -> None:
    install("acme", "1.2", {"methods/other": "acme_module:METHOD", "methods/unused": "acme_module:METHOD"})
    assert origins(replace(Experiment(), methods=("moekd", "other"))) == {"methods/other": "acme 1.2"}


def test_an_unknown_name_is_named_beside_the_added_ones(install: Install) -> None:
    install("acme", "1.2", {"methods/other": "acme_module:METHOD"})
    with pytest.raises(UsageError, match=r"unknown method 'othre': expected one of majority, .*, other$"):
        registry.check(replace(Experiment(), methods=("othre",)))


BROKEN = {
    "methods/missing": ("acme_absent:METHOD", "ModuleNotFoundError: No module named 'acme_absent'"),
    "methods/nameless": ("acme_module:NOTHING", "AttributeError"),
    "methods/lame": ("acme_lame:METHOD", "No module named 'no_such_dependency'"),
    "methods/quits": ("acme_quits:METHOD", "SystemExit: 3"),
    "methods/number": ("acme_module:NEITHER", "expected acme_module:NEITHER to be Entry, got int"),
    "methods/Ill,named": ("acme_module:METHOD", "expected a name of a-z"),
    "attacks/method": ("acme_module:METHOD", "expected acme_module:METHOD to be Listed, got Entry"),
}


@pytest.mark.parametrize("key", BROKEN)
def test_a_broken_package_is_one_line_that_names_it_and_list_goes_on(install: Install, key: str) -> None:
    kind, name = key.split("/")
    value, said = BROKEN[key]
    install("acme", "1.2", {key: value, f"{kind}/zoo": f"acme_module:{kind[:-1].upper()}"})
    with pytest.raises(UsageError, match=r"installed package acme 1.2") as error:
        getattr(registry, kind[:-1])(name)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    listed = {one.name: one for one in shown(kind)}
    assert listed[name].about == f"broken: {error.value}"
    assert listed["zoo"].origin == "acme 1.2"
    assert not listed["zoo"].about.startswith("broken")
    assert set(registry.BUILT_IN[kind]) < set(listed)


def test_a_name_of_ours_is_not_taken_and_not_shadowed(install: Install) -> None:
    install("acme", "1.2", {"methods/kd": "acme_module:METHOD"})
    with pytest.raises(UsageError, match=r"expected one method 'kd', got that of .*acme 1.2 and that of the benchmark"):
        registry.check(Experiment())
    assert [one.about.startswith("broken: expected one method") for one in shown("methods") if one.name == "kd"] == [
        False,
        True,
    ]


def test_two_packages_with_the_same_name_are_told_apart_by_nobody(install: Install) -> None:
    install("acme", "1.2", {"methods/other": "acme_module:METHOD"})
    install("zeta", "3", {"methods/other": "acme_module:METHOD"})
    with pytest.raises(UsageError, match=r"acme 1.2 and that of the installed package zeta 3"):
        registry.check(replace(Experiment(), methods=("other",)))
    registry.check(Experiment())


def rows(count: int) -> list[Row]:
    return [Row(f"int f{i}(void) {{ return {i}; }}", (0, 1)[i % 2]) for i in range(count)]


def ours(name: str, limits: Limits) -> Splits:
    return data.split(name, (rows(8), rows(2), rows(4)), "made here", limits)


def test_a_task_of_another_package_is_held_to_what_a_task_promises() -> None:
    limits = Limits(half=2, valid=1, test=3)
    found = data.checked("theirs", lambda data, limits: ours("theirs", limits), None, limits)
    assert [len(part) for part in (found.labelled, found.unlabelled, found.valid, found.test)] == [2, 2, 1, 3]
    assert len(found.sha256) == 64
    mistakes = {
        "expected the task 'theirs'": ours("others", limits),
        "with the SHA-256": replace(found, sha256=""),
        "in all parts": replace(found, test=()),
        "must limit them": ours("theirs", Limits()),
    }
    for said, wrong in mistakes.items():
        with pytest.raises(UsageError, match=said):
            data.checked("theirs", lambda data, limits, wrong=wrong: wrong, None, limits)  # type: ignore[misc]


def test_an_attack_on_a_finished_model_needs_no_training_programs() -> None:
    limits = Limits(training=False)
    only = replace(ours("theirs", Limits()), labelled=(), unlabelled=(), valid=())
    assert data.checked("theirs", lambda data, limits: only, None, limits) is only


def test_the_ids_of_a_split_name_its_rows() -> None:
    found = ours("theirs", Limits())
    assert [sample.id for sample in found.test] == [f"theirs/test/{i}" for i in range(4)]
    assert np.mean([sample.label for sample in found.test]) == 0.5
