"""What counts as proven: a renaming, what the judge rebuilds, what ran; and that nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from attacks import rebuild
from attacks.behaviour import Behaves
from attacks.checks import CHECKS, Check, checks
from attacks.gcc import find_gcc
from attacks.judge import judge
from attacks.program import Program
from attacks.rebuild import is_rebuilt
from attacks.rename import Drawn, rename_loci
from attacks.renamed import is_renamed
from attacks.rewrite import rewrite_loci
from attacks.rewrites import LAYOUT, REWRITES
from bench.results import Outcome
from bench.syntax.csource import parse
from bench.types import Attempt, Classifier, Probabilities, Sample

CODE = """static int qemu_fill(struct buf *out, int size)
{
    int i, total = 0;
    for (i = 0; i < size; i++) {
        out->data[i] = 0; total += i;
    }
    if (total > 3)
        total = total - 1;
    else
        total = 0;
    out->len = size; out->used = total;
    return total * size + i * size;
}
"""
CHANGED = {
    "an operator": ("i < size", "i <= size"),
    "another operator": ("total - 1", "total + 1"),
    "a deleted statement": (" total += i;", ""),
    "swapped statements": ("out->len = size; out->used = total;", "out->used = total; out->len = size;"),
    "swapped operands": ("total - 1", "1 - total"),
    "a moved else": (
        "total = total - 1;\n    else\n        total = 0;",
        "total = 0;\n    else\n        total = total - 1;",
    ),
    "a dropped else": ("    else\n", ""),
    "a moved brace": (" total += i;\n    }", "\n    } total += i;"),
}


def renamed(code: str) -> str:
    return code.replace("total", "sum")


class NamesMatter:
    """Vulnerable unless "total" is in it."""

    def probabilities(self, programs: Sequence[str]) -> Probabilities:
        ones = np.array([float("total" not in program) for program in programs])
        return np.stack([1 - ones, ones], axis=1)


@dataclass
class Foreign:
    """An attack of somebody else's: one program, and what it says of it."""

    program: str
    changed: tuple[str, ...] = ()

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        return Attempt(self.program, 1, 1, self.changed)


def judged(attack: Foreign, sample: Sample, used: Sequence[Check] = CHECKS) -> Outcome:
    return judge(attack, NamesMatter(), sample, 10, np.random.default_rng(0), used)


@pytest.mark.parametrize("said", [(), ("rename total -> sum",), ("rename total -> sum", "swap_statements@11")])
@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_meaning_is_unverified_where_nothing_runs(change: str, said: tuple[str, ...]) -> None:
    old, new = CHANGED[change]
    assert old in CODE
    outcome = judged(Foreign(renamed(CODE.replace(old, new)), said), Sample("devign/1", CODE, 0))
    assert (outcome.verdict, outcome.adversarial) == ("resisted", None)
    assert outcome.stopped == {"unverified": 1}
    assert outcome.refused.startswith("unverified")


@pytest.mark.parametrize("layout", [lambda code: code, lambda code: " ".join(code.split())])
def test_a_renaming_is_proven_whoever_made_it_and_whatever_is_said(layout: Callable[[str], str]) -> None:
    outcome = judged(Foreign(layout(renamed(CODE)), ("prompted a language model",)), Sample("devign/1", CODE, 0))
    assert (outcome.verdict, dict(outcome.stopped)) == ("fooled", {})


def test_declared_rewrites_are_proven_by_rebuilding() -> None:
    program = renamed(CODE.replace("i < size", "size > i").replace("total += i;", "total = total + i;"))
    said = ("rename total -> sum", "swap_comparison@4", "expand_assignment@5")
    assert judged(Foreign(program, said), Sample("devign/1", CODE, 0)).verdict == "fooled"
    assert judged(Foreign(program, said[:2]), Sample("devign/1", CODE, 0)).stopped == {"unverified": 1}


RUNS = "int f(int n) { int i, total = 0; for (i = 0; i < n; i++) total += i; return total; }"
DRIVER = '#include <stdio.h>\nint main(void) { printf("%d %d\\n", f(3), f(8)); return 0; }'


