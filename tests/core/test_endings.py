"""The ways out of a handler: a return commits, and nothing else does; what a tick leaves behind reaches no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

import pytest
from pydantic import BaseModel

from roost import Agent, App, Connection, Rejected, action
from roost.contract.address import Address
from roost.contract.commit import Snapshot
from roost.contract.errors import AgentError, RoostError, TransientError
from roost.contract.trigger import Call, Trigger
from roost.testing import world

pytestmark = pytest.mark.anyio


class Purse(BaseModel):
    balance: int = 100
    notes: list[str] = []


class Odd(BaseException):
    """Of nobody's taxonomy."""


async def _cancelled() -> None:
    task = asyncio.create_task(asyncio.sleep(60))
    task.cancel()
    await task


async def _oneself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def _never() -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


async def _late() -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)


def _raising(error: BaseException) -> Callable[[], Any]:
    async def end() -> None:
        await asyncio.sleep(0)
        raise error

    return end


ENDS: dict[str, Callable[[], Any]] = {
    "subtask": _cancelled,
    "oneself": _oneself,
    "cancelled": _raising(asyncio.CancelledError()),
    "exit": _raising(SystemExit(3)),
    "interrupt": _raising(KeyboardInterrupt()),
    "generator": _raising(GeneratorExit()),
    "odd": _raising(Odd()),
    "group": _raising(BaseExceptionGroup("several", [Odd(), ValueError()])),
    "iteration": _raising(StopAsyncIteration()),
    "never": _never,
    "late": _late,
}
DEADLINE = {"never", "late"}
KEPT: list[Any] = []


class Ender(Agent[Purse]):
    @action(timeout=0.3)
    async def pay(self, how: str) -> int:
        self.state.balance -= 30
        self.record("paid")
        self.broadcast("paid")
        self.tell(self.add, 1000)
        await ENDS[how]()
        return self.state.balance

    @action
    async def at_once(self, how: str) -> int:
        self.state.balance -= 30
        if how == "exit":
            raise SystemExit
        if how == "generator":
            raise GeneratorExit
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return self.state.balance

    @action
    async def trickle(self, how: str) -> AsyncGenerator[int, None]:
        self.state.balance -= 30
        try:
            yield 1
            await ENDS[how]()
        finally:
            if how == "odd":
                raise RuntimeError("its clean-up fails too")

    @action(readonly=True, timeout=0.3)
    async def look(self, how: str) -> int:
        await ENDS[how]()
        return self.state.balance

    @action
    async def add(self, by: int) -> int:
        self.state.balance += by
        return self.state.balance

    @action
    async def balance(self) -> int:
        return self.state.balance

    @action
    async def note(self, text: str) -> None:
        self.state.notes.append(text)

    @action
    async def forget(self, what: str) -> None:
        """Leaves something behind."""
        KEPT.append(self if what == "agent" else self.state if what == "state" else self.state.notes)

    async def on_connect(self, connection: Connection, /) -> None:
        if connection.caller is not None:
            await ENDS[connection.caller.principal]()

    async def on_disconnect(self, connection: Connection, /) -> None:
        self.state.balance -= 1
        raise Odd

    async def on_message(self, connection: Connection, message: str | bytes, /) -> None:
        self.state.balance -= 30
        await ENDS[str(message)]()


@pytest.mark.parametrize("how", ENDS)
async def test_only_a_return_commits(how: str) -> None:
    async with world(App([Ender])) as w:
        ender, neighbour = w.agent(Ender, "a"), w.agent(Ender, "b")
        assert await ender.balance() == 100
        peer = await w.connect(Ender, "a")
        paying = asyncio.ensure_future(ender.pay(how))
        behind = asyncio.ensure_future(ender.add(1))
        await w.advance(seconds=5)
        with pytest.raises(TransientError if how in DEADLINE else AgentError) as failed:
            await paying
        assert failed.value.code == ("deadline" if how in DEADLINE else "agent-error"), failed.value
        assert await behind == 101
        assert await neighbour.add(1) == 101
        await w.advance(seconds=5)
        assert await ender.balance() == 101 and not await w.events(Ender, "a")
        assert peer.state == {"balance": 101, "notes": []} and not peer.messages()


@pytest.mark.parametrize("how", ["exit", "generator", "oneself"])
async def test_a_handler_that_never_waits_ends_so_too(how: str) -> None:
    async with world(App([Ender])) as w:
        ender = w.agent(Ender, "a")
        if how == "oneself":  # it returned
            assert await ender.at_once(how) == 70
            assert await ender.add(1) == 71
        else:
            with pytest.raises(AgentError):
                await ender.at_once(how)
            assert await ender.add(1) == 101


