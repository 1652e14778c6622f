"""The code of README and docs: found, and run as it is printed.

A block is fenced and says its language. `title="main.py"` makes it a file of the page's project, in the order of the
page; a later one of that name takes its place. `title="prints"` is what the block before it printed. What stands in an
HTML comment, `<!-- python ... -->`, runs too and is not shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LANGUAGES: Final = frozenset(
    {"bash", "caddy", "css", "docker", "html", "ini", "js", "json", "nginx", "python", "text", "toml", "yaml"}
)
_FENCE: Final = re.compile(
    r"^(?P<indent> *)(?P<mark>```|<!-- )(?P<language>[a-z]*)(?P<more>[^\n]*)\n(?P<code>.*?)^ *(?:```|-->)$",
    re.DOTALL | re.MULTILINE,
)
_TITLE: Final = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """`line`: where it stands in its page; `hidden`: in a comment."""

    language: str
    title: str
    code: str
    line: int
    hidden: bool


def pages() -> list[Path]:
    """README and what is in docs, but decisions, which are dated."""
    docs = ROOT / "docs"
    found = [path for path in docs.rglob("*.md") if path.relative_to(docs).parts[0] != "decisions"]
    return [ROOT / "README.md", *sorted(found)]


def blocks(page: Path) -> list[Block]:
    """Those of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    for match in _FENCE.finditer(text):
        hidden = match["mark"] != "```"
        if hidden and match["language"] not in LANGUAGES:  # a comment of another meaning
            continue
        indent = match["indent"]
        lines = [line.removeprefix(indent) for line in match["code"].splitlines(keepends=True)]
        title = _TITLE.search(match["more"])
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match["language"], title[1] if title else "", "".join(lines), line, hidden))
    return found


def indented(page: Path) -> list[int]:
    """Lines where code stands that says no language: four spaces after an empty line, outside a list and a fence."""
    text = re.sub(
        r"^ *```.*?^ *```$", lambda m: "-" * m[0].count("\n"), page.read_text(), flags=re.DOTALL | re.MULTILINE
    )
    found: list[int] = []
    before = listed = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            if not line.startswith(" "):
                listed = bool(re.match(r"(?:[-*]|\d+\.|!!!|\?\?\?|===) ?", line))
            elif before and line.startswith("    ") and not listed:
                found.append(number)
        before = not line.strip()
    return found
