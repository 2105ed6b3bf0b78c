"""The real Devign: counts, checksum, ids; the same samples from every format and from the hub; what may be attacked.

A sample of the test functions is attacked at random with the tests; `MOEKD_FULL=1 pytest -s -k loci
tests/reference/test_devign.py` takes all 2,732, 20 genotypes each (15 minutes of one core), and prints its counts.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import mean, median

import pytest

from attacks.program import Locus, Program
from attacks.rebuild import is_rebuilt
from attacks.rename import Drawn, rename_loci
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from attacks.verify import verify
from bench.rng import stream
from bench.syntax.csource import parse
from bench.tasks.data import DEVIGN, Limits, checksum, load
from bench.tasks.rows import Row, read_split
from bench.types import Sample, Splits, UsageError

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "devign"
NAMES = ("train", "valid", "test")
Rows = dict[str, list[Row]]
FUNCTIONS, GENOTYPES = (2_732, 20) if os.environ.get("MOEKD_FULL") == "1" else (40, 5)
SHARES = (0.1, 0.3, 0.6, 1.0)
"""Of the places, how many a random genotype changes, in turn."""

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"needs Devign's rows in ../{FOLDER.relative_to(FOLDER.parents[2])}"
)


@pytest.fixture(scope="module")
def rows() -> Rows:
    return {name: read_split(FOLDER, name) for name in NAMES}


@pytest.fixture(scope="module")
def devign() -> Splits:
    return load("devign", str(FOLDER))


def test_counts_balance_and_checksum(rows: Rows) -> None:
    assert tuple(len(rows[name]) for name in NAMES) == DEVIGN.counts == (21_854, 2_732, 2_732)
    assert checksum(*rows.values()) == DEVIGN.sha256
    assert sum(row.target for part in rows.values() for row in part) == 12_460
    assert {row.project for part in rows.values() for row in part} == {"FFmpeg", "qemu"}


def test_the_halves_are_those_that_are_published(devign: Splits) -> None:
    assert (len(devign.labelled), len(devign.unlabelled)) == (10_927, 10_927)
    assert (len(devign.valid), len(devign.test)) == (2_732, 2_732)
    assert devign.sha256 == DEVIGN.sha256
    assert not devign.synthetic
    assert [sample.id for sample in devign.labelled[:3]] == [f"devign/train/{row}" for row in (4855, 10684, 10329)]
    assert [sample.id for sample in devign.test[:2]] == ["devign/test/0", "devign/test/1"]


def test_programs_are_byte_for_byte_as_published(devign: Splits, rows: Rows) -> None:
    assert [(s.code, s.label) for s in devign.test] == [(row.func, row.target) for row in rows["test"]]
    for sample in devign.labelled[:200]:
        row = rows["train"][int(sample.id.rpartition("/")[2])]
        assert (sample.code, sample.label) == (row.func, row.target)


def test_limits_cut_the_same_samples(devign: Splits) -> None:
    few = load("devign", str(FOLDER), Limits(400, 100, 50))
    assert few.labelled == devign.labelled[:400]
    assert few.unlabelled == devign.unlabelled[:400]
    assert few.test == devign.test[:50]


def write(rows: Sequence[Row], path: Path) -> None:
    """Write rows in the format of the file name."""
    plain = [asdict(row) for row in rows]
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(plain), path)
        return
    text = "".join(json.dumps(row, ensure_ascii=path.suffix == ".gz") + "\n" for row in plain).encode()
    path.write_bytes(gzip.compress(text, 1) if path.suffix == ".gz" else text)


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
def test_every_format_gives_the_same_splits(rows: Rows, devign: Splits, tmp_path: Path, suffix: str) -> None:
    for name in NAMES:
        write(rows[name], tmp_path / f"{name}{suffix}")
    assert load("devign", str(tmp_path)) == devign


def test_the_hub_gives_the_same_splits(rows: Rows, devign: Splits, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    hub = {
        hub_name: [
            {"id": i, "func": row.func, "target": bool(row.target), "project": row.project, "commit_id": "0"}
            for i, row in enumerate(rows[name])
        ]
        for hub_name, name in (("train", "train"), ("validation", "valid"), ("test", "test"))
    }
    asked: list[tuple[str, str]] = []

    def load_dataset(hub_id: str, revision: str) -> object:
        asked.append((hub_id, revision))
        return hub

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert load("devign") == devign
    assert asked == [("google/code_x_glue_cc_defect_detection", DEVIGN.revision)]
    hub["test"][7]["target"] = not hub["test"][7]["target"]
    with pytest.raises(UsageError, match="SHA-256"):
        load("devign")


@dataclass
class Census:
    """What functions offer to attacks, and what random genotypes of them did wrong."""

    loci: dict[str, list[int]] = field(default_factory=dict)
    """By family, the number of loci of each function."""
    alleles: dict[str, list[int]] = field(default_factory=dict)
    """By family, the number of alleles of each function, originals not counted."""
    offering: Counter[str] = field(default_factory=Counter)
    """By rewrite, in how many functions it applies."""
    programs: int = 0
    refused: list[str] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        """Count the loci of a function, render random genotypes of all families at once, and verify them."""
        source, rng = parse(sample.code), stream(0, "census", sample.id)
        names = rename_loci(source, Drawn(), rng)
        families = {"rename": names, "rewrite": rewrite_loci(source), "layout": rewrite_loci(source, LAYOUT)}
        for family, loci in families.items():
            self._count(family, loci)
        program = Program(source, (*names, *rewrite_loci(source, (*REWRITES, *LAYOUT))))
        for k in range(GENOTYPES):
            genotype = program.random(rng, SHARES[k % len(SHARES)])
            self.programs += 1
            text, changes = program.render(genotype), program.changes(genotype)
            if reason := verify(sample.code, text) or ("" if is_rebuilt(source, text, changes) else "not rebuilt"):
                self.refused.append(f"{sample.id}: {reason}: {changes}")

    def _count(self, family: str, loci: Sequence[Locus]) -> None:
        self.loci.setdefault(family, []).append(len(loci))
        self.alleles.setdefault(family, []).append(sum(len(locus.alleles) - 1 for locus in loci))
        if family != "rename":
            self.offering.update({allele for locus in loci for allele in locus.alleles[1:]})

    def table(self) -> Iterable[str]:
        """Say what was counted."""
        yield f"{self.programs} programs, {len(self.refused)} refused"
        for family, loci in self.loci.items():
            some, alleles = sum(map(bool, loci)) / len(loci), self.alleles[family]
            sizes = (mean(loci), median(loci), mean(alleles), median(alleles))
            yield "{:8}in {:.1%} of functions; loci {:.1f} (median {:g}), alleles {:.1f} ({:g})".format(
                family, some, *sizes
            )
        yield from (f"{name:22} {count:5}" for name, count in self.offering.most_common())


def test_random_genotypes_of_all_loci_parse_no_worse_and_keep_their_external_names(devign: Splits) -> None:
    census = Census()
    for sample in devign.test[:FUNCTIONS]:
        census.add(sample)
    print("", *census.table(), sep="\n")
    assert census.refused == []
    assert all(sum(map(bool, loci)) >= 0.8 * len(loci) for loci in census.loci.values())
    assert {rewrite.name for rewrite in (*REWRITES, *LAYOUT)} >= set(census.offering)
