"""Every rewrite at every place, and many at once: random C functions do the same before and after, compiled and run.

A program of this generator has no undefined behaviour under -fwrapv, ends, and returns and notes what it computes. One
file holds the original and its variants; its driver calls all of them with the same inputs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from attacks.program import Program
from attacks.rename import Drawn, rename_loci
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from attacks.verify import verify
from bench.syntax.csource import parse

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not there: nothing can be compiled")
HEAD = "#include <stdio.h>\n#include <string.h>\nstatic unsigned long seen;\n"
HEAD += "static int note(long x) { seen = seen * 31 + (unsigned long)x; return (int)(seen >> 7) & 15; }\n"
MAIN = """
typedef long F(int, int, unsigned, int *, const char *);
static F *const all[] = {%s};
int main(void)
{
    for (int t = 0; t < 60; t++) {
        unsigned long first = 0;
        for (unsigned k = 0; k < sizeof all / sizeof *all; k++) {
            int p[16];
            for (int i = 0; i < 16; i++) p[i] = (t * 7 + i * 5) %% 11 - 3;
            seen = 0;
            note(all[k](t %% 7 - 1, (t * 13) %% 11 - 3, t %% 3 ? (unsigned)t : -3u, p, "a8z\\xff" + t %% 2));
            for (int i = 0; i < 16; i++) note(p[i]);
            if (k == 0) first = seen;
            else if (seen != first) return printf("%%u\\n", k), 1;
        }
    }
    return 0;
}
"""


GRAMMAR = {
    "F": """long f(int n, int m, unsigned u, int *p, const char *s)
{
    int a = n, b = 2; long w = u; unsigned char c = m;
    int *q = p + 3;
    <S>
    <S> /* so */
    <S>
    <S>
    <S>
done:
    return a + 3 * b + w + 7 * c;
}
""",
    "V": "a | b | c | w | a | b | p[<K>] | p[(<E>) & 7] | *(q + (<E> & 3)) | q[<N>]",
    "T": "int | unsigned | long int | short | unsigned long | char | unsigned short int",
    "K": "1 | 2 | 3 | 7",
    "N": "2 | 1 + 2 | 2 * 2 | n & 3 | (b & 1)",
    "O": "+ | - | * | & | '|' | ^ | < | <= | == | != | && | '||'",
    "L": "n | m | u | a | b | w | c | (a) | 0 | 1 | 5 | 8 | 12 | 19 | 'a' | 0x1f | 3u | -1 | -2 | p[2] | !b",
    "M": "-1 | u | 3u | n | b | a | w | -3 | c | p[1]",
    "C": """<L> | <E> | n & 1 | m > 0 | u & 2 | m & 1 | a & 1 | b & 2 | <E> & 1 | <L> > <L> | <L> < <L> && <E>
        | <E> && <C> | <L> == <L> '||' <C>""",
    "E": """<L> | <L> | <L> | <E> <O> <E> | (<E>) <O> (<E>) | <E> <O> (<E>) | <L><O>(<E>) | -(<E>) | !(<E>)
        | (<E> << <K>)
        | 3 * 4 | 1 << 5 | 9 + <K> - 2 | (<E> ? <L> : <E>) | (long)(<E>) | (unsigned char)(<E>) | s[(<E>) & 1]
        | p[(<E>) & 7] | p[1 + (<E> & 3)] | *(p + (<E> & 7)) | *(2 + q) | (p + 1)[<K>]
        | <L>/(q[<K>] & 6 '|' 1) | note(<E>)""",
    "A": """<V> = <E>; | <V> <O>= <E>; | a++; | --b; | p[<K>]--; | w -= 1; | a = a * (<E>);
        | <V> = <C> ? <L> : <L>; | w = <C> ? <M> : <M>;
        | note(<E>); | a = <L>; ; b = <E>; | a = 3; w ^= <L>; c++;""",
    "B": "{ <S> } | { <S> <S> } | { <A> } | <A> | { <D> <S> }",
    "D": """<T> x@ = <E>, y@ = <L>; note(x@ - y@); | int x@ = <E>; int *y@ = q; note(*y@ + x@);
        | <T> x@; x@ = <E>; a ^= x@;
        | const <T> x@ = <E>; <T> y@ = x@; b += y@;
        | static const int x@ = 3; int y@; y@ = x@ + 4; int z@ = y@; note(z@);
        | int *x@ = p + <K>, *y@; y@ = x@; w += y@[<K>] + *(x@ + 1); | { long a = <L>; <A> note(a); }""",
    "S": """<A> | <A> | <D> | <I> | <I> | <I> | <I> | <H> | <H> | <R> | { <D> <S> } | <W> | <W> | <W> | <W> <A>""",
    "I": """if (<C>) <B> | if (<C>) <B> else <B> | if (<C>)\n{ <S> }
        | if (<C>) { if (<C>) <B> } | if (<C>) if (<C>) <B> else <B>
        | if ((<C>) && <C>) <B> | if (<C>) if (<C>) <A> | if (<C>) a = <L>; else { a = <L>; }
        | if (<C>) p[1] = 3; else p[1] = n; | if (<C>) w = <M>; else w = <M>;
        | if (<C>) while (a > 90) a >>= 5; else <B> | if (<C>) switch (m) { case 1: <A> } else <B>
        | if (n == 1) <B> else if (2 == n '||' n == -1) <B> | if (m == 0) { <B> } else if (m == 3) { <A> } else <B>
        | if (u == 1) <A> else if (u == -3) <B> else if (<C>) <B>""",
    "H": """switch (<X>) { case 0: <A> break; case 1: case 2: { <S> <Y> } default: <A> }
        | switch (<X>) { case -1: ; <D> <Y> default: <A> <Y> case 'a': <S> break; case 3: return <L>; }
        | switch (<X>) { case 1: { <D> <S> } break; case 0: goto done; case 3: <S> }
        | switch (<X>) { case 2: <A> case 3: <A> if (<C>) break; <A> break; default: ; }
        | switch (<X>) { case 1: <A> if (<C>) break; <A> break; case 0: <A> <Y> default: <A> }""",
    "X": "n | m | u | n & 3 | n + 1 | c | w | p[2] | note(1)",
    "Y": "break; | break; | break; | break; | break; | return <E>; | goto done;",
    "R": """if (<C>) return <L>; | if (<C>) { <A> return <L>; } <S> | if (<C>) return <E>; else <B>
        | if (<C>) goto done; <A> <S>
        | if (<C>) return <L>; else return <L>; | { if (<C>) return 1; return <L>; }
        | if (<C>) return <C> ? <L> : <L>;
        | if (<C>) return (<E>); else if (<C>) <B> else <B>""",
    "J": """; | <A> | if (<C>) break; <A> | if (<C>) continue; <A> | if (<C>) { <A> continue; } <A>
        | if (<C>) { <A> continue; } else <B> | if (m == 1) break; else if (m == 2) <B>""",
    "W": """for (int k@ = 0; k@ < 3; k@++) { <S> <J> }
        | for (int k@ = 4; k@ > 0; k@ -= 2) { <A> a += k@; <J> } | for (;;) { <S> break; }
        | { int k@; for (k@ = 0; k@ < 2; ++k@) <A> } | { int k@ = 3; while (k@ > 0) { k@--; <S> <J> } }
        | { int k@ = 2; while (k@-- > 0) { <S> <J> } } | { int k@ = 3; do { k@--; <S> <J> } while (k@ > 0); }
        | { int k@ = 2; do <A> while (--k@ > 0); } | { int k@ = 0; while (note(k@) < 12 && k@ < 3) { k@++; <S> } }
        | { int k@ = 2; while (k@ > 0) k@--; } | if (<C>) for (int k@ = 0; k@ < 2; k@++) <B>""",
}
"""A program is a random text from these: <X> is one of the alternatives of X, @ a number of its own."""


class Writer:
    """Writes random functions."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.count = 0

    def write(self, symbol: str, depth: int = 7) -> str:
        """Expand a symbol; deep down, it is one of its shortest alternatives."""
        options = [text.strip() for text in re.split(r"\|(?!')(?<!'\|)", GRAMMAR[symbol])]
        if depth <= 0:
            options = sorted(options, key=lambda text: text.count("<"))[:2]
        text = options[int(self.rng.integers(len(options)))].replace("'|'", "|").replace("'||'", "||")
        self.count += 1
        parts = re.split(r"<([A-Z])>", text.replace("@", str(self.count)))
        return "".join(self.write(part, depth - 1) if k % 2 else part for k, part in enumerate(parts))


