"""A student taken out of its run: the same tensors and probabilities elsewhere, a card made of records."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import cli
from bench.config import Experiment
from bench.deploying.card import USE, card
from bench.deploying.chosen import choose
from bench.deploying.exporting import export
from bench.networks.encode import TextInputs, collapse
from bench.networks.portable import TOLERANCE, tokenizer
from bench.networks.vocabularies import train_tokenizer
from bench.presets import SMOKE
from bench.storage.store import Cell, Store
from bench.types import Recipe, TokenizerKind, UsageError

METHODS: dict[str, TokenizerKind] = {"kd": "bpe", "moekd": "wordpiece", "compressor": "unigram", "avatar": "word"}
PROGRAMS = [
    "int f(char *p) { return danger(p); }",
    "\n\tint  f ( char*p )\r\n{\n\n  return check(p);\v }  \n",
    "int\u00a0f(\u2003void)\u2028{ /* caf\u00e9 \U0001f41b \u0130 */ }\x1c",
    "  <s> int <pad> x; <mask></s> <unk>\n",
    "x",
    "int f(void) { " + "long_name_that_goes_on += 12345; " * 40 + "}",
    "\n\n " + "a " * 100,
]


@pytest.mark.parametrize("kind", METHODS.values())
def test_the_published_tokenizer_gives_the_same_tokens(kind: TokenizerKind) -> None:
    inputs = TextInputs(train_tokenizer(kind, 300, PROGRAMS), 32)
    made = tokenizer(inputs)
    made.enable_truncation(32)
    ours = [one["input_ids"].tolist() for one in inputs.encode(PROGRAMS)]
    assert [made.encode(program).ids for program in PROGRAMS] == ours
    assert max(map(len, ours)) == 32, "one is cut"


def test_a_teacher_from_a_directory_is_read_alike(checkpoint: Path, tmp_path: Path) -> None:
    from bench.networks.encoders import load_encoder
    from bench.networks.portable import save_transformers

    network = load_encoder(str(checkpoint), None, 32).classifier(Recipe(epochs=1, learning_rate=1e-3), 3)
    save_transformers(network, tmp_path)
    (tmp_path / "README.md").write_text(f"```python{USE['hf']}```")
    assert used(tmp_path, PROGRAMS) == pytest.approx(network.probabilities(PROGRAMS)[:, 1], abs=TOLERANCE)


def test_settings_in_any_order_name_the_same_student(finished_run: Path, tmp_path: Path) -> None:
    store = Store.open(
        tmp_path / "run", Experiment(methods=("kd[epochs=2,size_mb=1.5]",), preset=SMOKE), {"sha256": ""}
    )
    cell = Cell("codebert-scratch", "kd[epochs=2,size_mb=1.5]", 0)

    def write(folder: Path) -> None:
        shutil.copytree(choose(Store.read(finished_run), "kd").folder, folder, dirs_exist_ok=True)

    store.save_artifact(f"student-{cell.name}", cell.name, write)
    store.close()
    assert choose(store, "kd[size_mb=1.5,epochs=2]").cell == cell
    with pytest.raises(UsageError, match="no such"):
        choose(store, "kd[epochs=2]")
    assert "distilled from one teacher" in card(store, cell, choose(store, cell.method).network(), "hf")


def test_white_space_is_what_python_splits_at() -> None:
    made = tokenizer(TextInputs(train_tokenizer("word", 50, PROGRAMS), 32))
    letters = [chr(number) for number in range(0x110000) if not 0xD800 <= number < 0xE000]
    blank = "".join(letter for letter in letters if letter.isspace())
    assert len(blank) > 20
    first = made.normalizer.normalize_str("x".join(blank))
    assert first == collapse("x".join(blank))
    others = "".join(letter for letter in letters if not letter.isspace() and letter.isascii())
    assert made.normalizer.normalize_str(f"{blank}{others}{blank}") == others.lower()


def used(folder: Path, functions: list[str]) -> NDArray[np.float64]:
    """Do what the card in this folder says."""
    code = (folder / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {"folder": str(folder), "functions": functions}
    exec(code, names)
    found = names["vulnerable"]
    return np.asarray(found if isinstance(found, np.ndarray) else found.detach(), dtype=np.float64)  # type: ignore[attr-defined]


def expected(run: Path, student: str) -> NDArray[np.float64]:
    return choose(Store.read(run), student).network().probabilities(PROGRAMS)[:, 1]


@pytest.mark.parametrize("method", METHODS)
def test_plain_transformers_gives_the_same_probabilities(finished_run: Path, tmp_path: Path, method: str) -> None:
    student = f"codebert-scratch.{method}.s0"
    folder = export(finished_run, student, "hf", tmp_path / "out")
    ours = expected(finished_run, student)
    assert np.ptp(ours) > 0.01, "they differ from each other"
    assert used(folder, PROGRAMS) == pytest.approx(ours, abs=TOLERANCE), "padded"
    alone = np.concatenate([used(folder, [program]) for program in PROGRAMS])
    assert alone == pytest.approx(ours, abs=TOLERANCE), "without padding"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["kd", "avatar"])
def test_onnxruntime_gives_the_same_probabilities(finished_run: Path, tmp_path: Path, method: str) -> None:
    pytest.importorskip("onnxruntime")
    student = f"codebert-scratch.{method}.s0"
    folder = export(finished_run, student, "onnx", tmp_path / "out")
    ours = expected(finished_run, student)
    assert used(folder, PROGRAMS) == pytest.approx(ours, abs=TOLERANCE), "padded"
    alone = np.concatenate([used(folder, [program]) for program in PROGRAMS])
    assert alone == pytest.approx(ours, abs=TOLERANCE), "without padding"
    content = (folder / "model.onnx").read_bytes()
    assert str(Path(sys.prefix).parent).encode() not in content
    assert b".py" not in content, "no file of this machine is named in the graph"


def test_without_the_extra_onnx_one_line_says_so(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UsageError, match=r"expected the extra onnx, .*pip install"):
        export(finished_run, "kd", "onnx", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_card_holds_the_records_and_says_synthetic(finished_run: Path, tmp_path: Path) -> None:
    folder = export(finished_run, "kd", "hf", tmp_path / "one")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: transformers\n")
    assert "Trained and measured on synthetic data" in card
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in card.splitlines() if line[:1] == "|"]
    assert ["", "accuracy %", "61.2 \\[40.0, 80.0\\]", "12"] in rows or [
        "",
        "accuracy %",
        "61.2 [40.0, 80.0]",
        "12",
    ] in rows
    assert any(row[:2] == ["alert", "ASR %"] and row[2].startswith("37.5") for row in rows)
    assert "SHA-256 of its rows: " + "0" * 64 in card
    again = export(finished_run, "kd", "hf", tmp_path / "two")
    assert (again / "README.md").read_bytes() == (folder / "README.md").read_bytes()
    assert not (folder / "inputs.json").exists(), "anybody's model, so `bench attack` reads it as anybody's"


def state(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


MISTAKES = {
    "nowhere": ("kd", "manifest.json"),
    "foreign": ("kd", "no schema version"),
    "older": ("kd", "schema 0, this program reads schema 1"),
    "half": ("kd", "cannot use"),
    "hollow": ("kd", "cannot use"),
    "damaged": ("kd", r"no such\): give one of"),
    "attacked": ("kd", "got none in"),
    "good": ("nonsense", "one of codebert-scratch.majority.s0, codebert-scratch.kd.s0, .*codebert-scratch.avatar.s1"),
    "good ": ("avatar", "several): give one of codebert-scratch.avatar.s0, codebert-scratch.avatar.s1"),
    "good  ": ("majority", "always answers the same"),
    "good   ": ("unfinished", "no such"),
    "good    ": ("../../etc", "no such"),
}


def bring(run: Path, tmp_path: Path, name: str) -> Path:
    """Make the run directory that the mistake is about."""
    made = tmp_path / name.strip()
    if name == "nowhere":
        return made
    shutil.copytree(run, made)
    manifest = made / "manifest.json"
    content = json.loads(manifest.read_text())
    if name == "foreign":
        manifest.write_text("{}")
    elif name == "older":
        manifest.write_text(json.dumps({**content, "schema": 0}))
    elif name == "half":
        manifest.write_text(manifest.read_text()[:-40])
    elif name == "hollow":
        manifest.write_text(json.dumps({**content, "experiment": {"methods": "kd"}}))
    elif name == "attacked":
        manifest.write_text(json.dumps({**content, "experiment": {**content["experiment"], "model": {"source": "x"}}}))
    elif name == "damaged":
        damaged = choose(Store.read(made), "kd").folder / "model.safetensors"
        damaged.write_bytes(damaged.read_bytes()[:-9])
    return made


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("command", ["export", "predict"])
def test_a_mistake_is_one_line_and_changes_nothing(
    finished_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    command: str,
) -> None:
    student, said = MISTAKES[name]
    run = bring(finished_run, tmp_path, name)
    (tmp_path / "x.c").write_text(PROGRAMS[0])
    before = state(tmp_path)
    out = str(tmp_path / "out")
    argv = [command, str(run), student, "--output", out]
    if command == "predict":
        argv = [command, str(tmp_path / "x.c"), "--model", str(run), "--student", student]
    monkeypatch.setattr(sys, "argv", ["bench", *argv])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    if not (command == "predict" and name == "nowhere"):
        assert said.replace(r"\)", ")").split(".*")[0] in printed.err
    assert state(tmp_path) == before
    assert not Path(out).exists()


def test_an_output_that_holds_something_is_left_alone(finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("full", "full/mine", "link"):
        with pytest.raises(UsageError, match="new or empty directory"):
            export(finished_run, "kd", "hf", tmp_path / name)
    assert (tmp_path / "full" / "mine").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


def test_the_command_says_where_it_is(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "out"
    monkeypatch.setattr(sys, "argv", ["bench", "export", str(finished_run), "kd", "--output", str(out)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert not caught.value.code
    assert f"MB in {out}" in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == [
        "README.md",
        "checksums.json",
        "config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
