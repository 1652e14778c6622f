"""README and docs: every block of code says what it is, and works as it is printed."""

from __future__ import annotations

import re
import tomllib
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .blocks import LANGUAGES, ROOT, blocks, indented, pages
from .run import Reader

README = ROOT / "README.md"
ELSEWHERE = {"security.md"}
"""Run by tests/core/auth/test_docs.py and tests/clients/test_security_page.py, which also look at what it lets in."""
LONG = {
    "cli.md", "clients.md", "config.md", "definitions.md", "deploying.md", "effects.md", "errors.md", "jobs.md",
    "operating.md", "state.md", "testing.md", "web.md",
}  # fmt: skip
"""A server each: a minute of both cores in all. What these pages say, other tests do too."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_block_says_its_language(page: Path) -> None:
    assert not [b.line for b in blocks(page) if b.language not in LANGUAGES], "no language, or one that nobody checks"
    assert page.name in ELSEWHERE or not indented(page), "code that is indented says no language: fence it"


def followed() -> list[Any]:
    """Pages with code, but one whose every block the README has too."""
    readme = [block.code for block in blocks(README)]
    found = [page for page in pages() if page.name not in ELSEWHERE]
    found = [page for page in found if page == README or any(block.code not in readme for block in blocks(page))]
    return [pytest.param(page, id=name(page), marks=pytest.mark.long if page.name in LONG else []) for page in found]


@pytest.mark.parametrize("page", followed())
def test_every_block_runs(page: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        reader = Reader(tmp_path, stack)
        for block in blocks(page):
            try:
                reader.read(block)
            except BaseException as error:
                raise AssertionError(f"{name(page)}:{block.line}: {error}") from error


def test_what_is_installed_can_be() -> None:
    """`pip install` of a page names Roost, with extras that it has, or what the tests use too."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    known = {*re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE), "roost"}
    lines = [line for page in pages() for b in blocks(page) if b.language == "bash" for line in b.code.splitlines()]
    found = [words for line in lines for words in re.findall(r"pip install ([^#&|]+)", line)]
    assert found
    for word in (word.strip("'\"") for words in found for word in words.split() if not word.startswith("-")):
        match = re.fullmatch(r"([\w.-]+)(?:\[([\w,]+)\])?", word)
        assert match, word
        assert match[1] == "." or match[1] in known or match[1].endswith(".txt"), word
        assert not match[2] or match[2].split(",")[0] in extras, word
