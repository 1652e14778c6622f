"""A day's notes as a page of Markdown that people read and edit.

# 2026-11-30

## Facts Stored

- The dog is called Rex.
  <!-- tags: ["dog"] -->

An item is a note. Its further lines are indented by two spaces; its last one may be a comment with its tags. What
stands elsewhere is a person's, and stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, cast

from roost.errors import AgentError

from .memory import NoteKind

TITLES: Final[dict[NoteKind, str]] = {
    "decision": "Decisions Made", "preference": "Preferences Learned", "fact": "Facts Stored",
}  # fmt: skip
_KINDS: Final[dict[str, NoteKind]] = {title.casefold(): kind for kind, title in TITLES.items()}
_TAGS: Final = re.compile(r"<!-- tags: (\[.*\]) -->")
_CONFLICT: Final = re.compile(r"<{7} |={7}$|>{7} |\|{7} ")


@dataclass(frozen=True, slots=True)
class Item:
    """A note of the page, and the lines that it is: from `first` to before `end`."""

    kind: NoteKind
    text: str
    tags: tuple[str, ...]
    first: int
    end: int

    @property
    def id(self) -> str:
        return id_of(self.kind, self.text)


def id_of(kind: NoteKind, text: str) -> str:
    """The same for the same note, whatever day it is on: 16 hex digits."""
    return sha256(f"{kind}\0{text}".encode()).hexdigest()[:16]


def items(text: str, name: str) -> list[Item]:
    """The page's notes. AgentError `bad-memory`: an unfinished merge, or tags that can't be read, with the place."""
    lines = text.split("\n")
    found: list[Item] = []
    kind: NoteKind | None = None
    at = 0
    while at < len(lines):
        line = lines[at]
        if _CONFLICT.match(line):
            raise AgentError(f"{name}:{at + 1}:1: a merge was not finished: keep one of both", code="bad-memory")
        if line.startswith("#"):
            kind = _KINDS.get(line.lstrip("#").strip().casefold()) if line.startswith("## ") else None
        if kind is None or not line.startswith(("- ", "* ")):
            at += 1
            continue
        first, at = at, at + 1
        body = [line[2:]]
        end = at
        while at < len(lines) and (not lines[at].strip() or lines[at].startswith("  ")):
            if lines[at].strip():
                body += [""] * (at - end)  # empty lines inside
                body.append(lines[at][2:])
                end = at + 1
            at += 1
        at = end
        tags: tuple[str, ...] = ()
        if len(body) > 1 and (mark := _TAGS.fullmatch(body[-1])):
            tags = _tags(mark[1], f"{name}:{end}:3")
            body.pop()
        said = "\n".join(body).strip()
        if said:
            found.append(Item(kind, said, tags, first, end))
    return found


def _tags(text: str, place: str) -> tuple[str, ...]:
    try:
        given: Any = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, list) or not all(isinstance(one, str) for one in cast("list[object]", given)):
        raise AgentError(f'{place}: tags are a list of texts: <!-- tags: ["a", "b"] -->', code="bad-memory")
    return tuple(cast("list[str]", given))


def added(text: str, day: str, kind: NoteKind, said: str, tags: Sequence[str]) -> str:
    """The page with one more note, below those of its kind."""
    body = said.split("\n")
    if tags or (len(body) > 1 and _TAGS.fullmatch(body[-1])):
        body.append(f"<!-- tags: {json.dumps(list(tags), ensure_ascii=False)} -->")
    lines = [f"- {body[0]}", *(f"  {line}" if line else "" for line in body[1:])]
    old = text.split("\n") if text.strip() else [f"# {day}", ""]
    mine = [item for item in items(text, day) if item.kind == kind]
    if mine:
        return "\n".join([*old[: mine[-1].end], *lines, *old[mine[-1].end :]])
    for at, line in enumerate(old):
        if line.startswith("## ") and _KINDS.get(line[3:].strip().casefold()) == kind:
            return "\n".join([*old[: at + 1], "", *lines, *old[at + 1 :]])
    while old and not old[-1].strip():
        old.pop()
    return "\n".join([*old, "", f"## {TITLES[kind]}", "", *lines, ""])


def without(text: str, item: Item) -> str:
    """The page without a note of it."""
    lines = text.split("\n")
    return "\n".join([*lines[: item.first], *lines[item.end :]])
