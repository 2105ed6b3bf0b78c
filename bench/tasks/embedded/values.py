"""Flaws of what a variable holds: CWE-476 null dereference, CWE-457 uninitialised read, CWE-252 unchecked result.

Follows the CWE entries' demonstrative patterns in our own words.
"""

from __future__ import annotations

from bench.tasks.embedded.build import Family, Variant

_WORDS = "int words[6] = {3, 1, 4, 1, 5, 9};\n"

NULL_DEREFERENCE = Family(
    "CWE-476",
    "null dereference",
    (
        Variant(  # the second half of the condition needs the first
            """
int $fn(const char *$src, int $n, int $knob)
{
int $acc = 0;
@pre
const char *$p = strchr($src, $n);
if ($p != NULL {{|| ## &&}} *$p > $c1) {
$acc += $c2;
}
@post
return $acc;
}
""",
            'printf("%d\\n", $fn("key=1", \'=\', 3));\nprintf("%d\\n", $fn("key", \'=\', 1));\n',
        ),
        Variant(  # looks before it checks
            """
static const int *$helper(const int *$tab, int $k)
{
return $k < 6 ? $tab + $k : NULL;
}
int $fn(const int *$src, unsigned $n, int $knob)
{
int $acc = 0;
@pre
const int *$p = $helper($src, $n);
@swap
$acc += *$p;
@with
@guard ISNULL($p)
@done
@post
return $acc;
}
""",
            _WORDS + 'printf("%d\\n", $fn(words, 4, 3));\nprintf("%d\\n", $fn(words, 7, 1));\n',
        ),
        Variant(  # the check is on the wrong pointer
            """
int $fn(const char *$src, int $knob)
{
int $acc = 0;
@pre
const char *$p = strchr($src, '=');
@guard ISNULL({{$src ## $p}})
@mid
$acc += *$p + $src[0];
@post
return $acc;
}
""",
            'printf("%d\\n", $fn("key=1", 3));\nprintf("%d\\n", $fn("key", 1));\n',
        ),
    ),
)

UNINITIALISED = Family(
    "CWE-457",
    "uninitialised read",
    (
        Variant(  # memory that nobody cleared
            """
int $fn(const int *$src, int $n, int $knob)
{
int $acc = 0;
@pre
int *$p = {{malloc($CAP * sizeof(*$p)) ## calloc($CAP, sizeof(*$p))}};
@guard ISNULL($p)
$p[0] = $n;
@mid
$acc += $src[$p[$n]];
free($p);
@post
return $acc;
}
""",
            _WORDS + 'printf("%d\\n", $fn(words, 0, 3));\nprintf("%d\\n", $fn(words, 4, 1));\n',
        ),
        Variant(  # the loop leaves out the first element
            """
int $fn(const int *$src, int $n, int $knob)
{
int $i, $acc = 0;
@pre
@guard $n < 1 || $n > 6
int *$p = malloc($n * sizeof(*$p));
@guard ISNULL($p)
@loop $i = {{1 ## 0}}; $i < $n; STEP($i)
$p[$i] = $n - 1;
@end
@mid
$acc += $src[$p[0]];
free($p);
@post
return $acc;
}
""",
            _WORDS + 'printf("%d\\n", $fn(words, 4, 3));\nprintf("%d\\n", $fn(words, 5, 1));\n',
        ),
        Variant(  # clears bytes, not elements
            """
int $fn(const int *$src, $uty $n, int $knob)
{
int $acc = 0;
@pre
int *$p = malloc(8 * sizeof(*$p));
@guard ISNULL($p) || $n >= 8
memset($p, 0, 8{{ ##  * sizeof(*$p)}});
@mid
$acc += $src[$p[$n]];
free($p);
@post
return $acc;
}
""",
            _WORDS + 'printf("%d\\n", $fn(words, 1, 3));\nprintf("%d\\n", $fn(words, 4, 1));\n',
        ),
    ),
)

UNCHECKED_RESULT = Family(
    "CWE-252",
    "unchecked result",
    (
        Variant(  # only the end of input counts as failure
            """
int $fn(const char *$src, const int *$tab, int $knob)
{
int $k = -3, $acc = 0;
@pre
@guard sscanf($src, "%d", &$k) {{{~ == EOF ~| < 0 ~} ## {~ != 1 ~| < 1 ~}}}
@guard $k > 5
@mid
$acc += $tab[{~ $k ~| $k + 0 ~}];
@post
return $acc;
}
""",
            _WORDS + 'printf("%d\\n", $fn("4", words, 3));\nprintf("%d\\n", $fn("x", words, 1));\n',
        ),
        Variant(  # checks the argument, not the answer
            """
static int $helper(const char *$p)
{
return *$p >= '0' && *$p <= '5' ? *$p - '0' : -2;
}
int $fn(const char *$src, const int *$tab, int $knob)
{
int $n = *$src, $acc = 0;
@pre
int $k = $helper($src);
@guard {{$n ## $k}} < 0
@mid
$acc += $tab[$k] + ($n & 1);
@post
return $acc;
}
""",
            _WORDS + 'printf("%d\\n", $fn("4", words, 3));\nprintf("%d\\n", $fn("x", words, 1));\n',
        ),
        Variant(  # uses the memory before it asks whether there is any
            """
static char *$helper(size_t $n)
{
return $n > 64 ? NULL : malloc($n);
}
int $fn(size_t $n, int $knob)
{
int $acc = 0;
@pre
char *$p = $helper($n + 1);
@swap
memset($p, 0, $n);
@with
@guard ISNULL($p)
@done
@mid
$acc += $n > 3 ? $p[3] : $knob;
free($p);
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(5, 3));\nprintf("%d\\n", $fn(90, 2));\n',
        ),
    ),
)

FAMILIES = (NULL_DEREFERENCE, UNINITIALISED, UNCHECKED_RESULT)
