"""The case's side of a `chatter` agent: a conversation, and what its model and its tools did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from functools import wraps
from typing import Any

from roost_client import AgentHandle, Client, Said, said_items

from ..case import Drive, case
from ..stage import Stage
from .barrier import Barrier
from .committed import committed
from .jobs import TAKEN_OVER
from .refusal import refusal
from .witness import Witness


class Chat:
    """Of one fresh session."""

    def __init__(self, stage: Stage, client: Client, kind: str = "chatter", key: str | None = None) -> None:
        self.stage = stage
        self.client = client
        self.key = key or stage.key()
        self.agent = client.agent(kind, self.key)
        self.ledger = Witness(stage, client, f"{self.key}-ledger")
        self.gate = Barrier(stage, client, f"{self.key}-gate")

    def of(self, client: Client) -> AgentHandle:
        """The same, for another client."""
        return client.agent(self.agent.address.kind, self.key)

    async def send(self, message: Any) -> dict[str, Any]:
        found: dict[str, Any] = await self.agent.call("send", message)
        return found

    async def session(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.agent.call("session")
        return found

    async def over(self, turns: int = 1, within: float | None = None) -> list[str]:
        """The history, once so many turns have ended."""

        async def probe() -> bool:
            state = await committed(self.agent)
            return state is not None and len(state["turns"]) >= turns

        await self.stage.until(probe, within=within)
        return await self.texts()

    async def messages(self, **given: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.agent.call("messages", **given)
        return found

    async def texts(self, **given: Any) -> list[str]:
        """`role: text`, and how it was cut."""
        return [line(message) for message in await self.messages(**given)]

    async def ask(self) -> dict[str, Any]:
        """The question that is open, once one is."""

        async def probe() -> dict[str, Any] | None:
            asks: list[dict[str, Any]] = (await self.session())["asks"]
            return next((ask for ask in asks if ask["answered"] is None), None)

        found: dict[str, Any] = await self.stage.until(probe, within=TAKEN_OVER)
        return found

    async def heard(self, turn: str, until: Callable[[list[Said]], bool], after: str = "") -> list[Said]:
        """What a reader of a turn is told from there on, until it has heard enough; then it leaves."""
        told: list[Said] = []

        async def listen() -> None:
            async with aclosing(self.agent.job(turn).stream("events", after=after)) as stream:
                async for one in stream:
                    told.append(one)
                    if until(told):
                        return

        try:
            await asyncio.wait_for(listen(), 2 * self.stage.patience)
        except TimeoutError:
            raise AssertionError(f"heard no more than {told}") from None
        return told

    async def crashed(self) -> None:
        """The host dies while something stands at the gate, and it is begun again after it: then the gate opens."""
        await self.gate.arrived(1)
        await self.stage.crash()
        await self.gate.arrived(2, TAKEN_OVER)
        await self.gate.open()


def line(message: dict[str, Any]) -> str:
    said = "".join(part.get("text", "") for part in message["parts"]) or " ".join(
        f"{part['type']} {part['tool']}{' ' + part['outcome'] if 'outcome' in part else ''}"
        for part in message["parts"]
    )
    return f"{message['role']}: {said}{' (' + message['cut'] + ')' if message['cut'] else ''}"


def spoken(told: list[Said]) -> str:
    """The text that a reader has by now."""
    return "".join(item["text"] for item in said_items(told) if item["type"] == "text-delta")


def chat_case(title: str, *, together: bool = False) -> Callable[[Drive], Drive]:
    """A `case` of chat agents. Where the suite has none, that they are refused by name is the case."""

    def register(drive: Drive) -> Drive:
        @wraps(drive)
        async def either(stage: Stage) -> None:
            if stage.thinks:
                await drive(stage)
                return
            async with stage.client() as client:
                error = await refusal(Chat(stage, client).send("hello"), "unknown-kind")
                assert error.status == 404, repr(error)

        return case("chat", title, together="jobs" if together else "")(either)

    return register
