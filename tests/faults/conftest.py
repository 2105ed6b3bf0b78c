"""What fault tests share: the smallest whole run, its tables without measured times, and runs in processes."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.config import Experiment
from bench.presets import Preset
from bench.progress import Silent
from bench.report import TIMED, write
from bench.run import run
from bench.storage.store import Store

Tables = Callable[[Path], dict[str, bytes]]

PROCESS = """
import pickle, sys
from pathlib import Path
{before}
from bench.progress import Silent
from bench.run import run
from bench.types import UsageError
print("ready", flush=True)
try:
    run(pickle.loads(bytes.fromhex(sys.argv[1])), Path(sys.argv[2]), Silent(), {workers})
except UsageError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


@pytest.fixture(scope="session")
def tiny(micro: Preset) -> Experiment:
    """Controls and one attack: two groups of samples, of which the second is small."""
    return Experiment(
        methods=("kd",), attacks=("rename-greedy",), preset=replace(micro, test_limit=18, attack_limit=18)
    )


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Every table of a run directory but the measured timings, and the report without them."""

    def made(root: Path) -> dict[str, bytes]:
        out = tmp_path_factory.mktemp("tables")
        found = {path.name: path.read_bytes() for path in write(Store.read(root), out)}
        rest = {name: content for name, content in found.items() if not name.startswith(TIMED)}
        everything = json.loads(found["report.json"])
        everything["tables"] = [one for one in everything["tables"] if one["name"] != "efficiency"]
        rest["report.json"] = json.dumps(everything).encode()
        return {**rest, "report.md": found["report.md"].replace(found["efficiency.md"], b"")}

    return made


@pytest.fixture(scope="session")
def whole(tiny: Experiment, tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """An undisturbed run and its tables."""
    root = tmp_path_factory.mktemp("whole") / "run"
    run(tiny, root, Silent())
    return root, tables(root)


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tiny: Experiment) -> Start:
    """Start the run in a process of its own, which has imported everything when this returns."""

    def started(root: Path, before: str = "", workers: int = 1) -> subprocess.Popen[bytes]:
        code = PROCESS.format(before=before, workers=workers)
        argv = [sys.executable, "-c", code, pickle.dumps(tiny).hex(), str(root)]
        child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n", child.communicate()
        return child

    return started
