"""Flaws of text: CWE-134 format string.

Follows the CWE entries' demonstrative patterns in our own words.
"""

from __future__ import annotations

from bench.tasks.embedded.build import Family, Variant

_FORMAT = 'printf("%d\\n", $fn("abc", 3));\nprintf("%d\\n", $fn("%300d%n%s", 2));\n'

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

FAMILIES = (FORMAT_STRING,)
