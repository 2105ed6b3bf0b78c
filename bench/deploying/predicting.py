"""Functions judged by a classifier, for people and for other tools: lines, JSON and SARIF. Pure but for the model.

SARIF follows OASIS, "Static Analysis Results Interchange Format 2.1.0": one run, one rule, a result for each function
at or above the threshold. A result says what the score is, because a reader of SARIF sees nothing else.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.networks.windows import Windowed
from bench.storage.files import printable
from bench.syntax.functions import File, Function
from bench.types import Classifier

RULE = "likely-vulnerable-function"
MEANING = (
    "The probability that a small model, distilled from a larger one, gives to the function being vulnerable. It is an "
    "opinion learned from labelled functions and no proof: the model sees one function at a time and no callers, reads "
    "only its beginning where it is long, and can be fooled by code that means the same."
)
HOME = "https://arxiv.org/abs/2603.13213"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
BATCH = 256
"""Functions handed to the model at once."""


@dataclass(frozen=True)
class Judged:
    """A function and what the model says about it."""

    function: Function
    vulnerable: float
    """P(vulnerable)."""
    read: float
    """Share of the function's characters that reached the model; 1 where nothing is known of a window."""
    found: bool
    """Whether the probability is at or above the threshold."""

    def line(self) -> str:
        """Return "path:line name probability verdict"."""
        verdict = "vulnerable" if self.found else "safe"
        partly = f" (read {self.read:.0%} of it)" if self.read < 1 else ""
        function = self.function
        where = f"{printable(function.path)}:{function.first} {printable(function.name) or '(unnamed)'}"
        return f"{where} {self.vulnerable:.4f} {verdict}{partly}"


def judge(classifier: Classifier, files: Sequence[File], threshold: float) -> list[Judged]:
    """Judge every function, in the order of the files."""
    functions = [function for file in files for function in file.functions]
    judged: list[Judged] = []
    for start in range(0, len(functions), BATCH):
        some = functions[start : start + BATCH]
        rows = classifier.probabilities([function.text for function in some])
        for function, row in zip(some, rows, strict=True):
            vulnerable = float(row[1])
            judged.append(Judged(function, vulnerable, _read(classifier, function.text), vulnerable >= threshold))
    return judged


def _read(classifier: Classifier, text: str) -> float:
    return classifier.visible(text) / len(text) if isinstance(classifier, Windowed) and text else 1.0


def as_json(judged: Sequence[Judged], files: Sequence[File]) -> dict[str, Any]:
    """Return everything that was judged, and every note."""
    rows = [
        {
            "path": one.function.path,
            "name": one.function.name,
            "line": one.function.first,
            "end_line": one.function.last,
            "vulnerable": one.vulnerable,
            "read": one.read,
            "found": one.found,
        }
        for one in judged
    ]
    return {"meaning": MEANING, "functions": rows, "notes": {file.path: file.note for file in files if file.note}}


def sarif(judged: Sequence[Judged], files: Sequence[File], version: str, threshold: float) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log of the functions at or above the threshold."""
    driver = {
        "name": "moekd-bench",
        "version": version,
        "informationUri": HOME,
        "rules": [
            {
                "id": RULE,
                "shortDescription": {
                    "text": f"A function judged vulnerable with a probability of {threshold:g} or more."
                },
                "fullDescription": {"text": MEANING},
                "defaultConfiguration": {"level": "warning"},
            }
        ],
    }
    notes = [{"level": "warning", "message": {"text": f"{file.path}: {file.note}"}} for file in files if file.note]
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(one) for one in judged if one.found],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(one: Judged) -> Mapping[str, Any]:
    function = one.function
    name = function.name or "a function without a name"
    partly = f" Only the first {one.read:.0%} of it was read." if one.read < 1 else ""
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(function.path)},
            "region": {"startLine": function.first, "endLine": function.last},
        }
    }
    if function.name:
        location["logicalLocations"] = [{"name": function.name, "kind": "function"}]
    return {
        "ruleId": RULE,
        "ruleIndex": 0,
        "level": "warning",
        "message": {"text": f"{name} is judged vulnerable with probability {one.vulnerable:.3f}.{partly} {MEANING}"},
        "rank": round(100 * one.vulnerable, 6),
        "locations": [location],
        "partialFingerprints": {"function/v1": hashlib.sha256(function.text.encode()).hexdigest()},
        "properties": {"probability": one.vulnerable, "read": one.read},
    }


def _uri(path: str) -> str:
    """Return a path as a URI: relative to where the command ran, or a file: URI where it is absolute."""
    where = Path(path)
    return where.as_uri() if where.is_absolute() else quote(os.fsencode(where.as_posix()))
