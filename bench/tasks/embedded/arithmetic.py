"""Flaws of numbers: CWE-190 integer overflow, CWE-369 division by zero, CWE-1335 shift by too many bits.

Follows the CWE entries' demonstrative patterns in our own words. Assumes 32-bit int and 64-bit long.
"""

from __future__ import annotations

from bench.tasks.embedded.build import Family, Variant

_WORDS = "int words[6] = {3, 1, 4, 1, 5, 9};\n"

OVERFLOW = Family(
    "CWE-190",
    "integer overflow",
    (
        Variant(  # the check relies on the overflow
            """
int $fn(int $n, int $k, int $knob)
{
int $acc = 0;
@pre
@guard $n < 0 || $k < 0
@guard {{$n + $k < $n ## $n > INT_MAX - $k}}
@mid
$acc += ($n + $k) % $c1;
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(7, 8, 3));\nprintf("%d\\n", $fn(2147483647, 5, 2));\n',
        ),
        Variant(  # widened too late
            """
int $fn(int $n, int $k, int $knob)
{
int $acc = 0;
@pre
long $w = {{(long)($n * $k) ## (long)$n * $k}};
@guard $w > INT_MAX
@mid
$acc += $w % $c1;
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(7, 8, 3));\nprintf("%d\\n", $fn(70000, 70000, 2));\n',
        ),
        Variant(  # a hash in a signed number
            """
int $fn(const char *$src, int $n, int $knob)
{
int $i, $acc = 0;
{{int ## unsigned}} $k = 17;
@pre
@loop $i = 0; $i < $n; STEP($i)
$k = $k * 31 + $src[$i];
@end
@mid
$acc += $k & 63;
@post
return $acc;
}
""",
            'printf("%d\\n", $fn("ab", 2, 3));\nprintf("%d\\n", $fn("abcdefghijkl", 12, 2));\n',
        ),
    ),
)

DIVISION_BY_ZERO = Family(
    "CWE-369",
    "division by zero",
    (
        Variant(  # zero passes the check
            """
int $fn(int $n, int $k, int $knob)
{
int $acc = 0;
@pre
@guard $k {{< ## <=}} 0
@mid
$acc += $n {~ / ~| % ~} $k;
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(17, 4, 3));\nprintf("%d\\n", $fn(9, 0, 2));\n',
        ),
        Variant(  # an average over nothing
            """
int $fn(const int *$src, int $n, int $knob)
{
int $i, $k = 0, $w = 0, $acc = 0;
@pre
@loop $i = 0; $i < $n; STEP($i)
if ($src[$i] > $knob) {
$w += $src[$i];
STEP($k);
}
@end
@mid
$acc += {~ $k {{>= ## >}} 0 ? $w / $k : 0 ~| $k {{< ## <=}} 0 ? 0 : $w / $k ~};
@post
return $acc;
}
""",
            _WORDS + 'printf("%d\\n", $fn(words, 6, 3));\nprintf("%d\\n", $fn(words, 6, 20));\n',
        ),
        Variant(  # divides before it checks
            """
int $fn(int $n, int $k, int $knob)
{
int $acc = 0;
@pre
@swap
$acc += $n {~ / ~| % ~} $k;
@with
@guard $k <= 0
@done
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(17, 4, 3));\nprintf("%d\\n", $fn(9, 0, 2));\n',
        ),
    ),
)

SHIFT = Family(
    "CWE-1335",
    "shift by too many bits",
    (
        Variant(  # the mask keeps a bit too many
            """
int $fn(unsigned $n, unsigned $k, int $knob)
{
int $acc = 0;
@pre
unsigned $w = $n {~ << ~| >> ~} ($k & {{63 ## 31}});
@mid
$acc += $w & 15;
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(9, 5, 3));\nprintf("%d\\n", $fn(9, 40, 2));\n',
        ),
        Variant(  # 32 passes the check
            """
int $fn(unsigned $k, int $knob)
{
int $acc = 0;
@pre
@guard {~ $k {{> ## >=}} 32 ~| 32 {{< ## <=}} $k ~}
@mid
$acc += (1u << $k) % $c1;
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(5, 3));\nprintf("%d\\n", $fn(32, 2));\n',
        ),
        Variant(  # shifts before it checks
            """
int $fn(unsigned $n, int $k, int $knob)
{
int $acc = 0;
@pre
@swap
unsigned $w = $n {~ << ~| >> ~} $k;
@with
@guard $k < 0 || $k > 31
@done
@mid
$acc += $w & 15;
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(9, 5, 3));\nprintf("%d\\n", $fn(9, -1, 2));\n',
        ),
    ),
)

FAMILIES = (OVERFLOW, DIVISION_BY_ZERO, SHIFT)
