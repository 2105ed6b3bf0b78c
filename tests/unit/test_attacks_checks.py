"""The checks that compile and run: what they refuse, what they let pass, what a program cannot do to them."""

from __future__ import annotations

import pickle
import resource
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from attacks import sandbox
from attacks.behaviour import Behaves, difference
from attacks.checks import CHECKS, Static, checks, in_words
from attacks.compiling import Command, Compiles, read_command, whole
from attacks.gcc import OUTSIDE, Behaviour, Gcc, Observed, find_gcc
from bench.types import Sample, UsageError

DRIVER = '#include <stdio.h>\nint main(void) { printf("%d\\n", f(3)); printf("%d\\n", f(8)); return 0; }'
CODE = "int f(int k) { int list[8] = {0}; if (k < 8) list[k] = 5; return list[k & 7]; }"
FLAWED = CODE.replace("k < 8", "k <= 8")
CLEAN = Sample("t/0", CODE, 0, driver=DRIVER)
VULNERABLE = Sample("t/1", FLAWED, 1, driver=DRIVER)
ALONE = Sample("t/2", "int f(void) { return g(); }", 0)

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not there: nothing can be compiled")


@pytest.fixture(scope="module")
def gcc() -> Gcc:
    found = find_gcc()
    if found is None or not found.sanitizes:
        pytest.skip("needs gcc with working -fsanitize=address,undefined")
    return found


@pytest.fixture
def behaves(gcc: Gcc) -> Behaves:
    return Behaves(gcc)


def main(body: str, before: str = "") -> Sample:
    """Return a sample whose program is all in its main()."""
    return Sample(
        "t/3", f"#include <stdio.h>\n#include <stdlib.h>\n{before}\nint main(void) {{ {body} }}", 0, driver=" "
    )


def changed(sample: Sample, old: str, new: str) -> str:
    assert old in sample.code
    return sample.code.replace(old, new)


def test_what_means_the_same_passes(behaves: Behaves) -> None:
    for sample in (CLEAN, VULNERABLE):
        program = changed(sample, "return list[k & 7];", "\n\nif (0) { char spare[8]; }\nreturn (list[7 & k]);")
        program = program.replace("list", "table")
        assert Compiles(behaves.gcc).refuse(sample, program) == ""
        assert behaves.refuse(sample, program) == ""


@pytest.mark.parametrize(
    ("sample", "program", "reason"),
    [
        (CLEAN, CODE.replace("= 5", "= 6"), "printed '6"),
        (CLEAN, FLAWED, "reported 'out of bounds', before ''"),
        (VULNERABLE, CODE, "reported '', before 'out of bounds'"),
        (VULNERABLE, FLAWED.replace("= 5", "= 6"), "printed '6"),
        (CLEAN, CODE.replace("list[k] = 5", "abort()"), "ended with"),
        (CLEAN, "#include <stdlib.h>\n" + CODE.replace("if", "if (malloc(k) && k < 0) abort(); if"), "LeakSanitizer"),
        (CLEAN, CODE.replace("list[k] = 5", "last[k] = 5"), "does not compile: 'last' undeclared"),
    ],
)
def test_what_behaves_otherwise_is_refused(behaves: Behaves, sample: Sample, program: str, reason: str) -> None:
    assert reason in behaves.refuse(sample, program)


def test_kinds_of_reports_are_told_apart_and_places_are_not(behaves: Behaves) -> None:
    heap = main("char *p = malloc(4); p[getchar() + 5] = 1; free(p); return 0;")
    assert behaves.refuse(heap, "\n\n" + changed(heap, "malloc(4)", "malloc(3)")) == ""
    assert "heap-use-after-free" in behaves.refuse(heap, changed(heap, "p[", "free(p); p[0 & "))
    assert behaves.gcc.observe(whole(heap, heap.code)).runs[0].report == OUTSIDE


