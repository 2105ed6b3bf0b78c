"""Every number of a run counted again from what lies below it: records from outcomes and predictions. Reads only.

Each check yields one text for each thing it looked at: empty where that is as it should be, else what is wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bench.config import Experiment
from bench.measuring.evaluate import Measured, performance
from bench.measuring.robust import optimum, robust
from bench.measuring.robustness import UNION, WORST_CASE, worst_case
from bench.results import Outcome, Predictions, Record
from bench.storage.files import intact
from bench.storage.store import Cell, Store

NEEDED = ("numpy", "tokenizers", "torch", "transformers")
"""Packages without whose version a number cannot be traced."""
CLOSE = 1e-9
"""Relative error that another machine's summation may bring."""
UNSURE = {"cpu": 1e-3}
"""By device: how near to one half P(vulnerable) may be decided either way, depending on a batch's company."""
UNSURE_ELSEWHERE = 2e-2


@dataclass(frozen=True)
class Recount:
    """A finished run, about to be counted again."""

    store: Store
    experiment: Experiment
    cells: Sequence[Cell]
    """All that the experiment asks for."""

    def manifest(self) -> Iterator[str]:
        """Look for what makes a run traceable: hash of the data, seeds, versions of each session."""
        facts, sessions = self.store.manifest.facts, self.store.manifest.sessions
        sha256 = str(facts.get("sha256"))
        yield "" if re.fullmatch("[0-9a-f]{64}", sha256) else f"no SHA-256 of the data, but {sha256!r:.80}"
        yield "" if self.experiment.seeds else "no seed"
        yield "" if sessions else "no session"
        for session in sessions:
            versions = session.get("versions")
            known = versions if isinstance(versions, dict) else {}
            missing = [name for name in ("python", *NEEDED) if not {**known, **session}.get(name)]
            yield f"a session without the version of {', '.join(missing)}" if missing else ""

    def records(self) -> Iterator[str]:
        """Look at the records of each cell: intact, labelled as the cell, each metric once, from a known commit."""
        commits = {session.get("commit") for session in self.store.manifest.sessions}
        for cell in self.all_cells:
            found = self.store.records(cell)
            metrics = [record.metric for record in found]
            task = self.experiment.task
            labels = {(record.task, record.teacher, record.method, record.seed, record.attack) for record in found}
            if not found:
                yield f"{cell.name}: damaged or empty"
            elif labels != {(task, cell.teacher, cell.method, cell.seed, cell.attack)}:
                yield f"{cell.name}: records of another cell"
            elif len(set(metrics)) < len(metrics):
                yield f"{cell.name}: a metric twice"
            elif not {record.commit for record in found} <= commits:
                yield f"{cell.name}: from a commit that is not in the manifest"
            else:
                yield ""

    def strays(self) -> Iterator[str]:
        """Look for files that belong to no cell: a table would show them."""
        wanted = {f"{cell.name}.json" for cell in self.all_cells} | {f"{cell.name}.jsonl" for cell in self.all_cells}
        for folder in ("records", "outcomes", "predictions"):
            for path in sorted((self.store.root / folder).glob("*")):
                yield "" if path.name in wanted else f"{folder}/{path.name!r:.80}: belongs to no cell"

    def artifacts(self) -> Iterator[str]:
        """Compare every file of every artifact with its checksum."""
        for path in sorted((self.store.root / "artifacts").glob("*")):
            yield "" if intact(path) else f"{path.name!r:.80}: does not match its checksums"

    def clean(self) -> Iterator[str]:
        """Count the clean metrics of each student again, from its predictions."""
        for cell in self._of("clean"):
            predictions = self.store.predictions(cell)
            if predictions is None:
                yield f"{cell.name}: predictions damaged"
            else:
                yield _differ(cell, performance(predictions), self.store.records(cell))

    def attacked(self) -> Iterator[str]:
        """Count what attacks leave again, from outcomes: each attack, the worst case, the share of the optimum."""
        for cell in self._of("attack"):
            yield _differ(cell, robust(self.store.outcomes(cell)), self.store.records(cell), whole=True)
        for cell in self._of("clean"):
            parts = {name: self.store.outcomes(_attack(cell, name)) for name in self.experiment.attacks}
            yield from self._across(cell, parts)

    def _across(self, cell: Cell, parts: Mapping[str, Sequence[Outcome]]) -> Iterator[str]:
        union = replace(cell, attack=WORST_CASE, kind="attack")
        try:
            expected = [replace(one, source=UNION.join(parts)) for one in robust(worst_case(parts))]
            shares = optimum(parts)
        except ValueError as error:
            yield f"{cell.name}: {error}"
            return
        yield _differ(union, expected, self.store.records(union), whole=True)
        for name, measured in shares.items():
            share = replace(cell, attack=name, kind="optimum")
            yield _differ(share, measured, self.store.records(share), whole=True)

    def outcomes(self) -> Iterator[str]:
        """Look at each outcome: whole, about the sample that is its turn, and in agreement with itself."""
        for cell in self._of("attack"):
            lines = (self.store.root / "outcomes" / f"{cell.name}.jsonl").read_bytes().count(b"\n")
            found = self.store.outcomes(cell)
            predictions = self.store.predictions(replace(cell, attack="", kind="clean"))
            if len(found) != lines:
                yield f"{cell.name}: damaged from line {len(found) + 1} on"
            if predictions is None:
                continue
            if [one.sample_id for one in found] != list(predictions.sample_ids[: self._attacked(predictions)]):
                yield f"{cell.name}: other samples than the first {self._attacked(predictions)} of the test split"
                continue
            for place, one in enumerate(found):
                reason = self._incoherent(one, self._budget(cell)) or self._disagrees(one, predictions, place)
                yield f"{cell.name}: {one.sample_id!r:.80}: {reason}" if reason else ""

    @cached_property
    def all_cells(self) -> list[Cell]:
        """Those that are asked for, and those that are made of them."""
        across = [replace(cell, attack=WORST_CASE, kind="attack") for cell in self._of("clean")]
        exact = optimum(dict.fromkeys(self.experiment.attacks, ()))
        shares = [replace(cell, attack=name, kind="optimum") for cell in self._of("clean") for name in exact]
        return [*self.cells, *across, *shares]

    def _of(self, kind: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == kind]

    def _attacked(self, predictions: Predictions) -> int:
        limit = self.experiment.preset.attack_limit
        return len(predictions.sample_ids) if limit is None else min(limit, len(predictions.sample_ids))

    def _budget(self, cell: Cell) -> int:
        own: Mapping[str, int] = self.store.manifest.facts.get("budgets", {})
        return own.get(cell.attack, max(self.experiment.preset.query_budget, 1))

    def _incoherent(self, one: Outcome, budget: int) -> str:
        """Return what no judge would have written."""
        fooled = one.verdict == "fooled"
        if fooled != (one.adversarial is not None) or fooled != (one.fell_at is not None):
            return "a success without a program, or a program without a success"
        if not max(one.fell_at or 0, one.distinct) <= one.queries <= budget:
            return f"{one.queries} queries, budget {budget}, fell at {one.fell_at}"
        return ""

    def _disagrees(self, one: Outcome, predictions: Predictions, place: int) -> str:
        """Return where the attack saw another answer to the unchanged program than the clean evaluation."""
        if one.label != predictions.labels[place]:
            return "another label than in the predictions"
        wrong = one.verdict == "already_wrong"
        near = abs(predictions.vulnerable[place] - 0.5) <= UNSURE.get(self.experiment.device, UNSURE_ELSEWHERE)
        if one.verdict not in ("unparsable", "too_large") and wrong == predictions.right[place] and not near:
            return f"{one.verdict}, but the prediction says otherwise"
        return ""


