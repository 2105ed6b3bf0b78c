"""Any genotype of an embedded function compiles, prints the same, and keeps its label under the sanitizers."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from attacks.program import Program
from attacks.rename import Drawn, rename_loci
from attacks.rewrite import rewrite_loci
from bench.csource import parse

embedded = pytest.importorskip("bench.embedded", reason="the embedded task is not there")
pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not there: nothing can be compiled")
FLAGS = ("-std=c11", "-O0", "-w", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
REPORT = re.compile(r"AddressSanitizer: [\w-]+|LeakSanitizer|runtime error: [a-z]+")


def behaviour(code: str, driver: str, folder: Path) -> tuple[bool, str, str]:
    """Return whether it ended well, what it printed, and what the sanitizers said."""
    source, program = folder / "program.c", folder / "program"
    source.write_text(code + "\n" + driver)
    subprocess.run(["gcc", *FLAGS, source, "-o", program, "-lm"], check=True, capture_output=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=30, check=False)
    report = REPORT.search(done.stderr)
    return done.returncode == 0, done.stdout, report.group(0) if report else ""


def check(count: int, shares: tuple[float, ...], folder: Path) -> None:
    for seed, sample in enumerate(embedded.generate(count, 11)):
        rng = np.random.default_rng(seed)
        source = parse(sample.code)
        program = Program(source, (*rename_loci(source, Drawn(), rng), *rewrite_loci(source)))
        before = behaviour(sample.code, sample.driver, folder)
        assert before[0] == (sample.label == 0)
        for share in shares:
            genotype = program.random(rng, share)
            after = behaviour(program.render(genotype), sample.driver, folder)
            assert after == before, f"{sample.id}: {program.changes(genotype)}"


def test_random_genotypes_behave_the_same(tmp_path: Path) -> None:
    check(6, (1.0,), tmp_path)


@pytest.mark.slow
def test_many_random_genotypes_behave_the_same(tmp_path: Path) -> None:
    check(120, (0.3, 0.7, 1.0), tmp_path)
