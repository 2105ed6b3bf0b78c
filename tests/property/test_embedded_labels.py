"""The labels of `embedded` are facts: the sanitizers report every vulnerable program, and no repaired one.

Compiles and runs real programs, two at a time; needs gcc with AddressSanitizer, LeakSanitizer and UBSan.
"""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from bench.tasks.embedded import FAMILIES, generate
from bench.types import Sample

GCC = ("gcc", "-std=c11", "-Wall", "-Werror")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O0")
ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=1", "PATH": os.environ.get("PATH", "")}
BLOCK = 2 * len(FAMILIES)
"""As many samples hold every family, vulnerable and repaired."""


def _sanitizers_work(folder: Path) -> bool:
    """Whether gcc is here and a clean program passes under its sanitizers (the leak check fails under ptrace)."""
    if shutil.which("gcc") is None:
        return False
    program = str(folder / "probe")
    build = [*GCC, *SANITIZE, "-x", "c", "-", "-o", program]
    built = subprocess.run(build, input="int main(void) { return 0; }", capture_output=True, text=True, check=False)
    return built.returncode == 0 and subprocess.run([program], env=ENVIRONMENT, check=False).returncode == 0


@pytest.fixture(scope="module", autouse=True)
def _need_sanitizers(tmp_path_factory: pytest.TempPathFactory) -> None:
    if not _sanitizers_work(tmp_path_factory.mktemp("probe")):
        pytest.skip("needs gcc with working -fsanitize=address,undefined and leak check")


def _compile(sample: Sample, folder: Path, *flags: str) -> Path:
    """Compile code and driver; any warning fails the test."""
    source, program = folder / f"{sample.id.replace('/', '-')}.c", folder / sample.id.replace("/", "-")
    source.write_text(sample.code + "\n" + sample.driver)
    command = [*GCC, *flags, str(source), "-o", str(program)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert built.returncode == 0, f"{sample.id} does not compile:\n{built.stderr}\n{sample.code}"
    return program


def _verdict(folder: Path, sample: Sample) -> str:
    """Return what is wrong with the label of this sample, empty if nothing is."""
    program = _compile(sample, folder, *SANITIZE)
    ran = subprocess.run([str(program)], capture_output=True, timeout=20, env=ENVIRONMENT, check=False)
    program.unlink()
    report = ran.stderr.decode(errors="replace")
    caught = ran.returncode != 0 and ("Sanitizer" in report or "runtime error" in report)
    silent = ran.returncode == 0 and not report and ran.stdout != b""
    fine = caught if sample.label else silent
    return "" if fine else f"{sample.id} {sample.project} label {sample.label}: {report}\n{sample.code}"


def _wrong(samples: tuple[Sample, ...], folder: Path) -> list[str]:
    with ThreadPoolExecutor(2) as workers:
        return [verdict for verdict in workers.map(partial(_verdict, folder), samples) if verdict]


def test_each_family_is_caught_and_its_repair_is_clean(tmp_path: Path) -> None:
    samples = generate(BLOCK, 1)
    assert {(sample.project, sample.label) for sample in samples} == {(f.cwe, k) for f in FAMILIES for k in (0, 1)}
    assert _wrong(samples, tmp_path) == []


@pytest.mark.slow
def test_three_hundred_labels_are_facts(tmp_path: Path) -> None:
    assert _wrong(generate(300, 2026), tmp_path) == []


@pytest.mark.slow
def test_an_optimising_compiler_warns_about_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as workers:
        list(workers.map(lambda sample: _compile(sample, tmp_path, "-O1"), generate(150, 5)))


@pytest.mark.slow
def test_a_repaired_program_prints_the_same_every_time(tmp_path: Path) -> None:
    for sample in [each for each in generate(BLOCK, 9) if each.label == 0]:
        program = _compile(sample, tmp_path)
        outputs = {subprocess.run([str(program)], capture_output=True, timeout=20, check=True).stdout for _ in range(2)}
        assert len(outputs) == 1
