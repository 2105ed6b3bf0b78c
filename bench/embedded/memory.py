"""Spatial flaws: CWE-787 write, CWE-125 read, CWE-193 off by one, CWE-131 wrong size of an allocation.

Follows the CWE entries' demonstrative patterns in our own words; leaves out flaws that only show on other machines.
"""

from __future__ import annotations

from bench.embedded.build import Family, Variant

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
    ),
)

OUT_OF_BOUNDS_READ = Family(
    "CWE-125",
    "out-of-bounds read",
    (
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
    ),
)

OFF_BY_ONE = Family(
    "CWE-193",
    "off by one",
    (
        Variant(  # one round too many
            """
int $fn(int $n, int $knob)
{
int $i, $acc = 0;
@pre
@guard $n < 1 || $n > 64
$num *$p = malloc($n * sizeof(*$p));
@guard ISNULL($p)
@loop $i = 0; $i {{<= ## <}} $n; STEP($i)
$p[$i] = $i + $knob;
$acc += $p[$i];
@end
free($p);
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(0, 3));\nprintf("%d\\n", $fn(5, 2));\n',
        ),
        Variant(  # no room for the terminator
            """
int $fn(const char *$src, int $knob)
{
char $dst[$CAP];
size_t $n = strlen($src);
int $acc = 0;
@pre
@guard {~ $n {{> ## >=}} $CAP ~| $CAP {{< ## <=}} $n ~}
memcpy($dst, $src, $n);
@mid
$dst[$n] = 0;
$acc += $dst[0];
@post
return $acc;
}
""",
            'char text[41];\nmemset(text, 121, 40);\ntext[$cap] = 0;\nprintf("%d\\n", $fn("abc", 3));\n'
            'printf("%d\\n", $fn(text, 2));\n',
        ),
        Variant(  # the allocation forgets the terminator
            """
int $fn(const char *$src, int $knob)
{
$uty $n = strlen($src);
int $acc = 0;
@pre
char *$p = malloc($n{{ ## + 1}});
@guard ISNULL($p)
memcpy($p, $src, $n);
$p[$n] = 0;
@mid
$acc += $p[0] + $n;
free($p);
@post
return $acc;
}
""",
            'printf("%d\\n", $fn("abc", 3));\nprintf("%d\\n", $fn("abcdefgh", 2));\n',
        ),
    ),
)

WRONG_SIZE = Family(
    "CWE-131",
    "wrong size of an allocation",
    (
        Variant(  # the size of the pointer, not of what it points to
            """
struct $tag {
long $f;
long $g;
long $h;
};
int $fn(int $n, int $knob)
{
int $acc = 0;
@pre
struct $tag *$p = malloc(sizeof({{$p ## *$p}}));
@guard ISNULL($p)
$p->$f = $n;
$p->$h = $knob + 1;
@mid
$acc += $p->$f + $p->$h;
free($p);
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(5, 3));\nprintf("%d\\n", $fn(8, 2));\n',
        ),
        Variant(  # bytes taken for elements
            """
int $fn(int $knob)
{
$num $tab[$CAP] = {0};
size_t $i;
int $acc = 0;
@pre
@loop $i = 0; $i < sizeof($tab){{ ##  / sizeof($tab[0])}}; STEP($i)
$tab[$i] = $i + 1;
$acc += $tab[$i];
@end
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(3));\nprintf("%d\\n", $fn(2));\n',
        ),
        Variant(  # a sum for a product
            """
int $fn(const int *$src, $uty $n, int $knob)
{
$uty $i;
int $acc = 0;
@pre
@guard $n == 0 || $n > 6
long *$p = malloc($n {{+ ## *}} sizeof(*$p));
@guard ISNULL($p)
@loop $i = 0; $i < $n; STEP($i)
$p[$i] = $src[$i];
$acc += $p[$i];
@end
free($p);
@post
return $acc;
}
""",
            _WORDS + 'printf("%d\\n", $fn(words, 1, 3));\nprintf("%d\\n", $fn(words, 6, 2));\n',
        ),
    ),
)

FAMILIES = (OUT_OF_BOUNDS_WRITE, OUT_OF_BOUNDS_READ, OFF_BY_ONE, WRONG_SIZE)
