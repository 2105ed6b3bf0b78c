"""Every code block of README.md and docs/ runs, and the site builds without a warning.

Blocks of a page run in order, in a folder that holds what readers are said to have: labelled functions in `programs`
and a finished classifier in `student`. A `run` that names no limit gets --dry-run here: it would take minutes.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from attacks.catalogue import CATALOGUE
from bench.cli import app
from bench.networks import models
from bench.networks.vocabularies import train_tokenizer
from bench.registry import METHODS
from bench.tasks.embedded import generate
from bench.types import Recipe, StudentSpec

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if "examples" not in path.parts)]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = {"text", "yaml", "json", "toml"}
"""Languages of blocks that are shown, not run."""


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(language, body) for language, body in BLOCK.findall(page.read_text("utf-8")) if language not in SHOWN]


def test_blocks_have_a_language_that_is_run_or_shown() -> None:
    found = [(page.name, language) for page in PAGES for language, _ in blocks(page)]
    assert found
    assert [one for one in found if one[1] not in ("sh", "python")] == []
    assert all(page.read_text("utf-8").count("```") % 2 == 0 for page in PAGES)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What readers have at hand."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "programs").mkdir()
    for seed, (split, count) in enumerate((("train", 60), ("valid", 10), ("test", 10))):
        made = generate(count, seed=seed)
        rows = "".join(json.dumps({"func": one.code, "target": one.label}) + "\n" for one in made)
        (folder / "programs" / f"{split}.jsonl").write_text(rows)
    (folder / "example.c").write_text("int twice(int n) {\n    return 2 * n;\n}\n")
    spec, recipe = StudentSpec(400, 1, 16, 2, 32, 128), Recipe(epochs=1, learning_rate=1e-3)
    tokenizer = train_tokenizer("bpe", spec.vocab_size, [one.code for one in made])
    models.save(models.build(spec, recipe, tokenizer, seed=0), folder / "student")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_every_block_of_a_page_runs(page: Path, sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sandbox)
    for language, body in blocks(page):
        if language == "python":
            exec(compile(body, str(page), "exec"), {"__name__": "reader"})
        else:
            for line in commands(body):
                run(line)


def commands(body: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", "", body)
    return [
        re.split(r"\s#", line)[0].strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")
    ]


def run(line: str) -> None:
    words = shlex.split(line)
    if words[:3] != ["python", "-m", "bench"]:
        raise AssertionError(f"expected a command of ours, got {line!r}: show it as text")
    words = words[3:]
    if words[0] in ("run", "ablate") and not {"--limit", "--dry-run"} & set(words):
        words.append("--dry-run")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"


def test_the_site_builds_without_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    build(load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(tmp_path / "site")))
    assert [record.message for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []
    made = {path.parent.name for path in (tmp_path / "site" / "attacks").glob("*/index.html")}
    assert made == set(CATALOGUE)
    assert {path.parent.name for path in (tmp_path / "site" / "methods").glob("*/index.html")} == set(METHODS)


def test_the_readme_shows_the_committed_table() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = readme.split("<!-- results/devign/tables/main.md -->\n")[1].split("<!-- end -->")[0]
    table = (ROOT / "results" / "devign" / "tables" / "main.md").read_text("utf-8")
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert len(rows) > 5
    assert shown.splitlines() == rows
