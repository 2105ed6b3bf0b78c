"""The programs that were attacked, unchanged, as one file of a run: a report shows them beside what fooled a student.

Kept with the run, so that a report needs neither the data set nor the generator. A file that is missing or damaged
costs the report that view alone; the next session of the run writes it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from bench.storage.files import write_atomically
from bench.storage.rundir import ORIGINALS
from bench.storage.schema import canonical
from bench.types import Sample


def keep(root: Path, samples: Sequence[Sample]) -> None:
    """Write the programs of `samples` into the run directory, unless they are there."""
    programs = {sample.id: sample.code for sample in samples}
    if read(root) != programs:
        content = {"sha256": _digest(programs), "programs": programs}
        write_atomically(root / ORIGINALS, (canonical(content) + "\n").encode())


def read(root: Path) -> dict[str, str]:
    """Return the programs by sample id; none where the file is missing or does not match its checksum."""
    if not (root / ORIGINALS).is_file():  # a pipe would be waited for
        return {}
    try:
        content = json.loads((root / ORIGINALS).read_text(encoding="utf-8"))
        programs = {str(name): str(code) for name, code in content["programs"].items()}
        return programs if content["sha256"] == _digest(programs) else {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _digest(programs: dict[str, str]) -> str:
    return hashlib.sha256(canonical(programs).encode()).hexdigest()
