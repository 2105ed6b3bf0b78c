"""Seeded inputs: what is varied, what stays, and that the file compiles and obeys its argument."""

import pytest

from attacks.compiling import whole
from attacks.gcc import find_gcc
from attacks.inputs import COUNT, variants
from bench.types import Sample

CODE = "int f(int n, const char *s) { return n > 99 ? -1 : n + (s[0] == 'a'); }"
DRIVER = """#include <stdio.h>
static int twice(int n) { return 2 * n; }
int main(void)
{
    char room[8] = "x";
    printf("%d %d\\n", f(twice(3), "abc"), f(4, room));
    return 0;
}
static int last;
"""


def test_the_literals_of_main_are_varied_and_all_else_stays():
    driver, count = variants(Sample("t/1", CODE, 0, driver=DRIVER))
    assert count == COUNT
    assert driver.count("static int twice(int n) { return 2 * n; }") == 1
    assert driver.count("room[8]") == COUNT
    assert driver.count('f(twice(3), "abc"), f(4, room)') < COUNT / 4
    assert {"f(98, room)", "f(99, room)", "f(100, room)"} <= {
        f"f({n}, room)" for n in range(101) if f"f({n}, room)" in driver
    }
    assert variants(Sample("t/1", CODE, 0, driver=DRIVER)) == (driver, count)


@pytest.mark.parametrize(
    "driver",
    [
        "",
        "int main(int n, char **v) { return f(3, v[0]); }",
        "int main(void) { return f(x, y); }",
        "int g(void) { return 3; }",
    ],
)
def test_what_offers_nothing_is_left_alone(driver):
    assert variants(Sample("t/1", CODE, 0, driver=driver)) == (driver, 0)


def test_each_argument_is_an_input_of_its_own():
    gcc = find_gcc()
    if gcc is None or not gcc.sanitizes:
        pytest.skip("needs gcc with working -fsanitize=address,undefined")
    sample = Sample("t/1", CODE, 0, driver=DRIVER)
    driver, count = variants(sample)
    found = gcc.observe_each(whole(Sample("t/1", CODE, 0, driver=driver), CODE), count)
    assert {one.fault for one in found} == {""}
    assert len({one.runs[0].output for one in found}) > count / 4
