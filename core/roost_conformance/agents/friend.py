"""Agents that ask each other: values, errors, chains, waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

from pydantic import BaseModel

from roost import Agent, AgentError, Rejected, TransientError, action

from .gate import wait_at
from .ledger import write_down


class Greeting(BaseModel):
    text: str
    at: datetime


class Memories(BaseModel):
    total: int = 0
    note: str = ""


class Friend(Agent[Memories]):
    @action
    async def greet(self, name: str) -> Greeting:
        return Greeting(text=f"hello {name}", at=datetime(2026, 1, 2, tzinfo=UTC))

    @action
    async def be_greeted(self, by: str) -> dict[str, Any]:
        """What the answer is at run time: the type its annotation says, not JSON."""
        answer = await self.agent(Friend, by).greet(self.key)
        return {"type": type(answer).__name__, "text": answer.text, "year": answer.at.year}

    @action
    async def whose(self) -> str | None:
        return None if self.caller is None else self.caller.principal

    @action
    async def ask_whose(self, other: str) -> str | None:
        return await self.agent(Friend, other).whose()

    @action
    async def add(self, by: int = 1) -> int:
        self.state.total += by
        return self.state.total

    @action
    async def add_elsewhere(self, other: str, ledger: str, fail_first: int = 0) -> int:
        """Two equal asks in one tick, which stumbles `fail_first` times after them."""
        await self.agent(Friend, other).add(1)
        await self.agent(Friend, other).add(1)
        self.state.total += 1
        if await write_down(self, ledger) <= fail_first:
            raise TransientError("stumbled", retry_after=0)
        return self.state.total

    @action
    async def refuse(self) -> None:
        self.state.total = -1
        raise Rejected("not today", code="closed", status=409, data={"until": 9})

    @action
    async def fail(self) -> None:
        raise RuntimeError("the password is hunter2")

    @action
    async def catch(self, other: str, how: str) -> dict[str, Any]:
        """Ask for trouble, and go on."""
        friend = self.agent(Friend, other)
        try:
            await (friend.refuse() if how == "refuse" else friend.fail())
        except Rejected as error:
            self.state.note = error.code
            return {"class": "Rejected", "code": error.code, "status": error.status, "data": error.data}
        except AgentError as error:
            self.state.note = error.code
            return {"class": "AgentError", "code": error.code, "message": error.message}
        raise AssertionError("the ask went well")

    @action
    async def relay(self, other: str) -> None:
        """Ask for trouble, and don't catch it."""
        self.state.total = -1
        await self.agent(Friend, other).refuse()

    @action
    async def chain(self, others: list[str]) -> int:
        """How many agents long the chain of asks was."""
        return 1 if not others else 1 + await self.agent(Friend, others[0]).chain(others[1:])

    @action
    async def doze(self, seconds: float) -> None:
        self.state.total = -1
        await asyncio.sleep(seconds)

    @action
    async def wait_for(self, other: str, timeout: float) -> str:
        """Ask one who takes too long; what became of it."""
        try:
            await self.agent(Friend, other, timeout=timeout).doze(60)
        except TransientError as error:
            self.state.note = error.code
        return self.state.note

    @action(timeout=1.5)
    async def wait_with(self, other: str) -> str:
        """The same within a tick of 1.5 s: the ask ends in time for this tick to commit."""
        return await self.wait_for(other, 60)

    @action
    async def meet(self, other: str, gate: str, timeout: float) -> str:
        """Ask one who asks back at the same time."""
        await wait_at(self, gate)
        try:
            await self.agent(Friend, other, timeout=timeout).add()
        except TransientError as error:
            self.state.note = error.code
        else:
            self.state.note = "answered"
        return self.state.note

    @action
    async def must_meet(self, other: str, gate: str) -> None:
        """The same as a tell: it is tried until it is answered."""
        await wait_at(self, gate)
        await self.agent(Friend, other).add()
        self.state.note = "met"

    @action
    async def ask_helper(self, other: str) -> None:
        """`helper` is no action: it can't be reached from outside."""
        await self.agent(Friend, other).helper()

    @action
    async def ask_wrongly(self, other: str) -> None:
        await self.agent(Friend, other).add(cast(Any, "many"))

    async def helper(self) -> None:
        self.state.total = -1


AGENTS: list[type[Agent[Any, Any]]] = [Friend]
