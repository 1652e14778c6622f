"""What the texts name is there: files, links, scripts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TEXTS: Final = [
    *(ROOT / name for name in ("AGENTS.md", "CONTRIBUTING.md", "SECURITY.md", "README.md")),
    *(ROOT / "docs").rglob("*.md"),
]  # fmt: skip


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_what_a_text_names_is_there(path: Path) -> None:
    text = path.read_text()
    named = {ROOT / name for name in re.findall(r"`((?:core|adapters|tests|docs|scripts)/[\w./-]+)[` ]", text)}
    linked = {(path.parent / name) for name in re.findall(r"\]\((?!\w+:)([\w./-]+)(?:#[\w-]+)?\)", text)}
    lost = sorted(str(one.relative_to(ROOT)) for one in named | linked if not one.exists())
    assert not lost, f"{path.name} names what is not there: {lost}"


def test_every_question_has_one_answer() -> None:
    questions = (ROOT / "docs" / "architecture.md").read_text().partition("## Where would I change ...")[2]
    found = re.findall(r"^\d+\. .+\? `[\w./]+`", questions, re.MULTILINE)
    assert len(found) == questions.count("?") >= 12
