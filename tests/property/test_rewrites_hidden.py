"""What macros, directives and NaNs do stays, compiled and run: programs whose macros are in a header, out of sight."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from attacks.program import Program
from attacks.rename import Drawn, rename_loci
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from bench.syntax.csource import parse

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not there: nothing can be compiled")
HEAD = """#include <stdio.h>
static unsigned long seen;
static int note(long x) { seen = seen * 31 + (unsigned long)x; return (int)(seen >> 7) & 15; }
#define EACH(v, k) for (int v = 0; v < (k); v++)
#define ALIGNED(k) static
#define COUNT() note(a * 3 + b)
#define TEXT(e) #e
#define T int
"""
"""Macros of a header, which a rewrite does not see."""
TRAPS = [
    """long f(int n, int m, unsigned u, int *p)
{
    int a = n, b = m;
    EACH(i, 3) if (a > 100) return 7;
    EACH(i, 4) if (m + i == 3) return 1; else note(i);
    EACH(i, 2) for (int k = 0; k < 3; k++) note(k + i);
    if (n > 2) EACH(i, 2) while (b > 0) b--; else b = 4;
    if (m) EACH(i, 2) switch (n) { case 1: note(1); break; } else b = 9;
    ALIGNED(16) int calls = 3, more = 1;
    calls++;
    COUNT();
    note(sizeof (p)[a & 3]); note((T)(p)[1] + n);
    note(snprintf(0, 0, "%d" TEXT(a + b), 1));
    if (n > 0) { note(1); }
#ifdef HEADER
#else
    else { note(2); }
#endif
    if (n > 1 && m > 0) { note(3); }
#ifndef HEADER
    else note(4);
#endif
    if (u > 3) if (m) note(5);
#ifndef HEADER
    else note(6);
#endif
#ifndef HEADER
    if (n > 3) { note(7); } else
#endif
    if (m > 4) return a;
    note(8);
#ifndef HEADER
    if (n > 3) { note(7); } else
#endif
    if (m > 2) return a; else note(9);
    return a + b + calls + more;
}
""",
    """long f(int n, int m, unsigned u, int *p)
{
    double x = n / (double)(m & 1), y = m / (double)(n & 1), z = 1.5;
    long w = 0;
    if (x < y) w += 1; else w += 2;
    if (x >= y) { w += 4; }
    if (!(x > y) && x <= z) w += 8;
    z = x + y * 2; z = z - x;
    if (z == z) w += 16; else if (z != x) w += 32;
    for (z = x; z < y && w < 900; z++) w += 3;
    while (y > x && w < 999) { x += 1; w++; }
    do { w += 5; } while (x != y && w < 999);
    w += x < y ? 1 : 2;
    if (z > y) return w; return 3;
}
""",
]
MAIN = """
int main(void)
{
    for (unsigned k = 0; k < sizeof all / sizeof *all; k++) {
        seen = 0;
        for (int t = 0; t < 60; t++) {
            int p[4] = {t, -1, 3, 70000};
            note(all[k](t % 7 - 1, t % 11 - 3, t % 5, p));
        }
        printf("%lu\\n", seen);
    }
}
"""


def variants(code: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what was changed, and the program: every allele alone, then many at once."""
    source, rng = parse(code), np.random.default_rng(0)
    program = Program(source, (*rename_loci(source, Drawn(count=2), rng), *rewrite_loci(source, (*REWRITES, *LAYOUT))))
    alone = [(i, k) for i, locus in enumerate(program.loci) for k in range(1, len(locus.alleles))]
    genotypes = [tuple(k * (i == j) for j in range(len(program.loci))) for i, k in alone]
    for genotype in [*genotypes, *(program.random(rng, share) for share in (0.2, 0.5, 1.0) * 5)]:
        yield program.changes(genotype), program.render(genotype)


@pytest.mark.parametrize("code", TRAPS)
def test_what_macros_directives_and_nans_do_stays(code: str, tmp_path: Path) -> None:
    made = [((), code), *variants(code)]
    texts = [text.replace("long f(", f"static long f{k}(", 1) for k, (_, text) in enumerate(made)]
    names = ", ".join(f"f{k}" for k in range(len(made)))
    calls = f"static long (*const all[])(int, int, unsigned, int *) = {{{names}}};"
    (tmp_path / "all.c").write_text("\n".join([HEAD, *texts, calls, MAIN]))
    subprocess.run(["gcc", "-std=gnu11", "-O0", "-w", "-fwrapv", "all.c", "-o", "all"], cwd=tmp_path, check=True)
    seen = subprocess.run([tmp_path / "all"], capture_output=True, text=True, timeout=600, check=True).stdout.split()
    assert [changes for (changes, _), hash_ in zip(made, seen, strict=True) if hash_ != seen[0]] == []
