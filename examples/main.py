"""The app that platforms are tried with: four small agents. `scripts/dev` serves it, and shop.py."""

import asyncio
from collections.abc import AsyncIterator

from pydantic import BaseModel, Field

from roost import PUBLIC, Agent, App, Connection, Cron, Rejected, action


class Tally(BaseModel):
    count: int = 0


class Counter(Agent[Tally]):
    """Counts, and rings when asked to."""

    @action
    async def increment(self, by: int = 1) -> int:
        """Add `by` and return the new count."""
        self.state.count += by
        return self.state.count

    @action
    async def remind(self, seconds: float, text: str) -> None:
        """Ring after `seconds`, and each morning."""
        self.schedule("reminder", seconds, self.ring, text)  # same key = same schedule
        self.schedule("daily", Cron("0 9 * * *", tz="Europe/Paris"), self.ring, "good morning")

    async def ring(self, text: str) -> None:
        self.record("rang", {"text": text})
        self.broadcast({"ring": text})
        self.tell(self.agent(Audit, "log").note, f"{self.key}: {text}")  # durable, leaves with the commit


class Audit(Agent):
    """Keeps notes in its event log."""

    @action
    async def note(self, text: str) -> None:
        """Write a line."""
        self.record("note", {"text": text})

    @action(readonly=True)
    async def notes(self, last: int = 20) -> list[str]:
        """The last lines."""
        return [event.data["text"] for event in await self.events(kinds=["note"])][-last:]


class Line(BaseModel):
    who: str
    text: str


class Talk(BaseModel):
    lines: list[Line] = Field(default_factory=list[Line])


class Chat(Agent[Talk]):
    """Answers word by word and remembers the conversation."""

    @action
    async def say(self, text: str, who: str = "you") -> AsyncIterator[str]:
        """Say something; the answer streams."""
        if not text.strip():
            raise Rejected("say something", code="nothing-said")
        answer = f"You said {text!r}, and that was line {len(self.state.lines) + 1} of our talk."
        for word in answer.split():
            yield word + " "
            await asyncio.sleep(0.05)  # a model would think here
        self.state.lines += [Line(who=who, text=text), Line(who="agent", text=answer)]

    @action
    async def clear(self) -> None:
        """Forget the conversation."""
        self.state.lines.clear()


class Sheet(BaseModel):
    title: str = "untitled"
    cells: dict[str, str] = Field(default_factory=dict[str, str])


class Board(Agent[Sheet]):
    """Clients write its state; everyone who is connected sees it."""

    client_writes = True

    async def on_connect(self, connection: Connection) -> None:
        self.record("joined", {"who": connection.label, "now": len(self.connections)})

    async def on_message(self, connection: Connection, message: str | bytes) -> None:
        self.broadcast(message, without=connection)

    @action
    async def put(self, cell: str, text: str) -> int:
        """Fill a cell; returns how many there are."""
        self.state.cells[cell] = text
        return len(self.state.cells)


app = App([Counter, Audit, Chat, Board], auth=PUBLIC)  # a playground: anybody may call
