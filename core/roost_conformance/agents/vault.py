"""Agents that ask who calls: one that guards its actions, one that calls it in the name of nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel

from roost import Agent, Connection, action
from roost.contract.errors import RoostError


class Kept(BaseModel):
    lines: list[str] = []


class Vault(Agent[Kept]):
    """Writes down who did what: source, principal, roles."""

    def _who(self) -> list[Any]:
        caller = self.caller
        return ["nobody"] if caller is None else [caller.source, caller.principal, *caller.roles]

    def _note(self, what: str) -> list[Any]:
        self.state.lines.append(f"{what} {'/'.join(map(str, self._who()))}")
        return self._who()

    @action
    async def who(self) -> list[Any]:
        return self._who()

    @action
    async def note(self, what: str) -> list[Any]:
        return self._note(what)

    @action(by="agent")
    async def agents(self, what: str) -> list[Any]:
        return self._note(what)

    @action(by=("operator", "app"))
    async def operators(self, what: str) -> list[Any]:
        return self._note(what)

    @action(by="client", roles=("admin", "clerk"))
    async def clerks(self, what: str) -> list[Any]:
        return self._note(what)

    @action(by="agent", readonly=True)
    async def peek(self) -> list[str]:
        return self.state.lines

    @action(by="agent")
    async def trickle(self) -> AsyncIterator[int]:
        self._note("trickle")
        yield 1

    @action
    async def inside(self) -> list[list[str]]:
        """(source, principal) of each connection."""
        return [[c.caller.source, c.caller.principal] if c.caller else ["nobody"] for c in self.connections]

    @action
    async def ring(self, text: str) -> None:
        self.broadcast({"rings": text})

    @action
    async def later(self) -> None:
        """Its own guarded actions are its to run."""
        self.tell(self.clerks, "told itself")
        self.schedule("soon", 0.05, self.agents, "by schedule")

    async def on_message(self, connection: Connection, message: str | bytes, /) -> None:
        self._note(f"message {message!r}")


class Messenger(Agent):
    """Calls a vault: as an agent, whoever called it."""

    @action
    async def carry(self, vault: str, name: str, what: str) -> list[Any]:
        found: list[Any] = await getattr(self.agent(Vault, vault), name)(what)
        return found

    @action
    async def send(self, vault: str, name: str, what: str) -> None:
        self.tell(getattr(self.agent(Vault, vault), name), what)

    @action
    async def refused(self, vault: str) -> str:
        """The code of what a guarded action answers to an agent."""
        try:
            await self.agent(Vault, vault).clerks("by an agent")
        except RoostError as error:
            return error.code
        return ""


AGENTS: list[type[Agent[Any, Any]]] = [Vault, Messenger]
