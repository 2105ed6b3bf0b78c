"""Real programs: NIST's Juliet 1.3 compiles and does the same after any genotype, whole files at once.

Each case is a C file with a good and a bad function and its own main(); `OMITBAD` or `OMITGOOD` leaves one of them out.
A fixed sample runs with the tests; `MOEKD_FULL=1 pytest -s tests/reference/test_juliet.py` takes 2,500 cases and prints
what it counted. The clock stands still, so that `srand(time(NULL))` is no chance; each case has a second of its own, so
that over all of them both sides of `rand() % 2` are taken.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path

import pytest

from attacks.behaviour import difference
from attacks.compiling import whole
from attacks.gcc import Gcc, Observed, find_gcc
from attacks.program import Program
from attacks.rename import Drawn, rename_loci
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from attacks.verify import verify
from bench.rng import derive, stream
from bench.syntax.csource import parse
from bench.types import Sample

ARCHIVE = Path(__file__).parents[2].parent / "shared" / "data" / "juliet" / "juliet13_c_unix_single_src.tar.zst"
CASES = 2_500 if os.environ.get("MOEKD_FULL") == "1" else 40
SPACES = {0.4: (*REWRITES, *LAYOUT), 1.0: REWRITES}
"""By the share of places that a genotype changes, what may be done there besides renaming."""
LEFT_OUT = {
    "waits for a connection": r"\baccept\(",
    "sleeps": r"\bSLEEP\(",
    "counts through all integers": r"Filename: CWE511_Logic_Time_Bomb__counter",
    "leaves files in /tmp": r"/tmp/fileXXXXXX|tmpnam\(|tempnam\(",
}
"""Cases that are not built, by what is in their file."""
CLOCK = "#include <time.h>\ntime_t __wrap_time(time_t *at) {{ if (at) *at = {0}; return {0}; }}\n"
CHANCE = {"races": r"bad CWE366_", "reads what alloca left unset": r"bad CWE(457|758)_\w*alloca"}
"""Builds that are not compared although two runs may agree, by half and name."""
DIRECTORY = re.compile(r"^[d-][rwx-]{9} ", re.M)

pytestmark = pytest.mark.skipif(
    not ARCHIVE.is_file(), reason=f"needs Juliet in ../{ARCHIVE.relative_to(ARCHIVE.parents[3])}"
)


@dataclass(frozen=True)
class Suite:
    """Juliet, unpacked in part."""

    builds: dict[str, Gcc]
    """How the good and the bad half of a case are built."""
    samples: tuple[Sample, ...]
    left_out: Counter[str]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    gcc = find_gcc()
    if gcc is None or not gcc.sanitizes:
        pytest.skip("needs gcc with working -fsanitize=address,undefined")
    zstandard = pytest.importorskip("zstandard")
    with zstandard.open(ARCHIVE, "rb") as packed, tarfile.open(fileobj=io.BytesIO(packed.read())) as archive:
        support = tmp_path_factory.mktemp("juliet")
        archive.extractall(support, [m for m in archive if m.name.startswith("testcasesupport/")], filter="data")
        samples, left_out = choose(archive)
    folder = support / "testcasesupport"
    # Under the sanitizers, too: a case may hand an object to printStructLine() that is smaller than what is read there.
    subprocess.run(["gcc", *gcc.flags, "-c", "io.c", "std_thread.c"], cwd=folder, check=True)
    flags = (*gcc.flags, "-DINCLUDEMAIN", "-I", str(folder), "-Wl,--wrap=time")
    libraries = (str(folder / "io.o"), str(folder / "std_thread.o"), "-lpthread", "-lm")
    halves = {"good": "-DOMITBAD", "bad": "-DOMITGOOD"}
    builds = {half: replace(gcc, flags=(*flags, omit), libraries=libraries) for half, omit in halves.items()}
    return Suite(builds, samples, left_out)


def choose(archive: tarfile.TarFile) -> tuple[tuple[Sample, ...], Counter[str]]:
    """Take one case of each weakness in turn; say how many cases of those passed on the way are left out, and why."""
    weaknesses: dict[str, list[str]] = defaultdict(list)
    names = [name for name in archive.getnames() if name.endswith(".c") and name.startswith("testcases/")]
    for name in sorted(names, key=lambda name: derive(0, name)):
        weaknesses[name.split("/")[1]].append(name)
    samples: list[Sample] = []
    left_out: Counter[str] = Counter()
    for name in filter(None, chain(*zip_longest(*(weaknesses[each] for each in sorted(weaknesses))))):
        file = archive.extractfile(name)
        assert file is not None
        code = file.read().decode()
        reason = next((why for why, pattern in LEFT_OUT.items() if re.search(pattern, code)), "")
        if reason:
            left_out[reason] += 1
        elif len(samples) < CASES:
            clock = CLOCK.format(1_700_000_000 + derive(1, name) % 1_000)
            samples.append(Sample(Path(name).stem, code, 0, driver=clock))
        else:
            break
    return tuple(samples), left_out


def attempt(suite: Suite, sample: Sample) -> tuple[Counter[str], list[str]]:
    """Try genotypes of one case in both builds; return what is to be counted, and what went wrong."""
    counts, wrong = Counter(cases=1), []
    variants = list(genotypes(sample))
    counts["rewritten places"] = sum(len(changes) for _, changes in variants)
    wrong += [f"{sample.id}: static: {why}" for text, _ in variants if (why := verify(sample.code, text))]
    for half, gcc in suite.builds.items():
        before = gcc.observe(whole(sample, sample.code))
        aside = set_aside(before, f"{half} {sample.id}")
        counts[f"{half} builds"] += 1
        endless = all(run.stopped for run in before.runs)
        counts[f"{half} builds, {aside or ('compared up to a limit' if endless else 'compared')}"] += 1
        for text, changes in variants:
            after = gcc.observe(whole(sample, text))
            counts["genotypes built"] += 1
            counts["genotypes compared"] += not aside
            why = after.fault or ("" if aside else difference(before, after))
            wrong += [f"{half} {sample.id}: {why}: {changes}"] if why else []
    return counts, wrong


def genotypes(sample: Sample) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield programs over all loci of the file, with what was changed."""
    source = parse(sample.code)
    for share, rewrites in SPACES.items():
        rng = stream(0, "juliet", sample.id, share)
        program = Program(source, (*rename_loci(source, Drawn(), rng), *rewrite_loci(source, rewrites)))
        genotype = program.random(rng, share)
        yield program.render(genotype), program.changes(genotype)


def set_aside(before: Observed, name: str) -> str:
    """Return why what a build does is not compared, only whether it compiles; "" where it is compared."""
    assert before.fault == "", f"{name} does not compile"
    if before.runs[0] != before.runs[1] and not all(run.stopped for run in before.runs):
        return "two runs differ"
    if DIRECTORY.search(before.runs[0].output):
        return "shows the times of a directory"
    return next((why for why, pattern in CHANCE.items() if re.match(pattern, name)), "")


@pytest.mark.slow
def test_any_genotype_compiles_and_does_the_same(suite: Suite) -> None:
    with ThreadPoolExecutor(2) as workers:
        counts, wrong = zip(*workers.map(partial(attempt, suite), suite.samples), strict=True)
    for each, count in sorted((sum(counts, Counter()) + suite.left_out).items()):
        print(f"{count:7,} {each}")
    found = [line for lines in wrong for line in lines]
    print(*found, sep="\n")
    assert len(suite.samples) == CASES
    assert found == []
