"""Pages that mkdocs makes from the registry: one per method and one per attack, so that no list can go stale."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from attacks import recipes, recipes_code, suite
from attacks.catalogue import CATALOGUE
from bench.registry import METHODS

RECIPES: Mapping[str, object] = {
    "rename-greedy": recipes.RenameGreedy,
    "rewrite-beam": recipes_code.RewriteBeam,
    "alert-greedy": recipes.alert_greedy,
    "alert": recipes.alert,
    "mhm-ns": recipes.mhm,
    "mhm-vocabulary": recipes.mhm_vocabulary,
    "wir-random": recipes.wir_random,
    "wir-random-first": recipes.wir_random_first,
    "rename-beam": recipes.rename_beam,
    "rnns": recipes.rnns,
    "random-names": recipes.random_names,
    "exhaustive": recipes.exhaustive,
    "style-transfer": recipes_code.style_transfer,
    "layout": recipes_code.layout,
    "coda-style": recipes_code.coda_style,
    "combined": recipes_code.combined,
    "random-moves": recipes_code.random_moves,
    "suite": suite,
}
"""What describes each attack: its recipe, whose docstring says what the paper claims and what differs here."""


def pages() -> dict[str, str]:
    """Return every generated page by its path."""
    found = {"methods/index.md": _index("Methods", METHODS), "attacks/index.md": _index("Attacks", CATALOGUE)}
    for name, entry in METHODS.items():
        found[f"methods/{name}.md"] = _page(name, entry, _about_method(entry.make), _settings(entry.make))
    for name, listed in CATALOGUE.items():
        command = f"python -m bench attack --model MODEL --task devign --data PATH --attack {name}"
        use = f"\n## Use\n\n```text\n{command}\n```\n"
        found[f"attacks/{name}.md"] = _page(name, listed, inspect.getdoc(RECIPES[name]) or "", use)
    return found


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the generated pages into the navigation."""
    for title, kind, entries in (("Methods", "methods", METHODS), ("Attacks", "attacks", CATALOGUE)):
        listed = [{"Overview": f"{kind}/index.md"}, *({name: f"{kind}/{name}.md"} for name in entries)]
        config.nav.insert(2, {title: listed})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def _index(title: str, entries: Mapping[str, Any]) -> str:
    rows = [f"| [{name}]({name}.md) | {entry.summary} | {entry.source} |" for name, entry in entries.items()]
    return "\n".join([f"# {title}\n", "| name | what it is | source |", "|---|---|---|", *rows, ""])


def _page(name: str, entry: Any, about: str, more: str) -> str:
    return f"# {name}\n\n{_sentence(entry.summary)} Source: {entry.source}.\n\n{about}\n{more}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _about_method(make: Any) -> str:
    """Return what the method says of itself, after what its module says where that is about this method alone."""
    own, module = inspect.getdoc(make) or "", inspect.getmodule(make)
    alone = module is not None and sum(entry.make.__module__ == module.__name__ for entry in METHODS.values()) == 1
    return f"{inspect.getdoc(module)}\n\n{own}" if alone else own


def _settings(make: Any) -> str:
    """Return the method's fields, which a spec such as `moekd[experts=2]` sets."""
    if not is_dataclass(make):
        return ""
    rows = [f"| `{f.name}` | `{f.type}` | {_default(f)} |" for f in fields(make) if f.init]
    return "\n".join(["\n## Settings\n", "| field | type | default |", "|---|---|---|", *rows, ""]) if rows else ""


def _default(field: Any) -> str:
    return "" if field.default is MISSING else f"`{field.default!r}`"
