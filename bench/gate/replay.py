"""The stored students of a run asked again: every counted success, and with `--deep` every prediction. Makes nothing.

A success is put before the judge once more, as the only thing that an attack hands in, so that replay and run share one
definition of success. A run directory may come from anybody: no Python object and no command that its manifest names
is loaded or called; whoever validates must name them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from attacks.checks import Check
from attacks.judge import judge
from bench import progress
from bench.config import Experiment, Model
from bench.measuring.evaluate import predict
from bench.measuring.measure import one_thread
from bench.results import Outcome
from bench.running.attacking import GROUP, InOrder, Source, loaded
from bench.running.costing import compression
from bench.running.executors import executor
from bench.running.given import Loaded, fingerprint, is_python
from bench.running.jobs import Job, execute
from bench.running.students import kept
from bench.storage.store import Cell, Store
from bench.types import Attempt, Classifier, Sample, Splits

TOLERANCE = {"cpu": 1e-4}
"""By device: how far P(vulnerable) may be from the stored one; sums differ between machines."""
TOLERANCE_ELSEWHERE = 2e-2


class UnavailableError(Exception):
    """What a replay needs is not on this machine, or may not be taken from a file; says why, in one line."""


@dataclass(frozen=True)
class HandIn:
    """An attack that tries nothing: it hands in what another one found."""

    found: Outcome

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        """Hand it in."""
        return Attempt(self.found.adversarial, self.found.sites, self.found.alleles, self.found.changed)


@dataclass(frozen=True)
class _Success:
    cell: str
    found: Outcome
    sample: Sample | None
    """What was attacked; None: no such test program."""


@dataclass(frozen=True)
class Replay:
    """A finished run and what is needed to ask its students again."""

    store: Store
    experiment: Experiment
    splits: Splits
    checks: Sequence[Check]
    model: str | None
    """A finished model, where whoever validates names it."""

    def successes(self, cells: Sequence[Cell], workers: int = 1) -> Iterator[str]:
        """Judge every counted success again, student by student; the number of workers changes no answer."""
        order, ready, groups = InOrder[str](0), list[str](), list[tuple[Source, Sequence[Check], Sequence[_Success]]]()

        def keep(place: int, answers: Sequence[str]) -> None:
            ready.extend(order.add(place, answers))
            progress.current().advance(len(answers))

        for student, found in self._fooled(cells).items():
            if self._lost(student):
                yield f"{student.name}: its student is missing or damaged"
                continue
            source, checks = self._source(student), self.checks
            groups += [(source, checks, found[start : start + GROUP]) for start in range(0, len(found), GROUP)]
        progress.current().stage("replay", sum(len(group) for _, _, group in groups))
        jobs = [
            Job(f"group {place}", _again, partial(tuple, group), partial(keep, place))
            for place, group in enumerate(groups)
        ]
        with executor(min(workers, max(len(jobs), 1))) as crew:
            for _ in execute(jobs, crew):
                yield from ready
                ready.clear()

    def predictions(self, cells: Sequence[Cell]) -> Iterator[str]:
        """Judge every clean sample again, and weigh the student."""
        limit = TOLERANCE.get(self.experiment.device, TOLERANCE_ELSEWHERE)
        for cell in cells:
            stored = self.store.predictions(cell) if cell.kind == "clean" else None
            if stored is None:
                continue
            if self._lost(cell):
                yield f"{cell.name}: its student is missing or damaged"
                continue
            progress.current().stage(f"predict {cell.name}", 1)
            student = self._source(cell)()
            again = predict(student, self.splits.test)
            if again.sample_ids != stored.sample_ids or again.labels != stored.labels:
                yield f"{cell.name}: predictions of other samples than the test split"
                continue
            for name, old, new in zip(stored.sample_ids, stored.vulnerable, again.vulnerable, strict=True):
                yield f"{cell.name}: {name!r:.80}: {old:.6f} stored, {new:.6f} again" if abs(old - new) > limit else ""
            sizes = {record.metric: record.value for record in self.store.records(cell)}
            yield from (
                "" if sizes.get(one.metric) == one.value else f"{cell.name}: {one.metric} is {one.value:g}"
                for one in compression(student)
            )

    def _fooled(self, cells: Sequence[Cell]) -> dict[Cell, list[_Success]]:
        """Return the counted successes against each student that has any."""
        samples = {sample.id: sample for sample in self.splits.test}
        found: dict[Cell, list[_Success]] = {}
        for cell in cells:
            for one in self.store.outcomes(cell) if cell.kind == "attack" else ():
                if one.verdict == "fooled":
                    student = replace(cell, attack="", kind="clean")
                    found.setdefault(student, []).append(_Success(cell.name, one, samples.get(one.sample_id)))
        return found

    def _lost(self, cell: Cell) -> bool:
        """Whether the run made the student of a cell and does not hold it any more."""
        return self.experiment.model is None and kept(self.store, cell) is None

    def _source(self, cell: Cell) -> Source:
        """Return where the student of a cell is; it is never made."""
        device, model = self.experiment.device, self.experiment.model
        if model is None:
            return Loaded(Model(str(kept(self.store, cell))), device)
        if self.model is None and is_python(model):
            raise UnavailableError(f"the model {model.source!r:.80} is Python code: give --model {model.source:.80}")
        named = replace(model, source=self.model or model.source)
        if not (sha256 := fingerprint(named.source)):
            raise UnavailableError(f"the model {named.source!r:.80} is not on this machine: give --model PATH")
        if sha256 != self.store.manifest.facts.get("model_sha256"):
            raise UnavailableError(f"the model {named.source!r:.80} is another than the run's: give --model PATH")
        return Loaded(named, device, sha256)


def _again(source: Source, checks: Sequence[Check], group: Sequence[_Success]) -> list[str]:
    """Return for each success how the judge rules otherwise than what is stored, in whatever process this is."""
    with one_thread():
        victim = loaded(source)
        reasons = [_otherwise(victim, checks, one) for one in group]
    return [
        f"{one.cell}: {one.found.sample_id!r:.80}: {reason}" if reason else ""
        for one, reason in zip(group, reasons, strict=True)
    ]


def _otherwise(victim: Classifier, checks: Sequence[Check], success: _Success) -> str:
    """Return the other ruling; "" where it is the same."""
    found = success.found
    if success.sample is None:
        return "no such test program"
    ruled = judge(HandIn(found), victim, success.sample, 2, np.random.default_rng(0), checks)
    if ruled.verdict != "fooled":
        return f"{ruled.verdict} ({ruled.refused})" if ruled.refused else ruled.verdict
    if (ruled.tokens_changed, ruled.by_truncation) != (found.tokens_changed, found.by_truncation):
        return f"{ruled.tokens_changed:g} of its tokens changed, truncation {ruled.by_truncation}"
    return ""
