"""Notes of owners: what is remembered beyond a session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from pydantic import BaseModel

NoteKind: TypeAlias = Literal["fact", "decision", "preference"]
PAGE = 100
"""Notes of one answer, at most."""


class Note(BaseModel):
    """Something remembered."""

    id: str
    at: datetime
    kind: NoteKind
    text: str
    tags: list[str] = []


class NoteStore(Protocol):
    """Keeps notes elsewhere than in the agent that is asked for them. One owner's calls come one after another.

    What `put` does is done at least once and may be done though the tick that did it is not committed: the same text
    and kind is the same note.
    """

    def put(self, owner: str, text: str, kind: NoteKind, tags: Sequence[str], at: datetime) -> str:
        """The note's id. LimitExceeded: the owner has too many."""
        ...

    def notes(self, owner: str) -> list[Note]:
        """All of an owner, oldest first. AgentError `bad-memory`: what is kept can't be read."""
        ...

    def forget(self, owner: str, id: str) -> bool:
        """False: there is no such note."""
        ...


def matching(
    notes: Iterable[Note], text: str, kinds: Sequence[NoteKind], tags: Sequence[str], since: datetime | None, limit: int
) -> list[Note]:
    """Of notes, oldest first, those of these kinds with all these tags, made since then, that have words of `text`:
    with more of them first, then the newer."""
    words = set(text.casefold().split())
    found: list[tuple[int, int, Note]] = []
    for place, note in enumerate(notes):
        if (kinds and note.kind not in kinds) or not set(tags) <= set(note.tags):
            continue
        if since is not None and note.at < since:
            continue
        here = note.text.casefold()
        hits = sum(word in here for word in words)
        if hits or not words:
            found.append((hits, place, note))
    found.sort(key=lambda one: one[:2], reverse=True)
    return [note for _, _, note in found[: min(max(limit, 1), PAGE)]]
