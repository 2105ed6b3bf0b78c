"""A run as a report sees it: its rows, its numbers over seeds, and the sentences that every caption needs.

Reads only the store: a table can be made again on a machine that has neither the data nor the models.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import PurePath
from typing import Any

from bench.columns import Column
from bench.config import CONTROLS
from bench.curves import Trace, trace
from bench.results import Record
from bench.robustness import UNION, WORST_CASE
from bench.stats import Interval, over_seeds
from bench.store import Cell, Store
from bench.tables import MARK, Entry, Number

Row = tuple[str, str]
"""Teacher and method."""


class Summary:
    """The records of a run, found by teacher, method, attack and metric."""

    def __init__(self, store: Store) -> None:
        """Read every record once; outcomes are read when `traces` first needs them."""
        self.store = store
        self.experiment: dict[str, Any] = store.manifest.experiment
        self.facts: dict[str, Any] = store.manifest.facts
        self.index: dict[tuple[str, str, str, str], dict[int, Record]] = {}
        for record in store.all_records():
            key = (record.teacher, record.method, record.attack, record.metric)
            self.index.setdefault(key, {})[record.seed] = record

    @property
    def teachers(self) -> list[str]:
        """In the order in which they were asked for."""
        return [str(name) for name in self.experiment["teachers"]]

    @property
    def methods(self) -> list[str]:
        """Controls first, then in the order in which they were asked for."""
        controls = self.experiment.get("controls", CONTROLS)
        return [str(name) for name in dict.fromkeys((*controls, *self.experiment["methods"]))]

    @property
    def attacks(self) -> list[str]:
        """In the order in which they were asked for, without the worst case."""
        return [str(name) for name in self.experiment["attacks"]]

    @property
    def seeds(self) -> list[int]:
        """In the order in which they were asked for."""
        return [int(seed) for seed in self.experiment["seeds"]]

    def rows(self) -> Iterator[Row]:
        """Every teacher with every method."""
        return ((teacher, method) for teacher in self.teachers for method in self.methods)

    def seeded(self, row: Row, metric: str, attack: str = "") -> list[Record]:
        """Return the records of one number, one per finished seed, in the order of the seeds."""
        found = self.index.get((*row, attack, metric), {})
        records = [found[seed] for seed in self.seeds if seed in found]
        if attack == WORST_CASE:  # of fewer attacks than the run has: not finished
            records = [record for record in records if record.source == UNION.join(self.attacks)]
        return records

    def number(self, row: Row, column: Column, attack: str = "") -> Number:
        """Return the mean over the finished seeds with its interval."""
        records = self.seeded(row, column.metric, attack)
        if not records:
            return Number(None)
        value, low, high = over_seeds([record.value for record in records], [_interval(r) for r in records])
        if records[0].unit == "%" and math.isfinite(low):
            low, high = max(0.0, low), min(100.0, high)
        return replace(counted(value, column.digits), low=low, high=high)

    @cached_property
    def traces(self) -> dict[tuple[Row, str], list[Trace]]:
        """What is kept of each attack on each student, for each finished seed whose outcomes are all there."""
        return {(row, attack): list(self._traced(row, attack)) for row in self.rows() for attack in self.attacks}

    def _traced(self, row: Row, attack: str) -> Iterator[Trace]:
        for record in self.seeded(row, "asr", attack):
            found = trace(self.store.outcomes(Cell(*row, record.seed, attack, "attack")))
            if found.attacked == record.n:
                yield found

    def numbers(self, row: Row, columns: Sequence[Column], attack: str = "") -> tuple[Entry, ...]:
        """Return `number` for each column."""
        return tuple(self.number(row, column, attack) for column in columns)

    def collapsed(self, row: Row) -> bool:
        """Tell whether any finished seed gave a student that is not known to be better than a constant."""
        records = self.seeded(row, "balanced_accuracy")
        return any(record.low is None or not record.low > 50.0 for record in records)

    def label(self, row: Row) -> tuple[Entry, ...]:
        """Return the names that stand before the numbers; a collapsed student carries a mark."""
        return self.short(row[0]), f"{row[1]} {MARK}" if self.collapsed(row) else row[1]

    def short(self, teacher: str) -> str:
        """Return a teacher's name, of a directory only the last part."""
        shorts = [PurePath(name).name or name for name in self.teachers]
        name = PurePath(teacher).name or teacher
        return name if shorts.count(name) == 1 else teacher

    @cached_property
    def setting(self) -> list[str]:
        """Sentences on data, sizes, seeds, preset and teachers."""
        task, preset = self.experiment["task"], self.experiment["preset"]
        source = str(self.facts.get("source") or "source unknown")
        seeds = ", ".join(map(str, self.seeds))
        sentences = [
            f"Task {task} ({source}), {_sizes(self._sizes('accuracy'))} test programs.",
            f"Preset {preset['name']}: students of at most {preset['size_mb']:g} MB; seeds {seeds}.",
            *(f"Teacher {name}." for name in self._teacher_names()),
        ]
        if self.experiment.get("model"):
            sentences[1:] = [f"Finished model {', '.join(self._teacher_names())}, not trained here; seeds {seeds}."]
        if self.facts.get("synthetic"):
            sentences.insert(0, "Synthetic data: the numbers are about the machinery, never about the methods.")
        if self.experiment.get("as_released"):
            sentences.append("Run as released: the published quirks of the baselines are reproduced, not mended.")
        return sentences + self._progress()

    @property
    def attack_setting(self) -> str:
        """What an attack was allowed."""
        sizes, budget = _sizes(self._sizes("attacked")), self.experiment["preset"]["query_budget"]
        sentences = [f"Each attack got {sizes} programs and {budget} queries for each."]
        own = self.facts.get("budgets")
        if isinstance(own, dict) and own:
            sentences.append(f"{', '.join(f'{name}: {count:,} queries' for name, count in own.items())}.")
        if substitutes := self.experiment.get("substitutes"):
            sentences.append(f"Substitutes for names: {_unlocated(str(substitutes))}.")
        if checks := str(self.facts.get("checks") or ""):
            sentences.append(f"{checks.rstrip('.')}.")
        return " ".join(sentences)

    def _teacher_names(self) -> Iterator[str]:
        described = self.facts.get("teachers")
        for name in self.teachers:
            text = described.get(name) if isinstance(described, dict) else None
            yield f"{self.short(name)}: {text}".rstrip(". ") if text else self.short(name)

    def _sizes(self, metric: str) -> list[int]:
        return sorted({r.n for key, found in self.index.items() if key[3] == metric for r in found.values()})

    def _progress(self) -> list[str]:
        """Say how much is missing, if anything is."""
        wanted = [("", "accuracy"), *((attack, "asr") for attack in self.attacks)]
        cells = [(row, attack, metric) for row in self.rows() for attack, metric in wanted]
        done = sum(len(self.seeded(row, metric, attack)) for row, attack, metric in cells)
        total = len(cells) * len(self.seeds)
        return [f"Unfinished: {done} of {total} cells; means cover the finished seeds only."] if done < total else []


def _interval(record: Record) -> Interval | None:
    return None if record.low is None or record.high is None else (record.low, record.high)


def counted(value: float, digits: int) -> Number:
    """Return a number; a count has no decimals unless it is a mean of different counts."""
    mixed = digits == 0 and math.isfinite(value) and abs(value) < 1e4 and not value.is_integer()
    return Number(value, digits=1 if mixed else digits)


def _unlocated(text: str) -> str:
    """Return "kind:place" or a place, of a directory of this machine only the last part."""
    kind, colon, place = text.rpartition(":")
    return kind + colon + (PurePath(place).name if PurePath(place).is_absolute() else place)


def _sizes(found: list[int]) -> str:
    if not found:
        return "no"
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"
