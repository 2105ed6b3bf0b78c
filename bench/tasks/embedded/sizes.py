"""Flaws of size: CWE-193 off by one, CWE-131 wrong size of an allocation, CWE-680 overflow before one.

Follows the CWE entries' demonstrative patterns in our own words. Assumes 32-bit int and 64-bit size_t.
"""

from __future__ import annotations

from bench.tasks.embedded.build import Family, Variant

_WORDS = "int words[6] = {3, 1, 4, 1, 5, 9};\n"

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

ALLOCATION_OVERFLOW = Family(
    "CWE-680",
    "overflow before an allocation",
    (
        Variant(  # the product wraps inside its own check
            """
int $fn(unsigned $n, int $knob)
{
unsigned $i;
int $acc = 0;
@pre
@guard {{$n * 4 > $CAP ## $n > $CAP / 4}}
int *$p = malloc($n * 4);
@guard ISNULL($p)
@loop $i = 0; $i < $n; STEP($i)
$p[$i] = $i;
$acc += $p[$i];
@end
free($p);
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(2, 3));\nprintf("%d\\n", $fn(1073741825u, 2));\n',
        ),
        Variant(  # widened too late
            """
int $fn(unsigned $n, unsigned $w, int $knob)
{
int $acc = 0;
@pre
size_t $k = {{(size_t)($n * $w) ## (size_t)$n * $w}};
@guard $k > 4096
$byte *$p = malloc($k + 1);
@guard ISNULL($p)
memset($p, 1, $n);
@mid
$acc += $p[0] + ($w & 3);
free($p);
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(3, 4, 3));\nprintf("%d\\n", $fn(65536, 65536, 2));\n',
        ),
        Variant(  # the sum wraps inside its own check
            """
int $fn(unsigned $n, int $knob)
{
unsigned $i;
int $acc = 0;
@pre
@guard {{$n + $c1 > $CAP ## $n > $CAP - $c1}}
$byte *$p = malloc($n + $c1);
@guard ISNULL($p)
@loop $i = 0; $i < $n; STEP($i)
$p[$i] = 1;
STEP($acc);
@end
free($p);
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(1, 3));\nprintf("%d\\n", $fn(4294967295u, 2));\n',
        ),
    ),
)

FAMILIES = (OFF_BY_ONE, WRONG_SIZE, ALLOCATION_OVERFLOW)
