"""Flaws in the life of an object: CWE-416, CWE-415, CWE-476, CWE-401, CWE-457.

Follows the CWE entries' demonstrative patterns in our own words. Pointers that outlive their object sit in a static
variable or an array, as in real modules: the compiler would point at the flaw otherwise.
"""

from __future__ import annotations

from bench.embedded.build import Family, Variant

_TWICE = 'printf("%d\\n", $fn(5, 3));\nprintf("%d\\n", $fn(6, 2));\n'
_WORDS = "int words[6] = {3, 1, 4, 1, 5, 9};\n"

USE_AFTER_FREE = Family(
    "CWE-416",
    "use after free",
    (
        Variant(  # the last look comes after the release
            """
static $num *$tab;
int $fn(int $n, int $knob)
{
int $acc = 0;
@pre
$tab = calloc($CAP, sizeof(*$tab));
@guard ISNULL($tab)
$tab[2] = $n;
@mid
@swap
free($tab);
@with
$acc += $tab[2];
@done
@post
return $acc;
}
""",
            _TWICE,
        ),
        Variant(  # the list walks over a node that it has just released
            """
struct $tag {
int $f;
struct $tag *$g;
};
static struct $tag *$p;
int $fn(int $n, int $knob)
{
int $i, $acc = 0;
@pre
@loop $i = 0; $i < $n; STEP($i)
struct $tag *$q = calloc(1, sizeof(*$q));
if (ISNULL($q))
break;
$q->$f = $i;
$q->$g = $p;
$p = $q;
@end
while (NOTNULL($p)) {
$acc += $p->$f;
@swap
free($p);
@with
struct $tag *$w = $p->$g;
@done
$p = $w;
}
@post
return $acc;
}
""",
            _TWICE,
        ),
        Variant(  # the old address after a resize
            """
static $num *$tab;
int $fn(int $n, int $knob)
{
$num *$p;
int $acc = 0;
@pre
$tab = calloc($CAP, sizeof(*$tab));
@guard ISNULL($tab)
@swap
$p = $tab;
@with
$tab = realloc($tab, 64 * sizeof(*$tab));
@guard ISNULL($tab)
@done
$p[1] = $n;
@mid
$acc += $p[1];
free($tab);
@post
return $acc;
}
""",
            _TWICE,
        ),
    ),
)

DOUBLE_FREE = Family(
    "CWE-415",
    "double free",
    (
        Variant(  # resets another pointer than the one that was released
            """
static $num *$tab;
int $fn(int $n, int $knob)
{
$num *$p = NULL;
int $acc = 0;
@pre
$tab = calloc($n, sizeof(*$tab));
@guard ISNULL($tab)
$acc += $tab[0] + ($p == $tab);
if ($n > 5) {
free($tab);
{{$p ## $tab}} = NULL;
}
@mid
free($tab);
@post
return $acc;
}
""",
            _TWICE,
        ),
        Variant(  # two names for one object
            """
static char *$tab[2];
int $fn(int $n, int $knob)
{
int $acc = 1;
@pre
$tab[0] = malloc($CAP);
$tab[1] = $n > 5 ? $tab[0] : malloc($n);
@mid
free($tab[0]);
if ($tab[1] != {{NULL ## $tab[0]}}) {
STEP($acc);
free($tab[1]);
}
@post
return $acc;
}
""",
            _TWICE,
        ),
        Variant(  # takes the top of a stack without moving it
            """
int $fn(int $n, int $knob)
{
char *$tab[$CAP];
int $i, $acc = 0;
@pre
@guard $n < 1 || $n > $CAP
@loop $i = 0; $i < $n; STEP($i)
$tab[$i] = malloc($i + 1);
@end
free($tab[{{$i - 1 ## --$i}}]);
@mid
while ($i > 0) {
free($tab[--$i]);
STEP($acc);
}
@post
return $acc;
}
""",
            _TWICE,
        ),
    ),
)

NULL_DEREFERENCE = Family(
    "CWE-476",
    "null dereference",
    (
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

LEAK = Family(
    "CWE-401",
    "memory leak",
    (
        Variant(  # acquires before it checks
            """
int $fn(int $n, int $knob)
{
int $acc = 0;
@pre
@swap
$byte *$p = malloc($CAP);
@with
@guard $n > $CAP
@done
@guard ISNULL($p)
memset($p, $n, $CAP);
$acc += $p[0];
@mid
free($p);
@post
return $acc;
}
""",
            'printf("%d\\n", $fn(5, 3));\nfor (int at = 1; at < 9; at++) {\nprintf("%d\\n", $fn($cap + at, 2));\n}\n',
        ),
        Variant(  # forgets the address before the release
            """
int $fn(int $n, int $knob)
{
int $acc = 0;
@pre
$num *$p = calloc($CAP, sizeof(*$p));
@guard ISNULL($p)
$p[0] = $n;
$acc += $p[0];
@swap
$p = NULL;
@with
free($p);
@done
@mid
$acc += $p == NULL;
@post
return $acc;
}
""",
            'for (int at = 1; at < 9; at++) {\nprintf("%d\\n", $fn(at, 2));\n}\n',
        ),
        Variant(  # leaves by the wrong door
            """
int $fn(int $n, int $knob)
{
char *$p = NULL;
int $acc = -1;
@pre
if ($n < 0) {
{{goto $out; ## return $acc;}}
}
$p = malloc($CAP);
if (ISNULL($p) || $n > $CAP) {
{{return $acc; ## goto $out;}}
}
$p[0] = $n;
$acc = $p[0];
@mid
$out:
free($p);
return $acc;
}
""",
            'printf("%d\\n", $fn(5, 3));\nfor (int at = 1; at < 9; at++) {\nprintf("%d\\n", $fn($cap + at, 2));\n}\n',
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

FAMILIES = (USE_AFTER_FREE, DOUBLE_FREE, NULL_DEREFERENCE, LEAK, UNINITIALISED)
