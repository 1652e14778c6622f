"""The two agents that the official JavaScript clients are driven against."""

from collections.abc import AsyncIterator

from pydantic import BaseModel

from roost import Agent, App, Rejected, Request, action


class Tally(BaseModel):
    count: int = 0


class Counter(Agent[Tally]):
    """Read-only for clients: its state changes by actions alone."""

    @action
    async def increment(self, by: int = 1) -> int:
        self.state.count += by
        return self.state.count

    @action
    async def fail(self, message: str) -> None:
        self.state.count += 1000  # must not be seen: a failed tick leaves nothing
        raise Rejected(message)

    @action
    async def stream(self, n: int) -> AsyncIterator[int]:
        for i in range(n):
            yield i

    async def on_request(self, request: Request) -> str:
        return f"hello {self.key}"


class Text(BaseModel):
    text: str = ""


class Board(Agent[Text]):
    client_writes = True


app = App([Counter, Board])
