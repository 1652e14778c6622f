"""What chat agents remember beyond a session: notes of one owner, who alone can read them.

class Support(MemoryTools, ChatAgent): ...
app = App([Support, Memories])
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from roost.author.action import action
from roost.author.agent import Agent
from roost.errors import LimitExceeded, NotFound, Rejected
from roost_stores.memory import Note, NoteKind, NoteStore, matching

from . import history
from .tools import run, tool

PREFIX: Final = "n/"
NOTES: Final = 2_000
"""Of one owner."""
TEXT: Final = 4_000
"""Characters of one."""


class Shelf(BaseModel):
    """How many notes an owner has, and the number of the next one."""

    count: int = 0
    next: int = 1


class Memories(Agent[Shelf]):
    """The notes of one owner: `user:{principal}`, or `session:{kind}/{key}` where nobody said who they are.

    Agents of the app write and read them; a client reads and forgets those of its own name.
    """

    kept: ClassVar[NoteStore | None] = None
    """Where the notes are; None: they are this agent's. Set by who serves it (`services.memory` of roost.yaml)."""

    @action(by="agent")
    async def put(self, text: str, kind: NoteKind = "fact", tags: Sequence[str] = ()) -> str:
        """Remember; the note's id. One of the same kind and text is kept once."""
        text = text.strip()
        if not text or len(text) > TEXT:
            raise Rejected(f"a note has 1 to {TEXT:,} characters, not {len(text):,}", code="bad-note")
        if self.kept is not None:
            return self.kept.put(self.key, text, kind, list(tags)[:16], self.now)
        async for _, known in self.kv.scan(Note, prefix=PREFIX):
            if (known.kind, known.text) == (kind, text):
                return known.id
        if self.state.count >= NOTES:
            raise LimitExceeded(f"{NOTES:,} notes are kept of one owner: forget some", limit="chat_notes")
        id = f"{self.state.next:010d}"
        self.kv.put(PREFIX + id, Note(id=id, at=self.now, kind=kind, text=text, tags=list(tags)[:16]))
        self.state.next += 1
        self.state.count += 1
        return id

    @action(readonly=True)
    async def query(
        self, text: str = "", kinds: Sequence[NoteKind] = (), tags: Sequence[str] = (), since: datetime | None = None,
        limit: int = 20,
    ) -> list[Note]:  # fmt: skip
        """Notes with the words of `text` (those with more of them first, then the newer), of these kinds, with all
        these tags, made since then."""
        self._mine()
        if self.kept is not None:
            day = None if since is None else since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            return matching(self.kept.notes(self.key), text, kinds, tags, day, limit)
        notes = [note async for _, note in self.kv.scan(Note, prefix=PREFIX)]
        return matching(notes, text, kinds, tags, since, limit)

    @action
    async def forget(self, id: str) -> None:
        """404 `no-note`."""
        self._mine()
        if self.kept is not None:
            if not self.kept.forget(self.key, id):
                raise NotFound(f"there is no note {id!r}", code="no-note")
            return
        if await self.kv.get(PREFIX + id, Note) is None:
            raise NotFound(f"there is no note {id!r}", code="no-note")
        self.kv.delete(PREFIX + id)
        self.state.count -= 1

    def _mine(self) -> None:
        caller = self.caller
        if caller is None or (caller.source == "client" and self.key != f"user:{caller.principal}"):
            raise Rejected("these notes are somebody else's", code="not-allowed", status=403)


class MemoryTools:
    """Mix into a chat agent: the model may remember, and look up what was remembered, of the session's owner."""

    memories: ClassVar[type[Memories]] = Memories

    @tool
    async def remember(self: Any, text: str, kind: NoteKind = "fact") -> str:
        """Keep something for later conversations: a fact, a decision, or a preference of the user. One sentence that
        can be understood alone."""
        owner: str = await run().tick(self.chat_memory_owner)
        return await run().call(self.agent(self.memories, owner).put, text, kind)

    @tool
    async def recall(self: Any, text: str = "", limit: int = 10) -> list[Note]:
        """Look up what was remembered of this user, by words; without any, the latest."""
        owner: str = await run().tick(self.chat_memory_owner)
        return await run().call(self.agent(self.memories, owner).query, text, limit=limit)

    @action(public=False)
    async def chat_memory_owner(self: Any) -> str:
        """Whose notes this session reads and writes."""
        owner = (await history.session_of(self.kv, self.now)).owner
        return f"user:{owner[1]}" if owner is not None else f"session:{self.kind}/{self.key}"