@pytest.fixture(scope="module")
def running() -> tuple[Check, ...]:
    gcc = find_gcc()
    if gcc is None or not gcc.sanitizes:
        pytest.skip("needs gcc with working -fsanitize=address,undefined")
    return checks()


def test_what_runs_alike_is_proven_where_a_driver_is(running: tuple[Check, ...]) -> None:
    program = renamed(RUNS).replace("i < n", "i <= n - 1").replace("i = 0;", "i = 0 * 1;")
    sample = Sample("t/1", RUNS, 0, driver=DRIVER)
    assert judged(Foreign(program), sample, running).verdict == "fooled"
    assert judged(Foreign(program), sample).stopped == {"unverified": 1}, "nothing ran"
    assert judged(Foreign(program), Sample("t/1", RUNS, 0), running).stopped == {"unverified": 1}, "no driver"


def test_what_runs_otherwise_is_refused_by_its_behaviour(running: tuple[Check, ...]) -> None:
    program = renamed(RUNS).replace("i < n", "i <= n")
    assert judged(Foreign(program), Sample("t/1", RUNS, 0, driver=DRIVER), running).stopped == {"behaves": 1}


def test_what_the_driver_alone_does_not_tell_apart_is_no_proof(running: tuple[Check, ...]) -> None:
    # f(3) and f(4) are right either way; f(100) is not.
    code = "int f(int n)\n{\n    int total = n;\n    if (n > 99)\n        return -1;\n    return total;\n}\n"
    driver = '#include <stdio.h>\nint main(void)\n{\n    printf("%d %d\\n", f(3), f(4));\n    return 0;\n}\n'
    sample = Sample("t/1", code, 0, driver=driver)
    same = renamed(code).replace("n > 99", "99 < n")
    assert judged(Foreign(same), sample, running).verdict == "fooled"
    assert judged(Foreign(renamed(code).replace(">", ">=")), sample, running).stopped == {"unverified": 1}


@pytest.mark.parametrize(
    "driver",
    [
        "int main(void) { return f(3) + missing(); }",
        '#include <stdio.h>\n#include <time.h>\nint main(void) { int x; printf("%p %ld\\n", (void *)&x, clock()); }',
        '#include <stdio.h>\nint main(void) { while (f(3)) printf("%d\\n", f(8)); }',
    ],
)
def test_a_run_that_tells_nothing_is_no_proof(running: tuple[Check, ...], driver: str) -> None:
    (behaves,) = (check for check in running if isinstance(check, Behaves))
    assert behaves.compares(Sample("t/1", RUNS, 0, driver=DRIVER))
    assert not behaves.compares(Sample("t/1", RUNS, 0, driver=driver))


