"""What the attacks are tried on: an app open to all, whose agent tells what reached it."""

from __future__ import annotations

from pydantic import BaseModel

from roost import Agent, App, Request, Response, action


class Tally(BaseModel):
    count: int = 0


class Counter(Agent[Tally]):
    @action
    async def add(self, by: int = 1) -> int:
        self.state.count += by
        return self.state.count

    @action
    async def fill(self, entries: int, size: int) -> None:
        for _ in range(entries):
            self.record("filler", "x" * size)

    async def on_request(self, request: Request) -> Response:
        self.state.count += 1
        return Response(f"{request.method} {self.state.count}")


app = App([Counter])
