"""A user's sessions: one agent a user, told of by those that are listed there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from roost.author.action import action
from roost.author.agent import Agent
from roost.errors import Rejected

from .records import SessionState

ROWS: Final = "s/"
PAGE: Final = 100


class Listed(BaseModel):
    """A session in a list."""

    kind: str
    key: str
    title: str
    state: SessionState
    at: datetime
    """When it was last told of."""


class ChatSessions(Agent):
    """Its key is the principal of the user. `directory = ChatSessions` in a chat agent has its sessions listed here, in
    an app that has both."""

    @action(by="agent")
    async def note(self, session: Listed) -> None:
        """A session has another title or state."""
        caller = self.caller
        if caller is None or caller.principal != f"{session.kind}/{session.key}":
            raise Rejected("a session is told of by itself", code="not-allowed", status=403)
        self.kv.put(f"{ROWS}{session.kind}/{session.key}", session)

    @action
    async def forget(self, kind: str, key: str) -> None:
        """Take a session off the list."""
        self._mine()
        self.kv.delete(f"{ROWS}{kind}/{key}")

    @action(readonly=True)
    async def sessions(self, states: Sequence[SessionState] = (), after: str = "", limit: int = PAGE) -> list[Listed]:
        """In the order of kind and key, beyond `after` (`kind/key`); of these states, if any are given."""
        self._mine()
        found: list[Listed] = []
        async for _, one in self.kv.scan(Listed, prefix=ROWS, after=f"{ROWS}{after}"):
            if not states or one.state in states:
                found.append(one)
                if len(found) >= min(max(limit, 1), PAGE):
                    break
        return found

    def _mine(self) -> None:
        caller = self.caller
        if caller is not None and caller.source == "client" and caller.principal != self.key:
            raise Rejected("these sessions are somebody else's", code="not-allowed", status=403)
        if caller is None:
            raise Rejected("sessions are listed for who says who it is", code="not-allowed", status=403)
