"""The model card of an exported student: what it is, what was measured of it, how it is used, and where it ends.

Every number comes from the records and the manifest of its run; a card of the same student has the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from bench.networks.models import Network, parameters
from bench.networks.portable import TOLERANCE
from bench.registry import method
from bench.reporting.columns import ASR, CLEAN, COMPRESSION, EFFICIENCY, ROBUST, ROBUSTNESS, Column
from bench.reporting.tables import Entry, Number, Table, escape_markdown, markdown
from bench.results import Record
from bench.storage.store import Cell, Store
from bench.types import UsageError
from bench.variants import base

Kind = Literal["hf", "onnx"]
UNDER_ATTACK = (ROBUSTNESS[0], ASR, ROBUST)
COLUMNS = {column.metric: column for column in (*CLEAN, *UNDER_ATTACK, *COMPRESSION, *EFFICIENCY)}
HEAD = """---
library_name: {library}
pipeline_tag: text-classification
tags:
- vulnerability-detection
- c
- knowledge-distillation
- moekd-bench
---
"""
LIBRARIES: Mapping[Kind, str] = {"hf": "transformers", "onnx": "onnx"}
USE: Mapping[Kind, str] = {
    "hf": """
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
batch = tokenizer(functions, truncation=True, padding=True, return_tensors="pt")
vulnerable = model(**batch).logits.softmax(dim=1)[:, 1]
""",
    "onnx": """
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
session = onnxruntime.InferenceSession(f"{folder}/model.onnx", providers=["CPUExecutionProvider"])
batch = tokenizer.encode_batch(functions)
tensors = {
    "input_ids": np.array([one.ids for one in batch], dtype=np.int64),
    "attention_mask": np.array([one.attention_mask for one in batch], dtype=np.int64),
}
vulnerable = session.run(["probabilities"], tensors)[0][:, 1]
""",
}
SYNTHETIC = (
    "**Trained and measured on synthetic data.** Its numbers are about the machinery that made it; it knows nothing "
    "about real code."
)


def card(store: Store, cell: Cell, network: Network, kind: Kind) -> str:
    """Return the text of README.md for this student in this form."""
    facts = store.manifest.facts
    banner = f"{SYNTHETIC}\n\n" if facts.get("synthetic") else ""
    title = f"# {escape_markdown(cell.method)}, a vulnerability detector for C functions"
    sections = (
        f"{title}\n\n{banner}{_about(store, cell)}\n",
        markdown(_measured(store, cell)),
        f"## Training data\n\n{' '.join(_data(store.manifest.experiment, facts))}\n",
        f"## Use\n\n`folder` is this directory, `functions` a list of C functions.\n\n```python{USE[kind]}```\n",
        "## Limits\n\n" + "".join(f"- {line}\n" for line in _limits(network, kind)),
    )
    return HEAD.format(library=LIBRARIES[kind]) + "\n".join(sections)


def _about(store: Store, cell: Cell) -> str:
    facts = store.manifest.facts
    teachers = facts.get("teachers")
    described = teachers.get(cell.teacher) if isinstance(teachers, dict) else None
    commit = str(facts.get("commit") or "not known")
    sentences = (
        f"Made by moekd-bench with the method {escape_markdown(cell.method)}{_summary(cell.method)}, seed {cell.seed}.",
        f"Teacher: {escape_markdown(str(described or cell.teacher))}.",
        f"Preset {escape_markdown(str(store.manifest.experiment['preset'].get('name')))}, "
        f"commit {escape_markdown(commit)}.",
        "Column 1 of its output is the probability that a function is vulnerable.",
    )
    return " ".join(sentences)


def _summary(name: str) -> str:
    """Say what a method is, where this installation knows it."""
    try:
        found = method(base(name))
    except UsageError:
        return ""
    return escape_markdown(f" ({found.summary}; {found.source})")


def _measured(store: Store, cell: Cell) -> Table:
    owner = (cell.teacher, cell.method, cell.seed)
    found = [record for record in store.all_records() if (record.teacher, record.method, record.seed) == owner]
    rows = tuple(
        _row(column, record) for column in COLUMNS.values() for record in found if record.metric == column.metric
    )
    caption = (
        "This very student on the test split of its run, with 95% intervals where one is known.",
        "ASR: fooled over attacked; robust accuracy: share of all attacked programs still classified correctly.",
        "Latency at batch 1 and energy were measured on the machine of the run.",
    )
    return Table("measured", "What was measured", ("attack", "measure", "value", "n"), rows, caption)


def _row(column: Column, record: Record) -> tuple[Entry, ...]:
    low, high = (float("nan") if end is None else end for end in (record.low, record.high))
    number = Number(record.value, low, high, column.digits)
    return record.attack, column.title, number, Number(float(record.n), digits=0)


def _data(experiment: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    yield f"Task {escape_markdown(str(experiment['task']))}: {escape_markdown(str(facts.get('source') or 'unknown'))}."
    if sha256 := facts.get("sha256"):
        yield f"SHA-256 of its rows: {escape_markdown(str(sha256))}."
    counts = facts.get("counts")
    if isinstance(counts, dict):
        parts = ", ".join(f"{number} {name}" for name, number in counts.items())
        yield f"Programs: {escape_markdown(parts)}."


def _limits(network: Network, kind: Kind) -> Iterator[str]:
    window = network.inputs.max_tokens
    yield f"{parameters(network.model):,} parameters. It reads the first {window} tokens of a function and no callers."
    yield "A score is an opinion learned from the training data above, and no proof of a flaw or of its absence."
    yield "It can be fooled by programs that mean the same: how often is above, where that was measured."
    if kind == "hf":
        yield "Give `truncation=True`, as above: without it, transformers passes on more than the model can read."
    yield (
        "The tokenizer collapses white space by itself. Probabilities equal those of moekd-bench within "
        f"{TOLERANCE:g} on a CPU, except for programs that spell a special token in capitals."
    )
