"""From values to one HTML file: everything is escaped, and the browser is told to run nothing but our own script.

Text reaches a page through jinja2, which escapes it; the only markup that is let through is our own SVG. Should
anything slip past, the Content-Security-Policy names the hash of the one script that may run, and allows no connection.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bench.reporting.html.grid import grid
from bench.reporting.tables import UNDEFINED, Number

if TYPE_CHECKING:
    from jinja2 import Environment

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'"


def render(template: str, **content: Any) -> bytes:
    """Return the page that a template makes of its content."""
    page = _environment().get_template(template)
    return page.render(**content, style=_read("style.css"), script=_script(), policy=_policy()).encode("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bench.reporting.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"grid": grid, "UNDEFINED": UNDEFINED}
    environment.tests["number"] = lambda entry: isinstance(entry, Number)
    return environment


def _script() -> str:
    return _read("page.js")


def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()
    return POLICY.format(digest)


@cache
def _read(name: str) -> str:
    return files("bench.reporting.html").joinpath("templates", name).read_text(encoding="utf-8").strip()
