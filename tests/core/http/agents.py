"""Agents for the surface's tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from roost import Agent, Caller, Credentials, Rejected, Request, Response, Retry, Run, TransientError, action, job


class Item(BaseModel):
    name: str
    price: float = 0.0


class Tally(BaseModel):
    count: int = 0
    items: list[Item] = []


class Counter(Agent[Tally]):
    """Counts, and does whatever else a test asks for."""

    gate: ClassVar[asyncio.Event | None] = None
    """What `slow` and `trickle` wait for; a test sets it."""

    @job
    async def work(self, run: Run, count: int = 1, *, label: str | None = None) -> int:
        """Count in a job.

        Slowly."""
        await run.sleep(0.01)
        return count

    @action
    async def increment(self, by: int = 1) -> int:
        """Count up.

        By one, or by as much as you like.
        """
        self.state.count += by
        self.record("counted", self.state.count)
        return self.state.count

    @action(readonly=True)
    async def get(self) -> int:
        return self.state.count

    @action
    async def echo(self, value: Any = None, *, more: Any = None) -> Any:
        return [value, more]

    @action
    async def buy(self, item: Item, count: int) -> list[Item]:
        self.state.items += [item] * min(count, 100)
        return self.state.items

    @action
    async def positional(self, a: int, b: str = "x", /) -> str:
        return b * min(a, 200_000)

    @action
    async def mixed(self, a: int, /, *, b: str = "x") -> str:
        return b * a

    @action
    async def many(self, *numbers: int, **named: str) -> int:
        return sum(numbers) + len(named)

    @action
    async def reject(self, status: int = 409) -> None:
        raise Rejected("no such seat", code="no-seat", status=status, data={"seat": 3})

    @action
    async def busy(self) -> None:
        raise TransientError("later", retry_after=1.2)

    @action(retry=Retry(attempts=1))
    async def crash(self) -> None:
        raise RuntimeError("a secret of the inside")

    @action
    async def note(self, kind: Annotated[str, Field(pattern="^[a-z]{1,20}$")], data: Any = None) -> None:
        self.record(kind, data)

    @action
    async def slow(self) -> int:
        assert Counter.gate is not None
        await Counter.gate.wait()
        self.state.count += 100
        return self.state.count

    @action
    async def trickle(self, count: int, fail: bool = False) -> AsyncIterator[int]:
        for n in range(min(count, 100)):
            if n and Counter.gate is not None:
                await Counter.gate.wait()
            yield n
        self.state.count += 1
        self.record("trickled", count)
        if fail:
            raise Rejected("in the middle", code="halfway")

    async def on_request(self, request: Request) -> Response:
        match request.path:
            case "/teapot":
                return Response("short and stout", 418, {"X-Pot": "yes"})
            case "/split":
                return Response("x", 200, {"X-Bad": "a\r\nSet-Cookie: b"})
            case "/nothing":
                return Response(status=204)
            case "/own-cors":
                return Response("x", 200, {"Access-Control-Allow-Origin": "https://theirs.example"})
            case _:
                self.state.count += 1
                return Response(
                    {
                        "method": request.method,
                        "path": request.path,
                        "query": request.query,
                        "body": request.body.decode("latin-1"),
                        "agent": request.header("user-agent"),
                        "caller": self.caller.principal if self.caller else None,
                    }
                )


class Quiet(Agent):
    """Answers no HTTP, has no state."""

    @action
    async def ping(self) -> str:
        return f"pong {self.caller.principal if self.caller else 'nobody'}"


class Strict(BaseModel):
    name: str = "x"


class Named(Agent[Strict]):
    """Has a view of its own."""

    def view(self) -> Any:
        return {"shown": self.state.name}

    @action
    async def rename(self, name: str) -> None:
        self.state.name = name


async def auth(credentials: Credentials) -> Caller | None:
    """Bearer tokens are names; a few are special."""
    match credentials.bearer or credentials.query.get("token"):
        case None:
            raise Rejected("who are you?", code="unauthorized", status=401)
        case "villain":
            raise Rejected("not you", code="forbidden", status=403)
        case "broken":
            raise RuntimeError("the password is 1234")
        case name:
            return Caller(name)
