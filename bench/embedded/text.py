"""Flaws around text and its readers: CWE-134 format string, CWE-252 unchecked result.

Follows the CWE entries' demonstrative patterns in our own words.
"""

from __future__ import annotations

from bench.embedded.build import Family, Variant

_FORMAT = 'printf("%d\\n", $fn("abc", 3));\nprintf("%d\\n", $fn("%300d%n%s", 2));\n'
_WORDS = "int words[6] = {3, 1, 4, 1, 5, 9};\n"

FORMAT_STRING = Family(
    "CWE-134",
    "format string",
    (
        Variant(  # the user's text stands where the format belongs
            """
int $fn(const char *$src, int $knob)
{
char $dst[$CAP];
int $acc = 0;
@pre
sprintf($dst, {{$src, "%.6s" ## "%.6s", $src}});
@mid
$acc += $dst[0];
@post
return $acc;
}
""",
            _FORMAT,
        ),
        Variant(  # the format is the user's unless it is empty
            """
int $fn(const char *$src, int $knob)
{
char $dst[$CAP];
const char *$p = {{$src ## "%.5s"}};
int $acc = 0;
@pre
if ($src[0] == 0) {
$p = "-";
}
@mid
sprintf($dst, $p, $src);
$acc += $dst[0];
@post
return $acc;
}
""",
            _FORMAT,
        ),
        Variant(  # looks for the wrong character
            """
int $fn(const char *$src, int $knob)
{
char $dst[$CAP];
int $acc = 0;
@pre
@guard strlen($src) >= 8 || NOTNULL(strchr($src,{{'$' ## '%'}}))
@mid
sprintf($dst, $src, $knob);
$acc += $dst[0];
@post
return $acc;
}
""",
            'printf("%d\\n", $fn("abc", 3));\nprintf("%d\\n", $fn("%300d", 2));\n',
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

FAMILIES = (FORMAT_STRING, UNCHECKED_RESULT)
