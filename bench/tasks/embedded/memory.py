"""Flaws of place: CWE-787 out-of-bounds write, CWE-125 out-of-bounds read.

Follows the CWE entries' demonstrative patterns in our own words; leaves out flaws that only show on other machines.
"""

from __future__ import annotations

from bench.tasks.embedded.build import Family, Variant

_BYTES = "static char data[80];\nfor (int at = 0; at < 80; at++) {\ndata[at] = 'a' + at % 26;\n}\n"
_WORDS = "int words[6] = {3, 1, 4, 1, 5, 9};\n"

OUT_OF_BOUNDS_WRITE = Family(
    "CWE-787",
    "out-of-bounds write",
    (
        Variant(  # the larger of two lengths instead of the smaller
            """
int $fn(const char *$src, $ity $n, int $knob)
{
$byte $dst[$CAP];
$ity $i;
int $acc = 0;
@pre
$ity $k = $n {{> ## <}} $CAP ? $n : $CAP;
@loop $i = 0; $i < $k; STEP($i)
$dst[$i] = $src[$i];
$acc += $dst[$i] & 15;
@end
@post
return $acc;
}
""",
            _BYTES + 'printf("%d\\n", $fn(data, 5, 3));\nprintf("%d\\n", $fn(data, $cap + 6, 2));\n',
        ),
        Variant(  # the check comes after the write
            """
int $fn(const char *$src, $uty $k, int $knob)
{
$byte $dst[$CAP] = {0};
int $acc = 1;
@pre
@swap
$dst[$k] = $src[0];
@with
@guard $k >= $CAP
@done
@mid
$acc += $dst[0] + $dst[$k / 2];
@post
return $acc;
}
""",
            _BYTES + 'printf("%d\\n", $fn(data, 5, 3));\nprintf("%d\\n", $fn(data, $cap + 1, 2));\n',
        ),
        Variant(  # the bound is on the wrong variable
            """
int $fn(const char *$src, $uty $n, $uty $k, int $knob)
{
$byte $dst[$CAP];
int $acc = 0;
@pre
memset($dst, 0, sizeof($dst));
@guard {{$k ## $n}} > $CAP
@mid
memcpy($dst, $src, $n);
$acc += $dst[0] + ($k & 7);
@post
return $acc;
}
""",
            _BYTES + 'printf("%d\\n", $fn(data, 5, 4, 3));\nprintf("%d\\n", $fn(data, $cap + 3, 2, 5));\n',
        ),
    ),
)

OUT_OF_BOUNDS_READ = Family(
    "CWE-125",
    "out-of-bounds read",
    (
        Variant(  # looks before it checks
            """
int $fn(const char *$src, $ity $n, int $knob)
{
$ity $i = 0;
int $acc = 0;
@pre
while ({{$src[$i] != ':' && $i < $n ## $i < $n && $src[$i] != ':'}}) {
$acc += $src[$i] & 15;
STEP($i);
}
@post
return $acc;
}
""",
            "char text[6] = {'a', 'b', 'c', 'd', 'e', 'f'};\n"
            'printf("%d\\n", $fn("ab:cd", 5, 3));\nprintf("%d\\n", $fn(text, 6, 1));\n',
        ),
        Variant(  # both halves of the range check can never hold at once
            """
int $fn(int $k, int $knob)
{
$num $tab[$CAP];
int $i, $acc = 0;
@pre
@loop $i = 0; $i < $CAP; STEP($i)
$tab[$i] = $i * 3;
@end
@guard $k < 0 {{&& ## ||}} $k >= $CAP
$acc += $tab[$k];
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(3, 3));\nprintf("%d\\n", $fn($cap, 1));\nprintf("%d\\n", $fn(-2, 1));\n',
        ),
        Variant(  # an unsigned counter never falls below zero
            """
int $fn(const int *$src, int $n, int $knob)
{
int $acc = 0;
@pre
{{unsigned ## int}} $i = $n - 1;
while ($i >= 0) {
$acc += $src[$i] & 31;
{~ $i--; ~| --$i; ~| $i -= 1; ~}
}
@post
return $acc;
}
""",
            _WORDS + 'printf("%d\\n", $fn(words, 4, 3));\nprintf("%d\\n", $fn(words, 6, 1));\n',
        ),
    ),
)

FAMILIES = (OUT_OF_BOUNDS_WRITE, OUT_OF_BOUNDS_READ)
