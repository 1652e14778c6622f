"""Each way out of a handler that is not its return, after it has changed and recorded all it may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from pydantic import BaseModel

from roost import Agent, Connection, action, resource

LEFT: set[asyncio.Task[None]] = set()
"""What ticks left behind."""


class Purse(BaseModel):
    balance: int = 100
    notes: list[str] = []


class Tariff(BaseModel):
    fees: list[int] = [1]


class Odd(BaseException):
    """Of nobody's taxonomy."""


@resource
async def group() -> AsyncIterator[asyncio.TaskGroup]:
    async with asyncio.TaskGroup() as found:
        yield found


async def end(how: str) -> None:
    """Leave the handler, whichever way."""
    match how:
        case "subtask":
            task = asyncio.create_task(asyncio.sleep(60))
            task.cancel()
            await task
        case "oneself":
            own = asyncio.current_task()
            assert own is not None
            own.cancel()
            await asyncio.sleep(0.01)
        case "exit":
            raise SystemExit(3)
        case "interrupt":
            raise KeyboardInterrupt
        case "generator":
            raise GeneratorExit
        case "group":
            raise BaseExceptionGroup("several", [Odd(), ValueError("the password is hunter2")])
        case "late":
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        case "never":
            while True:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)
        case _:
            raise Odd("the password is hunter2")


class Ender(Agent[Purse, Tariff]):
    group = group

    @action(timeout=0.5)
    async def pay(self, how: str, wait: float = 0.0) -> None:
        self.state.balance -= 30
        self.record("paid")
        self.kv.put("paid", True)
        self.broadcast({"news": "paid"})
        self.tell(self.add, 1000)
        await asyncio.sleep(wait)
        await end(how)

    @action(timeout=5)
    async def trickle(self, how: str) -> AsyncGenerator[int, None]:
        self.state.balance -= 30
        try:
            yield 1
            await end(how)
        finally:
            self.state.balance -= 30

    @action(readonly=True, timeout=0.5)
    async def look(self, how: str = "") -> int:
        if how:
            await end(how)
        return self.state.balance

    @action
    async def add(self, by: int) -> int:
        self.state.balance += by
        return self.state.balance

    @action
    async def found(self) -> list[Any]:
        return [self.state.balance, await self.kv.get("paid", bool, False), len(await self.events())]

    @action
    async def leave(self) -> None:
        """A task that goes on after the tick, with all that it could reach."""
        state = self.state

        async def go_on() -> None:
            await asyncio.sleep(0.05)
            state.balance += 1000
            state.notes.append("late")
            with suppress(Exception):
                self.state.balance += 1000
            doors: list[Callable[[], object]] = [
                lambda: self.tell(self.add, 1000), lambda: self.record("late"), lambda: self.kv.put("paid", True),
            ]  # fmt: skip
            for late in doors:
                with suppress(Exception):
                    late()

        task = asyncio.create_task(go_on())
        LEFT.add(task)
        task.add_done_callback(LEFT.discard)

    @action
    async def raise_fee(self) -> list[int]:
        self.config.fees.append(2)
        return self.config.fees

    @action
    async def fees(self) -> list[int]:
        return self.config.fees

    @action
    async def work(self) -> None:
        self.group.create_task(asyncio.sleep(0))


class Leaver(Agent[Purse]):
    """Its hook fails when a connection leaves."""

    async def on_disconnect(self, connection: Connection, /) -> None:
        self.state.balance -= 30
        await end(connection.label)

    @action
    async def inside(self) -> list[Any]:
        return [len(self.connections), self.state.balance]


class Shown(Agent[Purse]):
    """Makes its own view."""

    def view(self) -> Any:
        match self.state.balance:
            case 13:
                raise SystemExit("the password is hunter2")
            case 14:
                self.tell(self.add, 1)
            case 15:
                return self.kv.get("paid", bool)
            case _:
                pass
        return [self.key, self.state.balance, len(self.connections), self.now.tzinfo is not None]

    @action
    async def add(self, by: int) -> int:
        self.state.balance += by
        return self.state.balance


AGENTS: list[type[Agent[Any, Any]]] = [Ender, Leaver, Shown]