def test_any_access_outside_of_an_object_is_one_kind(behaves: Behaves) -> None:
    below = main("int k = getchar(); char list[4] = {0}; char *p = list + k; return *p;")
    assert behaves.gcc.observe(whole(below, below.code)).runs[0].report == OUTSIDE
    for other in ("list + 3 - k", "&list[-k * 4]", "malloc(4) + k"):
        assert behaves.refuse(below, changed(below, "list + k", other)) == ""
    assert (
        behaves.refuse(below, changed(below, "list + k", "0"))
        == "reported 'load of null pointer', before 'out of bounds'"
    )


def test_a_leak_does_not_hide_behind_a_stale_pointer(behaves: Behaves) -> None:
    if not behaves.gcc.leaks:
        pytest.skip("needs LeakSanitizer")
    leak = main("char *p = malloc(4); if (p) exit(0); return 0;")
    assert behaves.gcc.observe(whole(leak, leak.code)).runs[0].report == "LeakSanitizer"


def test_an_original_that_does_not_compile_says_nothing(behaves: Behaves) -> None:
    broken = Sample("t/4", "int f(int k) { return unknown_name; }", 0, driver=DRIVER)
    for check in (Compiles(behaves.gcc), behaves):
        assert check.refuse(broken, "int f(int k) { return other_name; }") == ""


def test_a_program_without_a_driver_is_left_alone(behaves: Behaves) -> None:
    for check in (Compiles(behaves.gcc), behaves):
        assert check.refuse(ALONE, "no C at all {{{") == ""


def test_what_is_left_to_chance_is_not_compared(behaves: Behaves) -> None:
    chance = main('int k; printf("%p\\n", (void *)&k); return 3;')
    random = changed(chance, "return 3", 'printf("again\\n"); return 3')
    runs = behaves.gcc.observe(whole(chance, chance.code)).runs
    assert runs[0].output != runs[1].output
    assert behaves.refuse(chance, random) == ""
    assert "ended with" in behaves.refuse(chance, changed(chance, "return 3", "abort()"))


def test_unset_locals_hold_the_same_garbage_in_every_build(behaves: Behaves) -> None:
    if "-ftrivial-auto-var-init=pattern" not in behaves.gcc.flags:
        pytest.skip("needs gcc 12")
    unset = main('int k; printf("%d\\n", k); return 0;')
    assert behaves.refuse(unset, changed(unset, "int k;", "{ char spare[8]; spare[0] = 0; } int k;")) == ""


def test_a_program_that_does_not_end_is_refused(behaves: Behaves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attacks.gcc.PROGRAM", {**sandbox.PROGRAM, resource.RLIMIT_CPU: 1})
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 1)
    sample = main('volatile int k = 0; printf("here\\n"); return k;', "unsigned sleep(unsigned);")
    assert "ended with" in behaves.refuse(sample, changed(sample, "return k", "for (;;) k = 1; return k"))
    assert "ended with" in behaves.refuse(sample, changed(sample, "return k", "sleep(100); return k"))
    assert "ended with" in behaves.refuse(sample, changed(sample, "return k", 'for (;;) puts("flood"); return k'))


def test_a_program_that_never_ends_is_compared_as_far_as_it_came(
    behaves: Behaves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attacks.gcc.PROGRAM", {**sandbox.PROGRAM, resource.RLIMIT_CPU: 1})
    endless = main('volatile int k = 1; while (k) puts("Hello"); return 0;')
    assert all(run.stopped for run in behaves.gcc.observe(whole(endless, endless.code)).runs)
    assert behaves.refuse(endless, changed(endless, "while (k) puts", "for (; 0 != k;) puts")) == ""
    assert "something else" in behaves.refuse(endless, changed(endless, "Hello", "Hallo"))
    assert "only by a limit" in behaves.refuse(endless, changed(endless, "while (k)", "if (k)"))


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ((-9, "a\nb\nc"), (-24, "a\nb"), ""),
        ((-25, "a\nb"), (-9, "a\nb\nc"), ""),
        ((-25, "a\N{REPLACEMENT CHARACTER}"), (-25, "a\u00e9b"), ""),
        ((-9, "a\nb"), (-9, "a\nc"), "printed something else before a limit ended it"),
        ((-9, "a\nb"), (0, "a\nb"), "ended with 0, before only by a limit"),
        ((0, "a\nb"), (-9, "a\n"), "ended with -9, before 0"),
    ],
)
def test_how_far_a_program_comes_before_a_limit_is_chance(
    before: tuple[int, str], after: tuple[int, str], reason: str
) -> None:
    old, new = (Observed("", (Behaviour("", *run), Behaviour("", *run))) for run in (before, after))
    assert difference(old, new) == reason


