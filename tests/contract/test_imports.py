"""The import contracts hold, and the command line stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_import_contracts_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    monkeypatch.chdir(ROOT)
    status = lint_imports(no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize(
    ("imported", "heavy"),
    [
        ("bench.cli", ("torch", "transformers", "textattack", "numpy", "datasets")),
        ("bench.config, bench.types", ("torch", "numpy")),
        ("bench.storage.store, bench.report", ("torch", "transformers", "textattack", "datasets", "sklearn")),
        ("bench.tasks.data", ("torch", "transformers", "datasets", "sklearn")),
        ("attacks.judge, attacks.recipes", ("torch", "transformers", "textattack")),
    ],
)
def test_what_a_module_does_not_import(imported: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys, {imported}; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_help_imports_no_torch() -> None:
    code = (
        "import atexit, sys; sys.argv = ['bench', '--help']\n"
        "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
        "from bench.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == "False\n"
    assert "Start here" in done.stdout


@pytest.mark.parametrize("folder", ["bench", "moekd", "baselines", "attacks"])
def test_no_path_of_one_machine_is_in_the_code(folder: str) -> None:
    marks = ("/" + "work/", "/" + "home/", "/" + "root/")
    files = sorted((ROOT / folder).rglob("*.py"))
    found = [str(path.relative_to(ROOT)) for path in files if any(mark in path.read_text("utf-8") for mark in marks)]
    assert files
    assert found == []
