"""Bars: what is asked of a number, what was measured, and whether it held, in one table at the end of `make bench`.

A bar that is asserted fails its benchmark where it is missed, so that `make bench` fails; the others are told only.
What else the benchmarks found stands above the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Bar:
    """One number against what is asked of it."""

    what: str
    asked: str
    measured: str
    held: bool
    asserted: bool

    @property
    def verdict(self) -> str:
        return "held" if self.held else "MISSED" if self.asserted else "missed (told, not asserted)"


BARS = pytest.StashKey[list[Bar]]()


@pytest.fixture
def bar(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Put a line into the table; fail where an asserted bar is missed."""

    def hold(
        what: str,
        measured: float,
        *,
        least: float | None = None,
        most: float | None = None,
        unit: str = "",
        asserted: bool = True,
    ) -> None:
        assert (least is None) != (most is None)
        held = measured >= least if least is not None else measured <= most
        asked = f"{'>=' if most is None else '<='} {least if most is None else most:g}{unit}"
        found = Bar(what, asked, f"{measured:.2f}{unit}", held, asserted)
        request.config.stash.setdefault(BARS, []).append(found)
        if asserted and not held:
            pytest.fail(f"{what}: asked {found.asked}, measured {found.measured}", pytrace=False)

    return hold


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List the extra information of every benchmark that ran, then the bars."""
    session = getattr(config, "_benchmarksession", None)
    found = [(one.name, one.extra_info) for one in getattr(session, "benchmarks", ()) if one.extra_info]
    if found:
        terminalreporter.section("measured")
    for name, extra in found:
        terminalreporter.line(name)
        for what, value in extra.items():
            terminalreporter.line(f"    {what}: {value}")
    if bars := config.stash.get(BARS, []):
        terminalreporter.section("bars")
        rows = [("bar", "asked", "measured", ""), *((one.what, one.asked, one.measured, one.verdict) for one in bars)]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        for row in rows:
            cells = (text.ljust(width) for text, width in zip(row, widths, strict=False))
            terminalreporter.line("  ".join([*cells, row[3]]).rstrip())