def test_a_program_finds_nothing_and_leaves_nothing(behaves: Behaves) -> None:
    sample = main(
        'int all = 0; for (char **e = environ; *e; e++) all++; printf("%d %d\\n", all, getchar());'
        'FILE *file = fopen("left", "wx"); if (file) { fputs("x", file); fclose(file); }'
        "if (fork() == 0) { sleep(300); } return 0;",
        "#include <unistd.h>\nextern char **environ;",
    )
    started = time.monotonic()
    runs = behaves.gcc.observe(whole(sample, sample.code)).runs
    assert time.monotonic() - started < 30
    assert runs[0].output == "2 -1\n"
    assert not Path("left").exists()


def test_without_sanitizers_nothing_is_run(gcc: Gcc) -> None:
    plain = Gcc(gcc.path, gcc.version)
    assert plain.observe(whole(CLEAN, CODE)) == Observed("", ())
    assert plain.fault("int main(void) { return k; }").startswith("'k' undeclared")


def test_a_program_that_cannot_be_run_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "program").write_text("no program")
    assert sandbox.run(("./program",), tmp_path, {}).code == sandbox.CANNOT_RUN


def script(text: str) -> str:
    """Return a compile command that runs some Python; `source` is the file's text."""
    prelude = "import sys; source = open(sys.argv[1]).read(); "
    return f"{shlex.quote(sys.executable)} -c {shlex.quote(prelude + text)} {{file}}"


def test_a_user_s_command_compiles_programs_without_driver() -> None:
    check = Compiles(read_command(script("sys.exit('error: too bad' if 'bad' in source else 0)")), needs_driver=False)
    assert check.refuse(ALONE, "int bad;") == "does not compile: too bad"
    assert check.refuse(ALONE, "int good;") == ""
    assert check.refuse(Sample("t/5", "int bad;", 0), "int bad2;") == ""


def test_a_user_s_command_sees_the_driver_no_shell_and_is_asked_once(tmp_path: Path) -> None:
    log = tmp_path / "log; touch here"
    check = Compiles(read_command(script(f"open({str(log)!r}, 'a').write(source + '|'); sys.exit('main' in source)")))
    for program in ("int p;", "int q;"):
        assert check.refuse(CLEAN, program) == ""
    assert log.read_text().split("|") == [whole(CLEAN, each) for each in ("int p;", CODE, "int q;")] + [""]
    assert list(tmp_path.iterdir()) == [log]


@pytest.mark.parametrize("command", ["", "gcc -c", "gcc 'unclosed {file}", "no-such-compiler {file}", "{file}"])
def test_a_compile_command_that_cannot_run_is_a_user_s_mistake(command: str) -> None:
    with pytest.raises(UsageError, match=r"expected .* got .*: "):
        checks(command)


@needs_gcc
def test_all_checks_in_order_and_in_words() -> None:
    found = checks()
    assert [check.name for check in found][:2] == ["static", "compiles"]
    assert pickle.loads(pickle.dumps(found)) == found
    assert in_words(found).startswith("static; compiles with gcc 1")
    command = checks("gcc -fsyntax-only -I include {file}")
    assert command[1] == Compiles(Command(("gcc", "-fsyntax-only", "-I", "include", "{file}")), needs_driver=False)
    assert "`gcc -fsyntax-only -I include '{file}'`" in in_words(command)


@pytest.fixture
def no_gcc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    find_gcc.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    yield
    find_gcc.cache_clear()


@pytest.mark.usefixtures("no_gcc")
def test_without_gcc_only_what_can_be_seen_is_checked() -> None:
    assert checks() == tuple(CHECKS) == (Static(),)
    assert in_words(checks()) == "static; not run: no gcc with working sanitizers"
