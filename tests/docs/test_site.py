"""The site: every page has its place, every public name an entry, and llms.txt names them all."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

import yaml  # type: ignore[import-untyped]  # pyright: ignore[reportMissingModuleSource]

from tests.packaging.test_public_names import PUBLIC

from .blocks import ROOT

DOCS = ROOT / "docs"
SHOWN = ("roost", "roost_chat", "roost_chat.testing", "roost_client", "roost_auth")
"""Whose `__all__` is public; of others what PUBLIC lists."""


def navigated(items: Any) -> Iterator[str]:
    """The pages of the navigation, in its order."""
    for item in items:
        for found in item.values():
            if isinstance(found, str):
                yield found
            else:
                yield from navigated(found)


PAGES = list(navigated(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))


def test_every_page_has_its_place() -> None:
    assert len(PAGES) == len({*PAGES})
    there = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert {page for page in there if not page.startswith("decisions/")} == {*PAGES}


def test_llms_txt_names_every_page() -> None:
    assert re.findall(r"^- \[[^\]]+\]\(([^)]+)\): .+", (DOCS / "llms.txt").read_text(), re.MULTILINE) == PAGES


def test_pages_are_short_and_say_what_to_do_when_it_goes_wrong() -> None:
    """Of those that a user works by; jobs, chat, models and security are references too."""
    for page in [p for p in PAGES if p.startswith("guide/")] + [
        "tutorial.md",
        "deploying.md",
        "operating.md",
        "cli.md",
    ]:
        text = (DOCS / page).read_text()
        assert len(text.splitlines()) < 190 and "hen it goes wrong" in text, page


def test_every_public_name_has_an_entry() -> None:
    pages = "\n".join(path.read_text() for path in (DOCS / "reference").glob("*.md"))
    entries = re.findall(r"^::: (\S+)$", pages, re.MULTILINE)
    assert len(entries) == len({*entries}), "twice"
    wanted = {f"{module}.{name}" for module in SHOWN for name in importlib.import_module(module).__all__}
    errors = {"Fenced", "Unknown", "from_problem", "problem"}
    for module, names in PUBLIC.items():
        if module not in SHOWN and module != "roost.testing.app":
            wanted |= {f"{module}.{name}" for name in names.split() if module != "roost.errors" or name in errors}
    assert wanted == {*entries}
    for entry in entries:
        module, _, name = entry.rpartition(".")
        assert hasattr(importlib.import_module(module), name), entry


def test_every_public_class_and_function_says_what_it_is() -> None:
    pages = "\n".join(path.read_text() for path in (DOCS / "reference").glob("*.md"))
    silent: list[str] = []
    for entry in re.findall(r"^::: (\S+)$", pages, re.MULTILINE):
        module, _, name = entry.rpartition(".")
        found = getattr(importlib.import_module(module), name)
        if isinstance(found, type) or callable(found):
            own = vars(found).get("__doc__") if isinstance(found, type) else found.__doc__
            if not own:
                silent.append(entry)
    assert not silent
