"""Shared fixtures: one thread, no network, small programs, a teacher that needs no network, a preset of seconds."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported; tests share their machine
os.environ["HF_HUB_OFFLINE"] = "1"  # a test that needs the hub is a mistake

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from bench import cli
from bench.config import Experiment
from bench.presets import SMOKE, Preset, ScratchEncoder
from bench.types import Budget, Probabilities, Recipe, Sample, Splits, View

settings.register_profile("any machine", deadline=None)  # a busy machine is no failure
settings.load_profile("any machine")

RISKY, SAFE = "int f(char *p) { return danger(p); }", "int f(char *p) { return check(p); }"


@dataclass(frozen=True)
class FakeNetwork:
    """Vulnerable where a program calls `word`."""

    word: str = "danger"
    confidence: float = 2.0

    def logits(self, programs: Sequence[str]) -> NDArray[np.float64]:
        return np.array([self.confidence if self.word in program else -self.confidence for program in programs])

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        vulnerable = 1 / (1 + np.exp(-self.logits(programs)))
        return np.stack([1 - vulnerable, vulnerable], axis=1)


@dataclass(frozen=True)
class FakeTeacher(FakeNetwork):
    """A `bench.types.Teacher` without a network; remembers how it was specialised."""

    graph: bool = False
    facts: Mapping[str, float] = field(default_factory=dict)
    specialised: list[tuple[NDArray[np.float64], int]] = field(default_factory=list)
    taught: list[tuple[Sample, ...]] = field(default_factory=list)

    @property
    def network(self) -> FakeNetwork:
        return FakeNetwork(self.word, self.confidence)

    def embed(self, programs: Sequence[str]) -> NDArray[np.float64]:
        return np.array([[len(program), program.count("a"), program.count("g")] for program in programs], dtype=float)

    def specialise(
        self,
        samples: Sequence[Sample],
        weights: NDArray[np.float64],
        valid: Sequence[Sample],
        recipe: Recipe,
        seed: int,
    ) -> FakeNetwork:
        self.specialised.append((weights, seed))
        self.taught.append(tuple(samples))
        return FakeNetwork(confidence=float(len(self.specialised)))


def renamed(programs: Sequence[str], view: View, seed: int) -> tuple[str, ...]:
    """A `bench.types.Perturb` that needs no parser: parameters are named after the view and the seed."""
    return tuple(p if view == "clean" else p.replace("p)", f"{view}{seed % 10})") for p in programs)


def samples(count: int, prefix: str) -> tuple[Sample, ...]:
    """Half of them risky, all different."""
    return tuple(
        Sample(f"{prefix}/{i}", f"{(SAFE, RISKY)[i % 2]} /* {'x' * i} */", (0, 1)[i % 2]) for i in range(count)
    )


@pytest.fixture
def teacher() -> FakeTeacher:
    return FakeTeacher()


@pytest.fixture(scope="session")
def splits() -> Splits:
    """16 labelled, 16 unlabelled, 8 to validate, 8 to test: `danger` is vulnerable, `check` is not."""
    unlabelled = tuple(sample.code for sample in samples(16, "toy/unlabelled"))
    return Splits("toy", samples(16, "toy/train"), unlabelled, samples(8, "toy/valid"), samples(8, "toy/test"))


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Learns the toy task in half a second."""
    return Recipe(epochs=20, learning_rate=1e-2, batch_size=4, temperature=2.0)


@pytest.fixture(scope="session")
def budget() -> Budget:
    """One epoch of the smallest students."""
    once = Recipe(epochs=1, learning_rate=1e-3, batch_size=8, temperature=2.0)
    return Budget(0.25, 64, once, once, surrogate_trainings=2, surrogate_epochs=1, perturb=renamed)


@pytest.fixture(scope="session")
def micro() -> Preset:
    """The whole algorithm on next to nothing."""
    return replace(
        SMOKE,
        name="micro",
        train_limit=24,
        valid_limit=12,
        test_limit=12,
        attack_limit=3,
        query_budget=12,
        max_tokens=64,
        scratch=ScratchEncoder(vocab_size=300, layers=1, hidden=16, heads=2, ffn=32, pretrain_epochs=1),
        surrogate_trainings=2,
        latency_rounds=2,
    )


@pytest.fixture(scope="session")
def experiment(micro: Preset) -> Experiment:
    """The controls and one attack; add what a test needs."""
    return Experiment(methods=("kd",), attacks=("rename-greedy",), preset=micro)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face directory with a small RoBERTa encoder, written by transformers alone."""
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="session")
def new_checkpoint() -> Callable[[Path], Path]:
    """The same, in a directory of the test's own."""
    return save_checkpoint


def save_checkpoint(folder: Path) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaModel

    names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abcdefghijklmnopqrstuvwxyz(){};*=_", "int", "return"]
    backend = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        cls_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        pad_token="<pad>",
    )
    tokenizer.save_pretrained(folder)
    config = RobertaConfig(
        vocab_size=len(names),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=34,
        type_vocab_size=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        RobertaModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory, micro: Preset) -> Path:
    """A run directory as a finished run leaves it: a student per kind of tokenizer, untrained, and the majority."""
    import json

    from bench.networks import models
    from bench.networks.vocabularies import train_tokenizer
    from bench.results import Record
    from bench.running.students import FACTS
    from bench.storage.store import Cell, Store
    from bench.types import StudentSpec

    root = tmp_path_factory.mktemp("finished") / "run"
    kinds = {"kd": "bpe", "moekd": "wordpiece", "compressor": "unigram", "avatar": "word"}
    experiment = Experiment(methods=(*kinds, "unfinished"), controls=("majority",), seeds=(0, 1), preset=micro)
    facts = {"sha256": "0" * 64, "source": "a generator", "synthetic": True, "counts": {"labelled": 24}}
    store = Store.open(root, experiment, facts)
    recipe = Recipe(epochs=1, learning_rate=1e-3, initializer_range=0.4)
    programs = [f"{sample.code} static long w{i}[{i}];" for i, sample in enumerate(samples(40, "x"))]
    made: dict[str, models.Network | models.Constant] = {"majority": models.Constant(0.4)}
    for method, kind in kinds.items():
        tokenizer = train_tokenizer(kind, 300, programs)
        spec = StudentSpec(
            tokenizer.get_vocab_size(),
            1,
            16,
            2,
            32,
            32,
            tokenizer=kind,
            position="relative_key" if kind == "word" else "absolute",
        )
        made[method] = models.build(spec, recipe, tokenizer, seed=7)
    for method, classifier in made.items():
        for seed in (0, 1) if method == "avatar" else (0,):
            cell = Cell("codebert-scratch", method, seed)

            def write(folder: Path, classifier: object = classifier) -> None:
                models.save(classifier, folder)
                (folder / FACTS).write_text(json.dumps({}))

            store.save_artifact(f"student-{cell.name}", cell.name, write)
            owner = ("embedded", "codebert-scratch", method, seed)
            store.put(cell, [Record(*owner, "", "accuracy", 61.25, "%", 12, 40.0, 80.0)])
            attacked = Cell("codebert-scratch", method, seed, "alert", "attack")
            store.put(attacked, [Record(*owner, "alert", "asr", 37.5, "%", 8, 13.7, 69.4)])
    store.close()
    return root


@pytest.fixture
def call_bench(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Call `python -m bench` with these arguments, in this process; return its exit code."""

    def call(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return call
