"""Flaws in the life of an object: CWE-416 use after free, CWE-415 double free, CWE-401 leak.

Follows the CWE entries' demonstrative patterns in our own words. Pointers that outlive their object sit
in a static variable, an array or the caller: the compiler would point at the flaw otherwise.
"""

from __future__ import annotations

from bench.tasks.embedded.build import Family, Variant

_TWICE = 'printf("%d\\n", $fn(5, 3));\nprintf("%d\\n", $fn(6, 2));\n'

USE_AFTER_FREE = Family(
    "CWE-416",
    "use after free",
    (
        Variant(  # the last look comes after the release
            """
int $fn(int **$tab, int $n, int $knob)
{
int $acc = 0;
@pre
$tab[0][2] = $n;
@mid
@swap
free($tab[0]);
@with
$acc += $tab[0][2];
@done
@post
return $acc;
}
""",
            'int *cells[1] = {calloc(8, sizeof(int))};\nprintf("%d\\n", $fn(cells, 5, 3));\n',
        ),
        Variant(  # the list walks over a node that it has just released
            """
struct $tag {
int $f;
struct $tag *$g;
};
struct $tag *$p;
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
int $fn(int **$tab, int $k, int $knob)
{
int *$p, *$q;
int $acc = 0;
@pre
@swap
$p = $tab[$k];
@with
$q = realloc($tab[0], 64 * sizeof(*$q));
@guard ISNULL($q)
$tab[0] = $q;
@done
$p[1] = $knob;
@mid
$acc += $p[1];
@post
return $acc;
}
""",
            'int *cells[1] = {calloc(8, sizeof(int))};\nprintf("%d\\n", $fn(cells, 0, 3));\nfree(cells[0]);\n',
        ),
    ),
)

DOUBLE_FREE = Family(
    "CWE-415",
    "double free",
    (
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
    ),
)

LEAK = Family(
    "CWE-401",
    "memory leak",
    (
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
    ),
)

FAMILIES = (USE_AFTER_FREE, DOUBLE_FREE, LEAK)
