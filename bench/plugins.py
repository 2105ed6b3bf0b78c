"""Victims and attacks of somebody else, named on the command line as "package.module:factory".

The rule: what stands after the colon is called without arguments, and what it returns must have the one method that is
needed. So a class, a function, or `functools.partial` will do; an instance will not. The module is looked for as under
`python -m`, the current directory first, and importing it runs its code: it is the user's own.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bench.types import Attempt, Classifier, Sample, UsageError

if TYPE_CHECKING:
    import numpy as np

FORM = "package.module:factory"


def load_object(spec: str, method: str) -> Any:
    """Import and call a factory; `method` is "probabilities" for a classifier, "attempt" for an attack.

    Raises:
        UsageError: no such module or attribute, a factory that wants arguments, or an object without the method.
        Exception: whatever the module or the factory itself raises.
    """
    module_name, _, name = spec.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), name)):
        raise UsageError(f"expected {FORM}, got {spec!r}: name a module and what to call in it")
    factory = getattr(_module(module_name), name, None)
    if factory is None:
        raise UsageError(f"expected {name!r} in the module {module_name!r}, got no such name: mend {spec!r}")
    if not callable(factory):
        raise UsageError(f"expected {spec!r} to be a class or a function, got {type(factory).__name__}: wrap it in one")
    _check_arguments(factory, spec)
    made = factory()
    if not callable(getattr(made, method, None)):
        raise UsageError(f"expected {spec!r} to return an object with {method}(), got {type(made).__name__}: add it")
    return made


def source_file(spec: str) -> Path | None:
    """Return the file of a factory's module, without running it; None where there is none."""
    try:
        found = importlib.util.find_spec(spec.partition(":")[0])
    except (ImportError, ValueError):
        return None
    return Path(found.origin) if found is not None and found.origin and Path(found.origin).is_file() else None


def _module(name: str) -> ModuleType:
    here = os.getcwd()
    if not {"", here} & set(sys.path):
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there, and misses another
        raise UsageError(f"expected a module {name!r}, got none ({error}): run where it lies, or install it") from error


def _check_arguments(factory: Any, spec: str) -> None:
    try:
        inspect.signature(factory).bind()
    except TypeError as error:
        raise UsageError(f"expected {spec!r} to need no arguments, got {error}: wrap it in a function") from error
    except ValueError:
        return  # a builtin, which tells nothing about itself


@dataclass(frozen=True)
class Foreign:
    """An attack of the user's own: made anew for every sample, because several are attacked side by side."""

    spec: str
    """package.module:factory."""

    def attempt(self, victim: Classifier, sample: Sample, budget: int, rng: np.random.Generator) -> Attempt:
        """Let it try."""
        found: Attempt = load_object(self.spec, "attempt").attempt(victim, sample, budget, rng)
        return found
