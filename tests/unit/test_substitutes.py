"""Sources of names by what stands after --substitutes: each form, each mistake in one line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attacks.given import Given
from attacks.names import Fixed, Neighbours, Suggested
from attacks.rename import Drawn, rename_loci
from attacks.searching import Searching
from bench.networks.encoders import NameSpace, load_name_space, save_encoder
from bench.presets import ScratchEncoder
from bench.pretraining.pretrain import pretrain
from bench.running import substitutes as module
from bench.running.substitutes import substitutes
from bench.syntax.cscope import local_names
from bench.syntax.csource import parse
from bench.types import Sample, UsageError

CODE = "int f(int size, char *buf) {\n  return size + buf[size];\n}"
SAMPLES = (Sample("devign/test/7", CODE, 1), Sample("devign/test/8", "int g(int n) { return n; }", 0))
POOL = ("sizes", "bufs", "n", "zeta", "length", "while", "q")
LISTS = {"size": [" sizes", "while", "n"], "buf": ["bufs"]}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory, splits: Any) -> Path:
    shape = ScratchEncoder(vocab_size=320, layers=1, hidden=16, heads=2, ffn=32, pretrain_epochs=1)
    folder = tmp_path_factory.mktemp("encoder")
    save_encoder(pretrain([*splits.unlabelled, CODE], shape, 48, 0, "cpu"), folder)
    return folder


def alleles(spec: str, seed: int = 0) -> dict[str, tuple[str, ...]]:
    loci = rename_loci(parse(CODE), substitutes(spec, POOL, SAMPLES, "cpu"), np.random.default_rng(seed))
    return {locus.alleles[0]: locus.alleles[1:] for locus in loci}


def test_names_of_the_corpus() -> None:
    assert substitutes("corpus", POOL, SAMPLES, "cpu") == Drawn(POOL)
    assert substitutes("bounded", POOL, SAMPLES, "cpu") == Fixed(Drawn(POOL))
    assert substitutes("near", POOL, SAMPLES, "cpu") == Neighbours(POOL)
    found = alleles("near")
    assert (found["size"][0], found["buf"][0]) == ("sizes", "bufs")
    assert alleles("bounded", 1) == alleles("bounded", 2)


def test_neighbours_in_the_space_of_an_encoder(encoder: Path) -> None:
    source = substitutes(f"near:{encoder}", POOL, SAMPLES, "cpu")
    assert isinstance(source, Neighbours)
    assert isinstance(source.embed, NameSpace)
    found = alleles(f"near:{encoder}")
    assert set(found["size"]) | set(found["buf"]) == {"sizes", "bufs", "n", "zeta", "length", "q"}
    assert found == alleles(f"near:{encoder}", 1)


def test_a_name_is_the_mean_of_its_own_sub_tokens(encoder: Path, checkpoint: Path) -> None:
    for folder in (encoder, checkpoint):
        space = NameSpace(str(folder))
        model, inputs = load_name_space(space)
        together = space.embed(["zeta", "q", "length_of"])
        for row, name in zip(together, ["zeta", "q", "length_of"], strict=True):
            encoding = inputs.tokenizer.encode(name)
            with torch.inference_mode():
                states = model(torch.tensor([encoding.ids])).last_hidden_state[0]
            own = [i for i, special in enumerate(encoding.special_tokens_mask) if not special]
            assert row == pytest.approx(states[own].mean(dim=0).double().numpy(), abs=1e-6)
        assert space.embed([]).shape == (0, 16)


def test_a_masked_language_model(encoder: Path) -> None:
    source = substitutes(f"mlm:{encoder}", POOL, SAMPLES, "cpu")
    assert isinstance(source, Suggested)
    assert sum(map(len, alleles(f"mlm:{encoder}").values())) > 0
    assert alleles(f"mlm:{encoder}") == alleles(f"mlm:{encoder}", 1)


def written(path: Path, *rows: object) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


@pytest.mark.parametrize(
    "row",
    [
        {"func": CODE.replace("\n", " "), "substitutes": LISTS},
        {"idx": 7, "substitutes": LISTS},
        {"idx": "devign/test/7", "substitutes": LISTS},
        {"idx": 99, "func": CODE, "target": 1, "project": "qemu", "commit_id": None, "substitutes": LISTS},
    ],
)
def test_lists_that_somebody_shipped(tmp_path: Path, row: dict[str, Any]) -> None:
    spec = written(tmp_path / "lists.jsonl", {"idx": 1234, "substitutes": {"x": ["y"]}}, row)
    assert isinstance(substitutes(spec, POOL, SAMPLES, "cpu"), Given)
    assert alleles(spec) == {"size": ("sizes", "n"), "buf": ("bufs",)}


def test_blank_lines_are_no_rows_and_other_programs_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "lists.jsonl"
    path.write_text(
        f"\n{json.dumps({'idx': 1, 'substitutes': LISTS})}\r\n \n{json.dumps({'idx': 7, 'substitutes': LISTS})}"
    )
    found = substitutes(str(path), POOL, SAMPLES, "cpu")
    assert isinstance(found, Given)
    assert list(found.lists) == [CODE]


GOOD = json.dumps({"idx": 7, "substitutes": LISTS}).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD + b"\n\n{oops", r"^lists\.jsonl:3: expected a JSON object"),
        (GOOD + b"\n[1, 2]", r"^lists\.jsonl:2: expected an object with `idx` or `func`"),
        (GOOD + b'\n{"idx": 7}', r"^lists\.jsonl:2: expected `substitutes` of names to lists, got None"),
        (GOOD + b'\n{"idx": 7, "substitutes": {"a": "b"}}', r"^lists\.jsonl:2: expected a list of substitutes for 'a'"),
        (GOOD + b'\n{"idx": "\xff"}', r"^lists\.jsonl:2: expected UTF-8 text"),
        (GOOD + b"\n" + b"[" * 100_000, r"^lists\.jsonl:2: expected a JSON object"),
        (b'{"idx": 1234, "substitutes": {"size": ["n"]}}', r"^lists\.jsonl: expected substitutes for the attacked"),
        (b"", r"^lists\.jsonl: expected substitutes for the attacked programs, got none"),
        (b'{"idx": 7, "substitutes": {"alpha": ["n"]}}', "in 1 of 1 not one name occurs"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "lists.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said) as error:
        substitutes(str(path), POOL, SAMPLES, "cpu")
    assert "\n" not in str(error.value)


def test_files_and_lines_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = written(tmp_path / "lists.jsonl", {"idx": 7, "substitutes": LISTS}, {"idx": 8, "note": "x" * 999})
    monkeypatch.setattr(module, "LONGEST_LINE", 500)
    with pytest.raises(UsageError, match=r"^lists\.jsonl:2: expected at most 500 bytes in a line"):
        substitutes(spec, POOL, SAMPLES, "cpu")
    monkeypatch.setattr(module, "LONGEST_FILE", 400)
    with pytest.raises(UsageError, match=r"^lists\.jsonl: expected at most 400 bytes"):
        substitutes(spec, POOL, SAMPLES, "cpu")


@pytest.mark.parametrize("spec", ["", "corpora", "near:", "mlm:", "mlm", "far:x", "corpus:x", "lists.json", ":"])
def test_an_unknown_source_names_the_known_ones(spec: str) -> None:
    with pytest.raises(
        UsageError, match=r"expected --substitutes corpus, bounded, near, near:MODEL, mlm:MODEL or FILE"
    ):
        substitutes(spec, POOL, SAMPLES, "cpu")


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    for spec, said in (
        (str(tmp_path / "none.jsonl"), "got No such file or directory for"),
        (str(tmp_path / "folder.jsonl"), "got Is a directory for"),
        ("mlm:nobody/nothing", "cannot load the masked language model 'nobody/nothing'"),
        ("near:nobody/nothing", "cannot load the encoder 'nobody/nothing'"),
    ):
        with pytest.raises(UsageError, match=said) as error:
            substitutes(spec, POOL, SAMPLES, "cpu")
        assert "\n" not in str(error.value)


def test_a_revision_of_the_hub_follows_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.networks import encoders, fillmask

    asked: list[object] = []
    monkeypatch.setattr(fillmask, "reader", asked.append)
    monkeypatch.setattr(encoders, "load_name_space", asked.append)
    (tmp_path / "a@b").mkdir()
    for spec in ("mlm:hub/model@abc", "mlm:hub/model", f"mlm:{tmp_path / 'a@b'}", "near:hub/model@abc"):
        substitutes(spec, POOL, SAMPLES, "cuda")
    assert asked == [
        fillmask.MaskedNames("hub/model", "abc", "cuda"),
        fillmask.MaskedNames("hub/model", None, "cuda"),
        fillmask.MaskedNames(str(tmp_path / "a@b"), None, "cuda"),
        NameSpace("hub/model", "abc", "cuda"),
    ]


def test_sources_travel_to_other_processes_without_their_weights(encoder: Path) -> None:
    for kind in ("near", "mlm"):
        source = substitutes(f"{kind}:{encoder}", POOL, SAMPLES, "cpu")
        names = local_names(parse(CODE))
        before = source.propose(parse(CODE), names, np.random.default_rng(0))
        travelled = pickle.dumps(source)
        assert len(travelled) < 10_000
        assert pickle.loads(travelled).propose(parse(CODE), names, np.random.default_rng(0)) == before


def test_an_attack_runs_on_every_source(tmp_path: Path, encoder: Path, teacher: Any) -> None:
    from attacks.search import Greedy

    spec = written(tmp_path / "lists.jsonl", {"idx": 7, "substitutes": LISTS})
    for one in ("corpus", "bounded", "near", f"near:{encoder}", f"mlm:{encoder}", spec):
        attack = Searching(Greedy(), substitutes(one, POOL, SAMPLES, "cpu"))
        assert attack.attempt(teacher, SAMPLES[0], 20, np.random.default_rng(0)).sites > 0, one
