"""A queue of notes, to see in which order triggers run, and what becomes of tells that fail."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from roost import Agent, Rejected, Retry, TransientError, action

from .gate import wait_at
from .ledger import write_down


class Notes(BaseModel):
    done: list[str] = []


class Line(Agent[Notes]):
    @action
    async def note(self, text: str) -> int:
        self.state.done.append(text)
        return len(self.state.done)

    @action
    async def hold(self, gate: str) -> None:
        await wait_at(self, gate)
        self.state.done.append("hold")

    @action(retry=Retry(attempts=3, first=0.05))
    async def stumble(self, text: str, ledger: str, times: int) -> None:
        """Fails `times` runs, then notes the text."""
        run = await write_down(self, ledger)
        self.state.done.append(text)
        if run <= times:
            raise RuntimeError("the password is hunter2")

    @action(retry=Retry(attempts=2, first=0.05))
    async def refuse(self, ledger: str) -> None:
        await write_down(self, ledger)
        raise Rejected("never", code="never", status=410, data={"why": "so"})

    @action(retry=Retry(attempts=2, first=0.02))
    async def postpone(self, text: str, ledger: str, times: int) -> None:
        """TransientError, more often than it has attempts: it is tried until it goes well."""
        if await write_down(self, ledger) <= times:
            raise TransientError("not yet", retry_after=0.02)
        self.state.done.append(text)

    @action
    async def slow_stumble(self, text: str, ledger: str) -> None:
        """Fails once; the default back-off is a second."""
        if await write_down(self, ledger) == 1:
            raise RuntimeError("once")
        self.state.done.append(text)

    @action(retry=Retry(attempts=2, first=5.0))
    async def falter(self, text: str, ledger: str) -> None:
        """Fails once; the back-off is long enough to move house in."""
        if await write_down(self, ledger) == 1:
            raise RuntimeError("once")
        self.state.done.append(text if self.caller is None else f"{text} of {self.caller.principal}")

    @action
    async def pass_on(self, to: str, texts: list[str], fail: bool = False) -> None:
        """Tell another each of the texts."""
        self.state.done.append("passed on")
        for text in texts:
            self.tell(self.agent(Line, to).note, text)
        if fail:
            raise RuntimeError("after the tells")

    @action
    async def spread(self, to: list[str], text: str) -> None:
        for one in to:
            self.tell(self.agent(Line, one).note, text)

    @action
    async def tell_self(self, texts: list[str]) -> None:
        """To an action and to a method that is none."""
        self.state.done.append("told")
        for text in texts:
            self.tell(self.note, text)
            self.tell(self.inner, text)

    async def inner(self, text: str) -> None:
        self.state.done.append(f"inner {text}")

    @action
    async def tell_wrongly(self, to: str) -> None:
        self.state.done.append("wrong")
        self.tell(self.agent(Line, to).note, 5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    @action
    async def who(self) -> None:
        self.state.done.append("nobody" if self.caller is None else self.caller.principal)

    @action
    async def tell_who(self, to: str) -> None:
        self.tell(self.agent(Line, to).who)


AGENTS: list[type[Agent[Any, Any]]] = [Line]