def _attack(cell: Cell, name: str) -> Cell:
    return replace(cell, attack=name, kind="attack")


def _differ(cell: Cell, expected: Sequence[Measured], records: Sequence[Record], *, whole: bool = False) -> str:
    """Name the first number that is stored otherwise than it is counted; `whole`: nothing else may be stored."""
    stored = {record.metric: record for record in records}
    for one in expected:
        record = stored.get(one.metric)
        if record is None:
            return f"{cell.name}: no record of {one.metric}"
        if (record.unit, record.n) != (one.unit, one.n) or (one.source and record.source != one.source):
            return f"{cell.name}: {one.metric} is over {record.n} {record.unit}, counted {one.n} {one.unit}".strip()
        pairs = ((record.value, one.value), (record.low, one.low), (record.high, one.high))
        if not all(_equal(*pair) for pair in pairs):
            return f"{cell.name}: {one.metric} is {record.value:g} in the records, counted {one.value:g}"
    extra = stored.keys() - {one.metric for one in expected}
    return f"{cell.name}: {min(extra)!r:.60} follows from no outcome" if whole and extra else ""


def _equal(stored: float | None, counted: float | None) -> bool:
    first, second = (None if value is None or math.isnan(value) else value for value in (stored, counted))
    if first is None or second is None:
        return first is second
    return math.isclose(first, second, rel_tol=CLOSE, abs_tol=CLOSE)