@pytest.mark.parametrize("how", [h for h in ENDS if h not in DEADLINE])
async def test_streams_and_reads_and_messages_end_so_too(how: str) -> None:
    async with world(App([Ender])) as w:
        ender = w.agent(Ender, "a")
        with pytest.raises(AgentError):
            (await w.backend.wake(Address("ender", "a"), Trigger("call", Call("trickle", (how,))))).get()
        with pytest.raises(AgentError):
            await ender.look(how)
        peer = await w.connect(Ender, "a")
        assert peer.session is not None
        peer.session.text(how)
        await w.settle()
        (error,) = peer.messages()
        assert (error["type"], error["code"]) == ("roost_error", "agent-error"), error
        assert await ender.balance() == 100


@pytest.mark.parametrize("how", ["never", "late"])
async def test_a_read_past_its_deadline(how: str) -> None:
    async with world(App([Ender])) as w:
        ender = w.agent(Ender, "a")
        reading = asyncio.ensure_future(ender.look(how))
        await w.advance(seconds=5)
        with pytest.raises(TransientError) as late:
            await reading
        assert late.value.code == "deadline"


@pytest.mark.parametrize("around", ["swallows", "swallows all", "raises"])
async def test_a_wrapper_commits_nothing_that_failed(around: str) -> None:
    async def wrapper(agent: Agent[Any, Any], trigger: Trigger, proceed: Any) -> None:
        if around == "raises":
            await proceed()
            raise Odd
        try:
            await proceed()
        except Exception:
            pass
        except BaseException:
            if around != "swallows all":
                raise

    async with world(App([Ender], around=[wrapper])) as w:
        ender = w.agent(Ender, "a")
        if around == "raises":
            with pytest.raises(AgentError):
                await ender.add(1)
            return
        for how in ("odd", "iteration"):
            with pytest.raises(AgentError) as failed:
                await ender.pay(how)
            assert failed.value.code == "agent-error" and failed.value.id
        assert await ender.balance() == 100


async def test_a_shutdown_is_still_a_shutdown() -> None:
    async with world(App([Ender])) as w:
        paying = asyncio.ensure_future(w.agent(Ender, "a").pay("late"))
        await w.settle()
        await w.crash()
        with pytest.raises(RoostError) as failed:
            await paying
        assert failed.value.code in ("lost", "shutting-down"), failed.value


async def test_a_connection_leaves_whatever_its_hook_does() -> None:
    async with world(App([Ender])) as w:
        ender, there = w.agent(Ender, "a"), Address("ender", "a")
        await ender.balance()
        peer = await w.connect(Ender, "a")
        found = await w.store.load(there)
        assert isinstance(found, Snapshot) and len(found.connections) == 1
        await w.disconnect(peer)
        found = await w.store.load(there)
        assert isinstance(found, Snapshot) and not found.connections
        await w.connect(Ender, "a")
        await w.crash()  # swept at the next load
        assert await ender.balance() == 100
        await w.settle()
        found = await w.store.load(there)
        assert isinstance(found, Snapshot) and not found.connections


@pytest.mark.parametrize("restless", [False, True])
@pytest.mark.parametrize("what", ["agent", "state", "notes"])
async def test_what_is_written_late_is_lost_and_said(
    what: str, restless: bool, caplog: pytest.LogCaptureFixture
) -> None:
    KEPT.clear()
    async with world(App([Ender]), restless=restless) as w:
        ender = w.agent(Ender, "a")
        await ender.note("kept")
        await ender.forget(what)
        kept = KEPT.pop()
        with caplog.at_level(logging.WARNING, "roost"):
            if what == "agent":
                doors: list[Callable[[], Any]] = [
                    lambda: kept.state, lambda: kept.tell(kept.add, 1), lambda: kept.record("late"), lambda: kept.http,
                    lambda: kept.broadcast("late"), lambda: kept.kv.put("late", 1), lambda: kept.emit("late"),
                    lambda: kept.schedule("late", 1, kept.add, 1), lambda: kept.unschedule("late"),
                    lambda: kept.connections,
                ]  # fmt: skip
                for late in doors:
                    with pytest.raises(AgentError) as refused:
                        late()
                    assert refused.value.code == "tick-over"
                for read in (kept.kv.get("late", int), kept.events(), kept.agent(Ender, "b").balance()):
                    with pytest.raises(AgentError) as refused:
                        await read
                    assert refused.value.code == "tick-over"
            elif what == "state":
                kept.balance = 5
            else:
                kept.append("late")
            assert await ender.add(1) == 101
        assert (await w.state(Ender, "a"))["notes"] == ["kept"]
        said = [r.getMessage() for r in caplog.records if "late-write" in r.getMessage()]
        assert len(said) == (what != "agent" and not restless), said
        assert all("ender/a" in line for line in said)


async def test_a_rejection_keeps_its_words() -> None:
    class Picky(Agent[Purse]):
        @action
        async def refuse(self) -> None:
            raise Rejected("no", code="no")

    async with world(App([Picky])) as w:
        with pytest.raises(Rejected):
            await w.agent(Picky, "a").refuse()
