"""Runs as a report sees them: rows, numbers over seeds, and the sentences that every caption needs.

Reads only the store: a table can be made again on a machine that has neither the data nor the models.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import PurePath

from bench.measuring.robustness import WORST_CASE
from bench.measuring.stats import Interval, over_seeds
from bench.reporting.columns import Column
from bench.reporting.curves import Trace, trace
from bench.reporting.runs import Row, Runs
from bench.reporting.tables import MARK, Entry, Number
from bench.results import Record
from bench.storage.store import Cell, Store

LEADING = 3
"""Attacks that have columns of their own in wide tables."""


class Summary:
    """The records of one run or several, found by teacher, method, attack and metric."""

    def __init__(self, *stores: Store) -> None:
        """Read every record once; outcomes are read when `traces` first needs them.

        Raises:
            UsageError: the runs cannot stand in one table.
        """
        self.runs = Runs(stores)
        self.experiment, self.facts, self.index = self.runs.experiment, self.runs.facts, self.runs.index()

    @property
    def teachers(self) -> list[str]:
        """In the order in which they were asked for."""
        return [str(name) for name in self.experiment["teachers"]]

    @property
    def methods(self) -> list[str]:
        """Controls first, then in the order in which they were asked for."""
        return [str(name) for name in dict.fromkeys((*self.experiment["controls"], *self.experiment["methods"]))]

    @property
    def attacks(self) -> list[str]:
        """In the order in which they were asked for, without the worst case."""
        return [str(name) for name in self.experiment["attacks"]]

    @property
    def leading(self) -> list[str]:
        """Those that wide tables show before the worst case: the first few, since more would hide everything else."""
        return self.attacks[:LEADING]

    @property
    def union(self) -> str:
        """What the worst case is, as a sentence."""
        if len(self.attacks) <= LEADING:
            return "Worst case: the union of all attacks."
        return f"Worst case: the union of all {len(self.attacks)} attacks; the first {LEADING} have columns here."

    @property
    def seeds(self) -> list[int]:
        """In the order in which they were asked for."""
        return [int(seed) for seed in self.experiment["seeds"]]

    def rows(self) -> list[Row]:
        """Every teacher with every method of its run."""
        return self.runs.rows

    def seeded(self, row: Row, metric: str, attack: str = "") -> list[Record]:
        """Return the records of one number, one per finished seed, in the order of the seeds."""
        found = self.index.get((*row, attack, metric), {})
        return [found[seed] for seed in self.seeds if seed in found]

    def number(self, row: Row, column: Column, attack: str = "") -> Number:
        """Return the mean over the finished seeds with its interval."""
        records = self.seeded(row, column.metric, attack)
        if not records:
            return Number(None)
        value, low, high = over_seeds([record.value for record in records], [_interval(r) for r in records])
        least, most = (0.0, 100.0) if records[0].unit == "%" else column.ends
        if math.isfinite(low):
            low, high = max(least, low), min(most, high)
        sources = tuple(dict.fromkeys(record.source for record in records if record.source))
        n = tuple(record.n for record in records)
        return replace(counted(value, column.digits), low=low, high=high, n=n, sources=sources)

    @cached_property
    def traces(self) -> dict[tuple[Row, str], dict[int, Trace]]:
        """What is kept of each attack on each student, by finished seed whose outcomes are all there."""
        return {(row, attack): dict(self._traced(row, attack)) for row in self.rows() for attack in self.attacks}

    def _traced(self, row: Row, attack: str) -> Iterator[tuple[int, Trace]]:
        for record in self.seeded(row, "asr", attack):
            found = trace(self.runs.outcomes(Cell(*row, record.seed, attack, "attack")))
            if found.attacked == record.n:
                yield record.seed, found

    def right(self, row: Row, attack: str = "") -> dict[int, Mapping[str, bool]]:
        """Return which samples a student classifies correctly under an attack, or unchanged, by seed and sample.

        Under the worst case a sample must stand every attack. Seeds whose samples are not all there are left out.
        """
        if attack == WORST_CASE:
            return self._right_under_all(row)
        if attack:
            return {seed: found.right for seed, found in self.traces[row, attack].items()}
        cells = {record.seed: Cell(*row, record.seed) for record in self.seeded(row, "accuracy")}
        found = {seed: self.runs.predictions(cell) for seed, cell in cells.items()}
        return {s: dict(zip(p.sample_ids, p.right, strict=True)) for s, p in found.items() if p is not None}

    def _right_under_all(self, row: Row) -> dict[int, Mapping[str, bool]]:
        parts = [self.right(row, attack) for attack in self.attacks]
        seeds = [seed for seed in self.seeds if parts and all(seed in part for part in parts)]
        return {
            seed: {
                sample: all(part[seed][sample] for part in parts)
                for sample in parts[0][seed]
                if all(sample in part[seed] for part in parts)
            }
            for seed in seeds
        }

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
        source = str(self.facts.get("source") or "source unknown")
        sentences = [f"Task {self.experiment['task']} ({source}), {_sizes(self._sizes('accuracy'))} test programs."]
        sentences += dict.fromkeys(line for store in self.runs.stores for line in self._made(store))
        if self.facts.get("synthetic"):
            sentences.insert(0, "Synthetic data: the numbers are about the machinery, never about the methods.")
        if self.experiment.get("objective") == "latency":
            sentences.append("Architectures were searched for low latency, as calibrated in this run, not for FLOPs.")
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
            sentences.append(f"Substitutes for names: {unlocated(str(substitutes))}.")
        if checks := str(self.facts.get("checks") or ""):
            sentences.append(f"{checks.rstrip('.')}.")
        return " ".join(sentences)

    def counts(self, split: str) -> list[int]:
        """Return the sizes of a split in the runs, smallest first, as far as their manifests say."""
        counts = [store.manifest.facts.get("counts") for store in self.runs.stores]
        found = {one.get(split) for one in counts if isinstance(one, dict)}
        return sorted(size for size in found if isinstance(size, int))

    def _made(self, store: Store) -> Iterator[str]:
        """Say where the models of one run come from."""
        asked = store.manifest.experiment
        seeds = ", ".join(map(str, asked["seeds"]))
        names = self._described([str(name) for name in asked["teachers"]])
        if asked.get("model"):
            yield f"Finished model {', '.join(names)}, not trained here; seeds {seeds}."
            return
        yield f"Preset {asked['preset']['name']}: students of at most {asked['preset']['size_mb']:g} MB; seeds {seeds}."
        yield from (f"Teacher {name}." for name in names)

    def _described(self, teachers: Sequence[str]) -> Iterator[str]:
        described = self.facts.get("teachers")
        for name in teachers:
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


def unlocated(text: str) -> str:
    """Return "kind:place" or a place, of a directory of this machine only the last part."""
    kind, colon, place = text.rpartition(":")
    return kind + colon + (PurePath(place).name if PurePath(place).is_absolute() else place)


def _sizes(found: list[int]) -> str:
    if not found:
        return "no"
    return f"{found[0]:,}" if len(found) == 1 else f"{found[0]:,} to {found[-1]:,}"
