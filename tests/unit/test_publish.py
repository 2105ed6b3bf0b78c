"""What is given away of a run holds every number and no program."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.config import Experiment
from bench.presets import SMOKE
from bench.publish import publish
from bench.results import Outcome, Record
from bench.storage import originals
from bench.storage.store import Cell, Store
from bench.types import Sample, UsageError

TEACHER = "codebert-scratch"
PROGRAM, ADVERSARIAL = "int f(int secret) { return secret; }", "int f(int changed) {\n\treturn changed; }"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Store]:
    """Two attacked samples, one of them fooled."""
    experiment = Experiment(
        methods=("kd",), controls=(), attacks=("alert",), preset=SMOKE, data="/home/somebody/functions"
    )
    store = Store.open(tmp_path / "run", experiment, {"sha256": "0" * 64, "source": "somebody's"})
    originals.keep(store.root, [Sample("t/0", PROGRAM, 0)])
    cell = Cell(TEACHER, "kd", 0, "alert", "attack")
    store.append(cell, Outcome("t/0", 0, "fooled", 9, fell_at=4, changed=("secret", "f"), adversarial=ADVERSARIAL))
    store.append(cell, Outcome("t/1", 1, "already_wrong", 1))
    store.put(cell, [Record("devign", TEACHER, "kd", 0, "alert", "asr", 100.0, "%", 1, None, None, "", "abc", "cpu")])
    yield store
    store.close()


def test_every_number_and_no_program(run: Store, tmp_path: Path) -> None:
    out = tmp_path / "told"
    files = publish(run, out)
    told = gzip.decompress((out / "outcomes.jsonl.gz").read_bytes()).decode()
    first, second = map(json.loads, told.splitlines())
    assert (first["sample_id"], first["verdict"], first["queries"], first["fell_at"]) == ("t/0", "fooled", 9, 4)
    assert (first["changed"], second["changed"]) == (2, 0)
    assert first["cell"] == Cell(TEACHER, "kd", 0, "alert", "attack").name
    name = f"records/{first['cell']}.json"
    assert (out / name).read_bytes() == (run.root / name).read_bytes()
    manifest = json.loads((run.root / "manifest.json").read_text())
    assert manifest["experiment"]["data"] == "/home/somebody/functions"
    manifest["experiment"]["data"] = "functions"
    assert json.loads((out / "manifest.json").read_text()) == manifest
    assert (out / "tables" / "main.md").is_file()
    assert {file.suffix for file in files}.isdisjoint({".html", ".pdf"})
    for text in (told, *(file.read_text() for file in files if file.suffix != ".gz")):
        assert "secret" not in text
        assert "return changed" not in text


def test_the_same_bytes_again(run: Store, tmp_path: Path) -> None:
    files = publish(run, tmp_path / "told")
    before = [file.read_bytes() for file in files]
    assert [file.read_bytes() for file in publish(run, tmp_path / "told")] == before


def test_what_an_earlier_run_published_there_goes_and_nothing_else(run: Store, tmp_path: Path) -> None:
    out = tmp_path / "told"
    files = publish(run, out)
    gone = [out / "records" / "codebert-scratch.morph.s0.clean.json", out / "tables" / "curves-method-morph.svg"]
    kept = [out / "README.md", out / "longer" / "manifest.json"]
    for file in (*gone, *kept):
        file.parent.mkdir(exist_ok=True)
        file.write_text("earlier")
    assert publish(run, out) == files
    assert [file.exists() for file in (*gone, *kept, *files)] == [False, False] + [True] * (2 + len(files))


def test_a_directory_of_somebody_elses_is_only_added_to(run: Store, tmp_path: Path) -> None:
    mine = tmp_path / "told" / "tables" / "mine.md"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    publish(run, tmp_path / "told")
    assert mine.read_text() == "mine"


def test_the_run_itself_is_no_place_for_it(run: Store) -> None:
    with pytest.raises(UsageError, match="expected another place than the run"):
        publish(run, run.root)


def test_another_run_is_no_place_for_it(run: Store, tmp_path: Path) -> None:
    Store.open(tmp_path / "other", Experiment(), {"sha256": ""}).close()
    before = (tmp_path / "other" / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match="got the run"):
        publish(run, tmp_path / "other")
    assert (tmp_path / "other" / "manifest.json").read_bytes() == before