def variants(code: str, seed: int, single: int, mixed: int) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what was changed, and the program: single rewrites at random places, then many at once with renaming."""
    source, rng = parse(code), np.random.default_rng(seed)
    program = Program(source, rewrite_loci(source, (*REWRITES, *LAYOUT)))
    for index, allele in evenly(program, rng)[:single]:
        one = tuple(allele * (k == index) for k in range(len(program.loci)))
        yield program.changes(one), program.render(one)
    program = Program(source, (*rename_loci(source, Drawn(), rng), *rewrite_loci(source, (*REWRITES, *LAYOUT))))
    for k in range(mixed):
        many = program.random(rng, (0.1, 0.4, 0.7, 1.0)[k % 4])
        yield program.changes(many), program.render(many)


def evenly(program: Program, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Return all loci with all their alleles, at random, but the first of each rewrite before the second of any."""
    moves = [(i, k) for i, locus in enumerate(program.loci) for k in range(1, len(locus.alleles))]
    rank: Counter[str] = Counter()
    ranked: list[tuple[int, int, int]] = []
    for index, allele in (moves[int(k)] for k in rng.permutation(len(moves))):
        name = program.loci[index].alleles[allele]
        ranked.append((rank[name], index, allele))
        rank[name] += 1
    return [(index, allele) for _, index, allele in sorted(ranked, key=lambda row: row[0])]


