"""The app of the simulation: agents that do as they are told and leave the same mark in everything they write.

A run that takes effect counts `n` up and draws a token. Both go into the state, a KV pair, the log, frames, tells
and the reply, so that any part of a commit that is seen without the others, seen twice, or seen before it is
durable, shows.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Self, TypeAlias, cast

from pydantic import BaseModel, model_validator

from roost import Agent, AgentError, App, Connection, Cron, Every, Rejected, Retry, TransientError, action
from roost.contract.errors import RoostError
from roost.tick.tick import Tick

from .observer import observer
from .ops import Op

Step: TypeAlias = list[Any]
Plan: TypeAlias = list[Step]
LEFT: dict[str, Actor] = {}
"""The object of each agent's last tick, as a forgotten task would have it."""
RETRY = Retry(attempts=3, first=0.5, max=4.0)


def tick_of(agent: Actor) -> Tick:
    """The recorder that the agent's object was last given."""
    return cast(Tick, agent._tick)  # pyright: ignore[reportPrivateUsage]


class TooLate(Exception):
    """The run was cancelled while it slept."""


class Memory(BaseModel):
    n: int = 0
    """Runs that took effect."""
    op: str = ""
    token: str = ""
    done: dict[str, int] = {}
    """op -> the `n` it took effect at, last; repeats show as a larger one."""
    said: dict[str, int] = {}
    """Connection -> the number of its last message."""
    mark: int = 0
    seat: tuple[str, int] | None = None
    """(connection, the attachment it was given)"""

    @model_validator(mode="after")
    def fits(self) -> Self:
        """Whether the model of the code that runs now takes it."""
        if self.token and not observer().fits(self.token):
            raise ValueError("a state of an older model")
        return self


