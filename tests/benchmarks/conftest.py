"""Prints what each benchmark found besides its time: the ratios that are the bars."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List the extra information of every benchmark that ran."""
    session = getattr(config, "_benchmarksession", None)
    found = [(one.name, one.extra_info) for one in getattr(session, "benchmarks", ()) if one.extra_info]
    if not found:
        return
    terminalreporter.section("measured")
    for name, extra in found:
        terminalreporter.line(name)
        for what, value in extra.items():
            terminalreporter.line(f"    {what}: {value}")
