"""The examples in docs/examples/, each installed as a package of its own, and a run that uses all four."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ("method", "attack", "task", "teacher")
NAMES = {"methods": "hard-kd", "attacks": "one-name", "tasks": "off-by-one", "teachers": "shallow"}
RUN = """
import sys
from dataclasses import replace
from pathlib import Path
from bench.config import Experiment
from bench.presets import ScratchEncoder, preset
from bench.progress import Silent
from bench.run import run

scratch = ScratchEncoder(vocab_size=300, layers=2, hidden=16, heads=2, ffn=32, pretrain_epochs=1)
small = replace(preset("smoke", limit=6, train_limit=16), valid_limit=6, attack_limit=3, scratch=scratch)
wanted = Experiment(("hard-kd",), ("one-name",), ("shallow",), "off-by-one", preset=small, controls=("majority",))
run(wanted, Path(sys.argv[1]), Silent(), workers=2)
"""


def python(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(path), str(ROOT)))}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=path, env=environment)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the four packages, as pip installs them, without network."""
    made = tmp_path_factory.mktemp("installed")
    copies = tmp_path_factory.mktemp("sources")
    for name in EXAMPLES:
        source = copies / name
        source.mkdir()
        for file in sorted((ROOT / "docs" / "examples" / name).iterdir()):
            if file.is_file():
                (source / file.name).write_bytes(file.read_bytes())
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", str(made))
    sources = [str(copies / name) for name in EXAMPLES]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, *sources], check=True, capture_output=True)
    return made


@pytest.mark.slow
def test_list_shows_where_each_comes_from_and_a_run_uses_them(installed: Path, tmp_path: Path) -> None:
    listed = python("-m", "bench", "list", path=installed).stdout.splitlines()
    for name in NAMES.values():
        line = next(line for line in listed if line.split()[:1] == [name])
        assert "example-" in line
        assert " 0.1 " in line
        assert "broken" not in line
    python("-c", RUN, str(tmp_path / "run"), path=installed)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert sorted(manifest["facts"]["packages"]) == [f"{kind}/{name}" for kind, name in sorted(NAMES.items())]
    assert set(manifest["facts"]["packages"].values()) == {
        "example-hard-kd 0.1",
        "example-off-by-one 0.1",
        "example-one-name 0.1",
        "example-shallow 0.1",
    }
    lines = (tmp_path / "run" / "outcomes" / "shallow.hard-kd.s0.attack.one-name.jsonl").read_text().splitlines()
    assert [json.loads(line)["sample_id"] for line in lines] == [f"off-by-one/test/{i}" for i in range(3)]