class Actor(Agent[Memory]):
    """Carries plans out."""

    kind = "actor"

    @action(retry=RETRY)
    async def work(self, op: str, plan: Plan, by: str = "") -> dict[str, Any]:
        try:
            return await self.perform(op, plan)
        except TooLate:  # it keeps its cancellation to itself, and returns as if nothing were
            observer().late(self.state.token, f"{self.key}: a run went on after its deadline")
            return self.mark_of(op, "reply")

    @action(retry=RETRY)
    async def stroll(self, op: str, plan: Plan, count: int) -> AsyncGenerator[dict[str, Any], None]:
        """`work` as a stream of so many chunks."""
        mark = await self.perform(op, plan)
        for i in range(count):
            yield {**mark, "is": "chunk", "i": i}
            await observer().sleep(self, round(0.4 * self.random.random(), 3))

    @action(retry=RETRY)
    async def fail(self, op: str, how: str) -> None:
        """Records effects and then fails: none may be seen."""
        await self.perform(op, [["fail", how]])

    @action(readonly=True)
    async def peek(self) -> dict[str, Any]:
        return {"n": self.state.n, "token": self.state.token, "kv": await self.kv.get("n", int, 0)}

    async def ring(self, op: str, plan: Plan, due: float) -> None:
        observer().rang(self, op, due)
        await self.perform(op, plan)

    async def marked(self, mark: int) -> None:
        """Never comes: `mark` schedules are years away."""

    async def on_start(self) -> None:
        self.kv.put("born", 1)

    async def on_connect(self, connection: Connection, /) -> None:
        await self.perform(f"{Op.CONNECT}{connection.id}", [])

    async def on_message(self, connection: Connection, message: str | bytes, /) -> None:
        assert isinstance(message, str)
        number, _, op = message.partition(":")
        observer().heard(self, connection.id, int(number))
        self.state.said[connection.id] = int(number)
        await self.perform(op, [])
        connection.send(self.mark_of(op, "echo"))

    async def on_disconnect(self, connection: Connection, /) -> None:
        self.state.said.pop(connection.id, None)
        if self.state.seat is not None and self.state.seat[0] == connection.id:
            self.state.seat = None
        await self.perform(f"{Op.DISCONNECT}{connection.id}", [])
        if connection.id[-1] in "01":
            self.fail_as("defect")

    def haunt(self) -> None:
        """What the last tick left behind writes into its state."""
        left, LEFT[self.key] = LEFT.get(self.key), self
        if left is not None and (left is self or not tick_of(left).open):
            with suppress(AgentError):
                left.state.n += 1000

    def mark_of(self, op: str, what: str) -> dict[str, Any]:
        return {"is": what, "op": op, "n": self.state.n, "token": self.state.token}

    async def perform(self, op: str, plan: Plan) -> dict[str, Any]:
        state = self.state
        observer().ran(self, op)
        self.haunt()
        stored, before = await self.kv.get("n", int, 0), state.n
        state.n += 1
        state.op = op
        state.token = f"{self.random.getrandbits(48):012x}"
        observer().reads(self)
        if stored != before:
            observer().torn(state.token, f"{self.key}: a run saw n={before} in the state and {stored} in the KV")
        state.done[op] = state.n
        self.record("did", self.mark_of(op, "log"))
        self.kv.put("n", state.n)
        self.kv.put(f"op/{op}", state.n)
        self.broadcast(self.mark_of(op, "news"))
        for i, step in enumerate(plan):
            await self.take(op, i, step)
        return self.mark_of(op, "reply")

    async def take(self, op: str, i: int, step: Step) -> None:
        """One step of a plan."""
        do, *rest = step
        born = f"{op[op.find('g') :] if 'g' in op else ''}g{tick_of(self).image.generation}"
        match do:
            case "tell":
                to, inner, plan = rest
                self.tell(self.agent(type(self), to).work, inner + born, plan, by=self.state.token)
            case "spread":
                to, inner, how = rest
                self.tell(self.agent(type(self), to).fail, inner + born, how)
            case "ask":
                to, inner, plan = rest
                await self.ask(op, to, inner + born, plan)
            case "schedule":
                key, delay, inner, plan = rest
                self.schedule(key, delay, self.ring, inner + born, plan, self._tick.at + delay)
            case "at":
                key, delay, inner, plan = rest
                when = datetime.fromtimestamp(self._tick.at + delay, UTC)
                self.schedule(key, when, self.ring, inner + born, plan, when.timestamp())
            case "every":
                key, seconds, inner = rest
                self.schedule(key, Every(seconds), self.ring, inner + born, [], 0.0)
            case "cron":
                key, expression, inner = rest
                self.schedule(key, Cron(expression, tz="Europe/Paris"), self.ring, inner + born, [], 0.0)
            case "unschedule":
                self.unschedule(rest[0])
            case "calm":
                for key in rest:
                    self.unschedule(key)
            case "mark":
                self.state.mark = self.state.n
                self.schedule("mark", 1e8 + self.state.n, self.marked, self.state.n)
            case "seat":
                for connection in self.connections[:1]:
                    connection.attachment = self.state.n
                    self.state.seat = (connection.id, self.state.n)
            case "hangup":
                for connection in self.connections[:1]:
                    connection.close(4000, "enough")
            case "sleep":
                try:
                    await observer().sleep(self, rest[0])
                except CancelledError as error:
                    if cast(Any, self)._roost.host.ending():
                        raise
                    raise TooLate from error
            case "emit":
                self.emit(self.mark_of(op, "chunk"))
            case "fetch":
                await self.fetch(op)
            case "flaky":
                if self.random.random() < rest[0]:
                    raise TransientError("flaky", retry_after=0.2)
            case "fail":
                self.fail_as(rest[0])
            case _:
                raise AgentError(f"no such step: {do}")

    async def ask(self, op: str, to: str, inner: str, plan: Plan) -> None:
        try:
            answer = cast("Mapping[str, Any]", await self.agent(type(self), to).work(inner, plan))
        except RoostError as error:
            observer().refused(self, inner, to, error)
            if isinstance(error, TransientError):
                raise
            return
        observer().answered(self, inner, to, answer)

    async def fetch(self, op: str) -> None:
        answer = await self.http.post(f"https://outside.invalid/{op}")
        if answer.status_code != 200:
            raise TransientError("the outside failed", retry_after=0.3)

    def fail_as(self, how: str) -> None:
        if how == "rejected":
            raise Rejected("no", code="no")
        if how == "transient" and observer().troubled():  # it is tried again for ever
            raise TransientError("not now", retry_after=0.1)
        raise DEFECTS[self.state.n % len(DEFECTS)]("a defect of the author")


class Later(Actor):
    """What a newer version of the app has in its place."""

    kind = "actor"
    state_version = 2

    @classmethod
    def migrate(cls, data: Any, from_version: int, /) -> Any:
        return data


DEFECTS: Final = (ValueError, CancelledError, GeneratorExit, SystemExit, KeyboardInterrupt)
"""How an author's code can end, besides by a return."""
RELEASES: Final[Mapping[int, type[Actor]]] = {1: Actor, 2: Later}


def make(release: int) -> App:
    """A fresh app: one is bound to one runtime."""
    return App([RELEASES[release]])
