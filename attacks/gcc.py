"""What gcc and its sanitizers say about a complete C file: does it compile, and what does the program do.

One call of gcc answers both. AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer watch the program, so that
"vulnerable" stays a fact that can be tested after an attack. Whatever changes from build to build is kept out of the
answer: addresses, lines, numbers and types in reports. What undefined behaviour would let loose is tied down where
that can be done: fresh locals hold a fixed pattern, lines appear as soon as they are printed, leaks do not hide.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from attacks.confinement import guard
from attacks.sandbox import COMPILER, PROGRAM, STOPPED, run

SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
SETTLE = ("-ftrivial-auto-var-init=pattern", "-fuse-ld=gold")
"""From gcc 12 on: reading an unset local gives the same garbage in every build. And a linker twice as fast."""
WATCH = """
#include <stdio.h>
__attribute__((constructor)) static void show_lines_at_once(void) { setvbuf(stdout, 0, _IOLBF, 0); }
"""
"""Stands behind every program: a sanitizer ends it without printing what waits in the buffer."""
LEAKS = "use_stacks=0:use_registers=0"
"""A pointer that lies about where main() was would hide a leak, in one build and not in the next."""
OUTSIDE = "out of bounds"
CLEAN = "int main(void) { return 0; }"
FLAWED = "#include <stdlib.h>\nint main(int n, char **v) { char *p = malloc(n); n = p[n]; free(p); return n; }"
KNOWN = 256
"""Programs whose observation is remembered: an original is asked for again by every attack on it."""

_OUTSIDE = re.compile(
    r"\S*-buffer-(over|under)flow|stack-use-after-\w+|\w+-param-overlap|index out of bounds|.* insufficient space.*"
)
_REPORT = re.compile(r"AddressSanitizer: ((?:attempting )?[\w-]+)|(LeakSanitizer)|runtime error: (.+)")
_DETAIL = re.compile(r"[:,]| (?:of|for) [\w-]*\s?type")
_VARYING = re.compile(r"'[^']*'|0x[0-9a-f]+|-?\d+(\.\d+)?(e[+-]?\d+)?")
_ERROR = re.compile(r"error: (.+)|(undefined reference .+)|(multiple definition .+)")


@dataclass(frozen=True)
class Behaviour:
    """What one run of a program showed."""

    report: str
    """Kind of the first sanitizer report, such as "out of bounds" or "division by zero"; "" if there is none."""
    exit: int
    """Exit code, or minus the signal that ended it."""
    output: str
    """Standard output."""

    @property
    def stopped(self) -> bool:
        """Whether a limit on time, processor time or output ended it, and not the program itself."""
        return self.exit in STOPPED


@dataclass(frozen=True)
class Observed:
    """What is known about a file that was compiled and run."""

    fault: str
    """Why it does not compile, "" where it does."""
    runs: tuple[Behaviour, ...] = ()
    """Two runs, so that what is left to chance can be told apart; none without sanitizers, which bound the memory."""


@dataclass(frozen=True)
class Gcc:
    """A C compiler on this machine, and how it is called."""

    path: str
    version: str
    flags: tuple[str, ...] = ("-O0", "-w")
    libraries: tuple[str, ...] = ("-lm",)
    sanitizes: bool = False
    leaks: bool = True
    """Whether leaks are looked for; LeakSanitizer fails where a debugger or a container holds ptrace."""
    confines: bool = False
    """Whether programs are kept from networks, other processes and changes to files (confinement.py)."""

    def fault(self, text: str) -> str:
        """Return why a file does not compile; "" where it does."""
        return self.observe(text).fault

    def observe(self, text: str) -> Observed:
        """Compile a file and run it twice; remembered."""
        return _observe(self, text, ("",))[0]

    def observe_each(self, text: str, count: int) -> tuple[Observed, ...]:
        """Compile a file and run it twice with each argument from 1 to `count`; remembered."""
        return _observe(self, text, tuple(str(k) for k in range(1, count + 1)))

    @property
    def environment(self) -> dict[str, str]:
        """All that a program finds in its environment."""
        options = f"detect_leaks={int(self.leaks)}:symbolize=0:hard_rss_limit_mb=1024:allocator_may_return_null=1"
        return {"ASAN_OPTIONS": options, "LSAN_OPTIONS": LEAKS} if self.sanitizes else {}


@lru_cache(maxsize=KNOWN)
def _observe(gcc: Gcc, text: str, arguments: tuple[str, ...]) -> tuple[Observed, ...]:
    with tempfile.TemporaryDirectory(prefix="moekd-") as name:
        folder = Path(name)
        (folder / "program.c").write_text(text + WATCH, encoding="utf-8")
        (folder / "here").mkdir()
        environment = {"PATH": os.environ.get("PATH", os.defpath), "TMPDIR": name, "LC_ALL": "C"}
        parts = (guard(gcc.path), "program.c") if gcc.confines else ("program.c",)
        command = (gcc.path, *gcc.flags, *parts, "-o", "program", *gcc.libraries)
        built = run(command, folder, environment, COMPILER)
        if built.code or not gcc.sanitizes:
            return (Observed(complaint(built.errors, built.code) if built.code else ""),) * len(arguments)
        return tuple(Observed("", (_run(gcc, folder, given), _run(gcc, folder, given))) for given in arguments)


def _run(gcc: Gcc, folder: Path, argument: str) -> Behaviour:
    ended = run(("../program", *argument.split()), folder / "here", gcc.environment, PROGRAM)
    return Behaviour(_kind(ended.errors), ended.code, ended.output)


def _kind(errors: str) -> str:
    """Return what a sanitizer reports, without all that changes when code is written otherwise.

    Which sanitizer sees an access outside of its object first, and what lies there, changes with `a[i]` for `*(a + i)`
    and with every local that is added: that is one kind.
    """
    found = _REPORT.search(errors)
    if found is None:
        return ""
    memory, leak, undefined = found.groups()
    kind = memory or leak or " ".join(_VARYING.sub("", _DETAIL.split(undefined)[0]).split())
    return OUTSIDE if _OUTSIDE.fullmatch(kind) else kind


def complaint(errors: str, code: int) -> str:
    """Return the first error of a compiler in a few words."""
    found = _ERROR.search(errors)
    return next(filter(None, found.groups()))[:60] if found else f"the compiler ended with {code}"


@lru_cache(maxsize=1)
def find_gcc() -> Gcc | None:
    """Return the gcc of this machine with as much as works: sanitizers, leaks, settled locals; None without gcc."""
    path = shutil.which("gcc")
    if path is None:
        return None
    plain = Gcc(path, run((path, "-dumpfullversion"), None, None).output.strip())
    for extra in (SETTLE, SETTLE[:1], ()):
        for leaks in (True, False):
            gcc = replace(plain, flags=(*plain.flags, *SANITIZE, *extra), sanitizes=True, leaks=leaks)
            if _works(gcc):
                confined = replace(gcc, confines=bool(guard(path)))
                return confined if _works(confined) else gcc
    return plain if not plain.fault(CLEAN) else None


def _works(gcc: Gcc) -> bool:
    """Whether a clean program passes and a flaw is reported."""
    clean, flawed = gcc.observe(CLEAN), gcc.observe(FLAWED)
    return clean.runs[:1] == (Behaviour("", 0, ""),) and any(run.report == OUTSIDE for run in flawed.runs)
