"""Harmless statements around the flaw, drawn without a look at the label.

They use the tokens that a flaw or its repair is made of (checks, `NULL`, `free`, `sizeof`, `<=`), so that none of these
alone tells a vulnerable program from a repaired one. They read and write only `$acc`, `$knob` and their own locals,
and keep every value small. Written in the template language of `bench.tasks.embedded.build`.
"""

from __future__ import annotations

import numpy as np

OPENING = (
    "@guard $knob < 0\n",
    "@guard $knob > 100\n",
    "@guard $knob < 0 || $knob >= 64\n",
    "@guard $knob == 99\n",
    "char *$t1 = malloc($c1 + 1);\n@guard ISNULL($t1)\n$t1[0] = $knob;\n$acc += $t1[0];\nfree($t1);\n",
    "int *$t1 = calloc($c1, sizeof(*$t1));\nif (NOTNULL($t1)) {\n$acc += $t1[0];\n}\nfree($t1);\n",
)
"""May leave the function: only for the place where nothing has been acquired yet."""

ANYWHERE = (
    "for (int $j = 1; $j <= $c1; STEP($j)) {\n$acc += $j;\n}\n",
    "for (int $j = 0; $j < $c1; STEP($j)) {\n$acc ^= $j;\n}\n",
    "if ($knob > $c1) {\n$acc += $c2;\n} else {\n$acc -= 1;\n}\n",
    "if ($knob >= $c1) {\n$acc += $c2;\n}\n",
    "if ($knob == 0 || $knob > $c2) {\nSTEP($acc);\n}\n",
    "if ($knob > 0 && $knob <= $c2) {\n$acc -= $knob;\n}\n",
    "$acc += $knob > $c1 ? $c2 : $knob;\n",
    "$acc += $knob < $c1 ? $knob : $c1;\n",
    "$acc += $knob / $c1;\n",
    "$acc += $knob % $c1 - 1;\n",
    "$acc |= 1 << ($knob & 3);\n",
    "while ($acc > 100) {\n$acc -= $c1;\n}\n",
    "int $t2 = $knob;\ndo {\nSTEP($acc);\n$t2 /= 2;\n} while ($t2 > 0);\n",
    "unsigned $t2 = $knob;\n$acc += ($t2 * $c1) & 15;\n",
    'char $t2[16];\nsnprintf($t2, sizeof($t2), "%d", $knob);\n$acc += $t2[0];\n',
    "int $t2[4];\nmemset($t2, 0, sizeof($t2));\n$acc += $t2[$knob & 3];\n",
    "switch ($knob & 3) {\ncase 0:\n$acc += $c1;\nbreak;\ndefault:\n$acc += 1;\nbreak;\n}\n",
    'const char *$t3 = NULL;\nif ($knob > $c1) {\n$t3 = "ab";\n}\nif (NOTNULL($t3)) {\n$acc += $t3[0];\n}\n',
    "$acc += $calc($knob);\n",
)
"""Falls through, holds nothing: fits in any place."""

CALC = (
    "static int $calc(int $w)\n{\nreturn $w > $c1 ? $c1 : $w;\n}\n",
    "static int $calc(int $w)\n{\nif ($w <= 0) {\nreturn 0;\n}\nreturn $w / $c2;\n}\n",
    "static int $calc(int $w)\n{\n$w += $c1;\nreturn $w & 31;\n}\n",
)
"""What `$calc`, the helper that a statement above calls, may be."""

_LOCALS = ("$t1", "$t2", "$t3", "$calc")


def draw(rng: np.random.Generator) -> dict[str, str]:
    """Return statements for the places @pre, @mid and @post: one to three, no local declared twice."""
    opening = OPENING[int(rng.integers(len(OPENING)))] if rng.random() < 0.3 else ""
    places = {"@pre": opening, "@mid": "", "@post": ""}
    used = [name for name in _LOCALS if name in opening]
    for _ in range(1 + int(rng.random() < 0.2)):
        free = [text for text in ANYWHERE if not any(name in text for name in used)]
        text = free[int(rng.integers(len(free)))]
        used += [name for name in _LOCALS if name in text]
        place = ("@pre", "@mid", "@post")[int(rng.integers(3))]
        places[place] += text
    return places
