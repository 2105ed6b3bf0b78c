"""Programs written anew at random: the renames and rewrites of our attacks, applied without asking any victim.

What robustness is learned from (augmented-kd, pioneer-style, MORPH, MoEKD's views) is thus made of the same places and
the same legal alternatives as what it is attacked with. `renamed` gives every local and parameter another name of the
training code (MORPH's "higher order"); `rewritten` changes each place that a rewrite applies to with probability one
half; `both` does both. A program that cannot be analysed stays as it is. Results are kept as artifacts of the run.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from joblib import Parallel, delayed

from attacks.judge import MAX_DEPTH, unparsable
from attacks.program import Program
from attacks.rename import COMMON_NAMES, Drawn, gather_names, rename_loci
from attacks.rewrite import rewrite_loci
from bench.distillation.remembered import digest, shelved
from bench.rng import stream
from bench.storage.parcels import Shelf
from bench.syntax.csource import parse
from bench.types import View

NAMING_PROGRAMS = 2000
"""Labelled programs whose names are drawn from: some 7,000 names on Devign, in ten seconds."""
WORTH_SHARING = 400
"""Programs from which on several processes are faster than one."""
FILE = "programs.json"


@functools.lru_cache(maxsize=2)
def names_of(programs: tuple[str, ...]) -> tuple[str, ...]:
    """Return legal local names of these programs, most frequent first; usual names where there are none."""
    return gather_names(programs[:NAMING_PROGRAMS]) or COMMON_NAMES


def rewritten(program: str, view: View, pool: tuple[str, ...], seed: int) -> str:
    """Return one program in a view; the same arguments give the same text.

    Args:
        program: any text.
        view: what may change.
        pool: names to draw from.
        seed: of the draw, together with the program itself.
    """
    if view == "clean" or unparsable(program):
        return program
    source, rng = parse(program), stream(seed, "perturb", view, program)
    if source.depth > MAX_DEPTH:
        return program
    names = rename_loci(source, Drawn(pool), rng) if view in ("renamed", "both") else ()
    places = rewrite_loci(source) if view in ("rewritten", "both") else ()
    made = Program(source, (*names, *places))
    renamed, changed = made.random(rng, 1.0), made.random(rng, 0.5)
    return made.render(
        [one if locus.family == "rename" else two for locus, one, two in zip(made.loci, renamed, changed, strict=True)]
    )


@dataclass(frozen=True)
class Perturbation:
    """`bench.types.Perturb` for one run."""

    shelf: Shelf
    named: tuple[str, ...] = field(repr=False)
    """Programs whose local names are drawn from."""

    def __call__(self, programs: Sequence[str], view: View, seed: int) -> tuple[str, ...]:
        """Return the programs in a view, in order."""
        if view == "clean":
            return tuple(programs)

        def write(folder: Path) -> None:
            (folder / FILE).write_text(json.dumps(self._made(programs, view, seed)) + "\n", encoding="utf-8")

        key = json.dumps([digest(self.named), digest(programs), view, seed])
        folder = shelved(self.shelf, f"programs-{view}", key, write)
        return tuple(json.loads((folder / FILE).read_text(encoding="utf-8")))

    def _made(self, programs: Sequence[str], view: View, seed: int) -> list[str]:
        pool = names_of(self.named)
        jobs = -1 if len(programs) >= WORTH_SHARING else 1
        made: list[str] = Parallel(n_jobs=jobs, batch_size=50)(
            delayed(rewritten)(p, view, pool, seed) for p in programs
        )
        return made
