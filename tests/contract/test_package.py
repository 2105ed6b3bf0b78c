"""What is published: an sdist, the wheel made from it, and a program that runs far from any checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bench", "moekd", "baselines", "attacks")
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "build", "dist", "runs")


def pinned(text: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^ \\\n]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_the_lock_names_every_pinned_package_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    wanted, locked = pinned((ROOT / "constraints.txt").read_text(encoding="utf-8")), pinned(lock)
    assert {name: locked.get(name) for name in wanted} == wanted, "make it again: make lock"
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert [entry.split(" ")[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_every_requirement_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[<>=!~ \[]", one)[0]).lower() for one in asked}
    assert names - set(pinned((ROOT / "constraints.txt").read_text(encoding="utf-8"))) == set()


def test_the_citation_names_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {project['version']}\n" in citation
    assert f"\nlicense: {project['license']}\n" in citation


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, built from a copy of the checkout."""
    source, made = tmp_path_factory.mktemp("source") / "copy", tmp_path_factory.mktemp("made")
    shutil.copytree(ROOT, source, ignore=LEFT_OUT)
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(source))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = made.glob("*.whl")
    assert len(list(made.glob("*.tar.gz"))) == 1
    return found


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    wanted = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    assert {name for name in wanted - held if not name.endswith(".md")} == set()
    assert any(name.endswith("licenses/LICENSE") for name in held)
    assert not any(name.startswith(("tests/", "results/", "docs/")) for name in held)


@pytest.mark.slow
def test_it_runs_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    target, here = tmp_path / "target", tmp_path / "here"
    here.mkdir()
    install = (sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", "--target", str(target))
    subprocess.run((*install, str(wheel)), check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def run(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=here, env=environment)
        return done.stdout

    where = (
        "import attacks, baselines, bench, moekd; print(*(m.__path__[0] for m in (attacks, baselines, bench, moekd)))"
    )
    assert all(path.startswith(str(target)) for path in run(sys.executable, "-c", where).split())
    program = str(target / "bin" / "moekd-bench")
    assert "Start here" in run(sys.executable, program, "--help")
    assert "codebert-scratch" in run(sys.executable, program, "list")
    assert "cells, estimated" in run(sys.executable, program, "run", "--dry-run")
    assert list(here.iterdir()) == []
