"""What the packages never do, read from their source: run code from data, or hand a command to a shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bench", "moekd", "baselines", "attacks", "docs")
MODULES = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "yaml", "pty"})
CALLS = frozenset({"eval", "exec", "os.system", "os.popen", "joblib.load", "joblib.dump", "pandas.read_pickle"})
REQUIRED = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}
FORBIDDEN = {"shell": True, "trust_remote_code": True, "allow_pickle": True, "weights_only": False}


def faults(source: str) -> Iterator[str]:
    """Yield what is wrong with a module, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (f"{node.lineno}: imports {name}" for name in names if name.split(".")[0] in MODULES)
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            given = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
            if called in CALLS:
                yield f"{node.lineno}: calls {called}"
            if called in REQUIRED and given.get(REQUIRED[called][0]) is not REQUIRED[called][1]:
                yield f"{node.lineno}: calls {called} without {REQUIRED[called]}"
            for name, value in FORBIDDEN.items():
                if given.get(name) is value:
                    yield f"{node.lineno}: gives {name}={value}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_code_from_data_and_no_shell(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    found = [f"{file.relative_to(ROOT)}:{fault}" for file in files for fault in faults(file.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import load",
        "subprocess.run('ls', shell=True)",
        "torch.load(path)",
        "np.load(path, allow_pickle=True)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "eval(text)",
    ],
)
def test_the_test_would_see_it(source: str) -> None:
    assert list(faults(source))
