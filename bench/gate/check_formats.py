"""A check as machines read it: JSON, JUnit XML, and commands of GitHub Actions. Names in it are anybody's."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bench.gate.check import Check, Comparison, summary
from bench.storage.schema import SCHEMA

NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(check: Check) -> str:
    """Return everything that was compared, and under which limits; what is not defined is null."""
    content = {
        "schema": SCHEMA,
        "passed": not check.regressions,
        "paired": check.paired,
        **asdict(check.limits),
        "least_samples": check.least,
        "comparisons": [_finite({**asdict(one), "change": one.change}) for one in check.comparisons],
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def junit(check: Check) -> str:
    """Return a test suite with a case for each comparison; a regression is a failure."""
    suite = Element("testsuite", name="bench check", tests=str(len(check.comparisons)), errors="0", skipped="0")
    suite.set("failures", str(len(check.regressions)))
    for one in check.comparisons:
        case = SubElement(suite, "testcase", classname=_xml(one.teacher), name=_xml(_subject(one)))
        if one.verdict == "regression":
            SubElement(case, "failure", message=_xml(in_words(one)), type="regression")
    SubElement(suite, "system-out").text = summary(check)
    indent(suite)
    return tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def github(check: Check) -> list[str]:
    """Return workflow commands: an error for each regression, and a notice with the summary."""
    errors = [f"::error title=Robustness regression::{_data(in_words(one))}" for one in check.regressions]
    return [*errors, f"::notice title=bench check::{_data(summary(check))}"]


def in_words(one: Comparison) -> str:
    """Say what moved, in one line."""
    return (
        f"{_subject(one)} of {one.teacher}: {one.before:.1f}% to {one.after:.1f}% of {one.n} samples "
        f"({one.change:+.1f} points; {one.lost} lost, {one.gained} gained; p = {one.corrected:.2g} by Holm)"
    )


def _subject(one: Comparison) -> str:
    return f"{one.method} under {one.attack}" if one.attack else f"{one.method} clean"


def _finite(fields: dict[str, object]) -> dict[str, object]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in fields.items()
    }


def _xml(text: str) -> str:
    """Replace what no XML document may hold; the serialiser escapes the rest."""
    return NOT_IN_XML.sub("\ufffd", text)


def _data(text: str) -> str:
    """Escape a message, so that a name cannot become a command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
