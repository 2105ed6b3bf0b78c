"""Where an attack's substitute names come from, by what stands after --substitutes.

    corpus          names of the training code, drawn at random
    bounded         four of them per identifier, the same ones for every attack: a space that can be searched completely
    near            names of the training code, most similar spelling first
    near:MODEL      the same, nearest in an encoder's space (RNNS)
    mlm:MODEL       what a masked language model expects (ALERT)
    FILE.jsonl      lists that somebody shipped, such as ALERT's: {"func" or "idx", "substitutes": {name: [...]}} a line

MODEL is a local Hugging Face directory, or a hub id, which may end in @REVISION. What is not legal in a program is
filtered by attacks.names and attacks.rename, so no source can make a program illegal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from attacks.given import Given, given
from attacks.names import Fixed, Neighbours, Suggested
from attacks.rename import Drawn, Substitutes
from bench.types import Sample, UsageError

FORMS = "corpus, bounded, near, near:MODEL, mlm:MODEL or FILE.jsonl"
LONGEST_FILE = 2**30
LONGEST_LINE = 2**24
"""Bytes; ALERT's largest file of lists for Devign has 30 MB."""


def substitutes(spec: str, pool: tuple[str, ...], samples: Sequence[Sample], device: str) -> Substitutes:
    """Return the source of names that `spec` asks for.

    Args:
        spec: see the head of this module.
        pool: names of the training code, most frequent first.
        samples: the programs that will be attacked; lists of others are not kept.
        device: where a model runs.

    Raises:
        UsageError: no such source, a model that cannot be loaded, or a file that cannot be used.
    """
    kind, _, model = spec.partition(":")
    if spec == "corpus":
        return Drawn(pool)
    if spec == "bounded":
        return Fixed(Drawn(pool))
    if spec == "near":
        return Neighbours(pool)
    if kind == "near" and model:
        from bench.networks.encoders import NameSpace, load_name_space

        space = NameSpace(*_at_revision(model), device)
        load_name_space(space)  # what cannot be loaded is said now
        return Neighbours(pool, space)
    if kind == "mlm" and model:
        from bench.networks.fillmask import MaskedNames, reader

        names = MaskedNames(*_at_revision(model), device)
        reader(names)
        return Suggested(names)
    if spec.endswith(".jsonl"):
        return shipped(Path(spec), samples)
    raise UsageError(f"expected --substitutes {FORMS}, got {spec!r}: choose one")


def _at_revision(model: str) -> tuple[str, str | None]:
    name, _, revision = model.partition("@")
    return (model, None) if Path(model).exists() or not revision else (name, revision)


def shipped(path: Path, samples: Sequence[Sample]) -> Given:
    """Read lists from a file, line by line; see `attacks.given`.

    Raises:
        UsageError: no such file, too large, no UTF-8, a line that is no row, or not one row about these samples.
    """
    try:
        found = given(_rows(path), samples)
    except OSError as error:
        raise UsageError(f"expected a file of substitutes, got {error.strerror} for {path}: check the path") from error
    if not found.lists:
        raise UsageError(
            f"{path.name}: expected substitutes for the attacked programs, got none for any of them: give rows with "
            "`func`, or with the `idx` of these samples"
        )
    return found


def _rows(path: Path) -> Iterator[tuple[str, object]]:
    if path.stat().st_size > LONGEST_FILE:
        raise UsageError(f"{path.name}: expected at most {LONGEST_FILE} bytes, got more: keep the rows that are needed")
    with path.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(LONGEST_LINE + 1), b""), start=1):
            if line.strip():
                yield f"{path.name}:{number}", _json(line, f"{path.name}:{number}")


def _json(line: bytes, where: str) -> object:
    if len(line) > LONGEST_LINE:
        raise UsageError(f"{where}: expected at most {LONGEST_LINE} bytes in a line, got more: drop the row")
    try:
        return json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: expected UTF-8 text, got {error.reason}: convert the file") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: expected a JSON object, got {error!s:.80}: mend or drop the line") from error
