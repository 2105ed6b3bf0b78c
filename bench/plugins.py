"""Victims and attacks of somebody else, named on the command line as "package.module:factory".

The rule: what stands after the colon is called without arguments, and what it returns must have the one method that is
needed. So a class, a function, or `functools.partial` will do; an instance will not. The module is looked for as under
`python -m`, the current directory first, and importing it runs its code: it is the user's own. Whatever that code
raises, now or later, is one line that names it (`theirs`): a traceback through our frames would look like our bug.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any

from bench.types import UsageError

FORM = "package.module:factory"
LONGEST = 200
"""Characters of a foreign error that are shown."""


class PluginError(UsageError):
    """Code of the user's own failed, or answered with nonsense."""

    def __init__(self, spec: str, reason: str, sample: str = "", place: int | None = None) -> None:
        """Say what failed and why; `place` is that of a program among those asked about, where no sample is known."""
        super().__init__(spec, reason, sample, place)
        self.spec, self.reason, self.sample, self.place = spec, reason, sample, place

    def __str__(self) -> str:
        where = f" on {self.sample}" if self.sample else ""
        return f"{self.spec!r} failed{where}: {self.reason}; mend it (what was finished before is kept)"

    def about(self, sample: str) -> PluginError:
        """Return the same error about this sample, unless it names one."""
        return self if self.sample else PluginError(self.spec, self.reason, sample, self.place)


@contextmanager
def theirs(spec: str, sample: str = "", passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Run the user's code: what it raises becomes a `PluginError`, but not usage errors and what is `passing`."""
    kept: tuple[type[Exception], ...] = (UsageError, *passing)
    try:
        yield
    except kept:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(spec, _told(spec, error), sample) from error


def _told(spec: str, error: BaseException) -> str:
    """Return type, text and line of an error."""
    file = getattr(sys.modules.get(spec.partition(":")[0]), "__file__", None)
    lines = [line for frame, line in walk_tb(error.__traceback__) if file and frame.f_code.co_filename == file]
    where = f" ({Path(file).name}, line {lines[-1]})" if file and lines else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST]}".rstrip(": ") + where


def load_object(spec: str, method: str) -> Any:
    """Import and call a factory; `method` is "probabilities" for a classifier, "attempt" for an attack.

    Raises:
        UsageError: no such module or attribute, a factory that wants arguments, or an object without the method; a
            `PluginError` where the module or the factory itself raises.
    """
    with theirs(spec):
        return _load(spec, method)


def _load(spec: str, method: str) -> Any:
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