TWO = "int f(int a) { return a; }\nint g(int a, int b) { return a - b; }\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (TWO, TWO),
        (TWO, "int f(int b) { return b; }\nint g(int b, int a) { return b - a; }\n"),
        (TWO, "int f(int c) { return c; }\nint g(int d, int e) { return d - e; }\n"),
        ("int f(int a) { return a; } /* x */", "int f( int a) { return a; }".replace("( ", "(") + " /* x */\n"),
        ("int f(int a) {\n\treturn a; // why\n}", "int f(int c) { return c; /* next step */ }"),
        ("#define N 3\nint f(int a) {\n return a + N; }", "#define N 3\nint f(int c) { return c + N; }"),
    ],
)
def test_renamed(before: str, after: str) -> None:
    assert is_renamed(parse(before), parse(after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/* c */ #ifdef A\nint a = 1;\n#endif\n", "/* c */ #ifdef A int a = 1;\n#endif\n"),
        ("int f(int a) { // why??/\n a++;\n a++; return a; }", "int f(int a) { // why??/\n a++; a++; return a; }"),
        (
            "int n = 8, m = 3; int f(void) { int n[n]; return sizeof n; }",
            "int n = 8, m = 3; int f(void) { int m[m]; return sizeof m; }",
        ),
        (TWO, TWO.replace("int b", "int a")),
        (TWO, TWO.replace("int a, int b", "int b, int a")),
        (TWO, TWO.replace("return a;", "return g;")),
        (TWO, TWO.replace("f(int a) { return a", "f(int NULL) { return NULL")),
        (TWO, TWO.replace("a", "while")),
        ("int f(int a) { return a + g; }", "int f(int g) { return g + g; }"),
        ("int f(struct s *a) { return a->a; }", "int f(struct s *b) { return b->b; }"),
        ("int f(int a) { return MIX(a); }", "int f(int b) { return MIX(b); }"),
        ("int f(int a) { { int b = 1; a += b; } return a; }", "int f(int b) { { int b = 1; b += b; } return b; }"),
        ("#define N 3\nint f(int a) { return a; }", "#define N 3 int f(int c) { return c; }"),
        ("#define N 3\nint f(int a) { return a; }", "#define N\n3 int f(int c) { return c; }"),
        ("int f(int a) { return a\n+ __LINE__; }", "int f(int a) { return a + __LINE__; }"),
        ("int f(int a) { return STR(a + 1); }", "int f(int a) { return STR(a+1); }"),
        ('char *f(void) { return "a  b"; }', 'char *f(void) { return "a b"; }'),
        ("int f(int a) { return a; } @ $", "int f(int c) { return c; } $ @"),
        ("int f(int a) { return a;\n}", "int f(int a) { return a;\u00a0}"),
        ("int f(int a) { return a - -1; }", "int f(int a) { return a --1; }"),
    ],
)
def test_not_renamed(before: str, after: str) -> None:
    assert not is_renamed(parse(before), parse(after))


@pytest.mark.parametrize("place", range(3))
def test_one_of_several_places_in_a_line(place: int) -> None:
    source = parse("int f(int a, int b) { return a * b + b * 2 + (a & 1); }")
    program = Program(source, rewrite_loci(source, [one for one in REWRITES if one.name == "swap_operands"]))
    genotype = tuple(int(index == place) for index in range(len(program.loci)))
    assert len(program.loci) > 3
    assert is_rebuilt(source, program.render(genotype), program.changes(genotype))


def test_names_stay_one_to_one_and_legal() -> None:
    source = parse("int f(int a, int b) { return a - b; }")
    for a, b in (("c", "c"), ("f", "c"), ("b", "c"), ("int", "c"), ("spare", "c")):
        said = (f"rename a -> {a}", f"rename b -> {b}", f"rename a -> {b}")
        assert not is_rebuilt(source, f"int f(int {a}, int {b}) {{ return {a} - {b}; }}", said)
    assert is_rebuilt(source, "int f(int d, int c) { return d - c; }", ("rename a -> d", "rename b -> c"))


def test_a_name_of_two_functions_is_renamed_in_each() -> None:
    said = ("rename a -> c", "rename a -> d", "rename b -> e")
    source = parse(TWO)
    assert is_rebuilt(source, "int f(int c) { return c; }\nint g(int d, int e) { return d - e; }\n", said)
    assert is_rebuilt(source, "int f(int d) { return d; }\nint g(int c, int e) { return c - e; }\n", said)
    assert not is_rebuilt(source, "int f(int c) { return c; }\nint g(int c, int e) { return c - e; }\n", said)


def test_unknown_words_rebuild_nothing() -> None:
    for said in ((), ("",), ("nonsense@1",), ("rename a",), ("swap_operands@one",), ("\0" + "0\0",)):
        assert not is_rebuilt(parse(TWO), TWO.replace("a - b", "b - a"), said)


def test_the_search_for_a_program_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "TRIED", 0)
    source = parse("int f(int a, int b) { return a * b + b * 2 + (a & 1) + (b | 2); }")
    loci = (*rename_loci(source, Drawn(), np.random.default_rng(0)), *rewrite_loci(source, (*REWRITES, *LAYOUT)))
    program = Program(source, loci)
    found = [program.random(np.random.default_rng(seed)) for seed in range(20)]
    assert not all(is_rebuilt(source, program.render(one), program.changes(one)) for one in found)