def differing(codes: list[str], folder: Path) -> int:
    """Return the first variant that does not do what the first program does; 0 where all do."""
    source, program = folder / "all.c", folder / "all"
    texts = [code.replace("long f(", f"long f{k}(", 1) for k, code in enumerate(codes)]
    names = ", ".join(f"f{k}" for k in range(len(codes)))
    source.write_text(HEAD + "\n".join(texts) + MAIN % names)
    subprocess.run(["gcc", "-std=gnu11", "-O0", "-w", "-fwrapv", source, "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode not in {0, 1}:
        raise AssertionError(f"the driver ended with {done.returncode}")
    return int(done.stdout or "0")


def check(seeds: range, folder: Path, single: int, mixed: int) -> Counter[str]:
    """Compare variants of random programs with their originals, and count the rewrites that were used alone."""
    used: Counter[str] = Counter()
    for seed in seeds:
        code = Writer(seed).write("F")
        if parse(code).faults:
            continue
        made = list(variants(code, seed, single, mixed))
        used.update(changes[0].split("@")[0] for changes, _ in made if len(changes) == 1)
        for changes, text in made:
            assert verify(code, text) == "", (seed, changes)
        bad = differing([code, *(text for _, text in made)], folder)
        assert bad == 0, (seed, made[bad - 1][0])
    return used


def test_rewritten_programs_do_the_same(tmp_path: Path) -> None:
    check(range(4), tmp_path, single=60, mixed=8)


@pytest.mark.slow
def test_all_rewrites_keep_what_many_programs_do(tmp_path: Path) -> None:
    used = check(range(100, 160), tmp_path, single=150, mixed=24)
    assert set(used) == {rewrite.name for rewrite in (*REWRITES, *LAYOUT)}
