"""The ways out of a handler: a return commits, and nothing else does; what a tick leaves behind reaches no other."""

from __future__ import annotations

import asyncio
import logging
import sys
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
from roost.hosting.asyncio_host import run_through
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


class Shown(Agent[Purse]):
    def view(self) -> Any:
        if self.state.balance == 13:
            raise SystemExit("bad luck")
        if self.state.balance < 0:
            return self.state.notes[self.state.balance]
        if self.state.balance == 7:
            self.tell(self.add, 1)
        if self.state.balance == 8:
            return self.kv.get("x", int)
        if self.state.balance == 9:
            return self.agent(Shown, "b").add(1)
        return [self.key, self.now.timestamp(), len(self.connections), self.state.balance, self.config.model_dump()]

    @action
    async def add(self, by: int) -> int:
        self.state.balance += by
        return self.state.balance

    @action
    async def look(self) -> int:
        return self.state.balance


async def test_a_view_has_its_snapshot() -> None:
    async with world(App([Shown])) as w:
        shown = w.agent(Shown, "a")
        assert await shown.add(1) == 101
        at = w.now
        assert await w.state(Shown, "a") == ["a", at, 0, 101, {}]
        await w.advance(seconds=5)
        peer = await w.connect(Shown, "a")
        assert peer.state == ["a", at + 5, 1, 101, {}]
        await shown.add(1)
        assert peer.state == ["a", at + 5, 1, 102, {}] == await w.state(Shown, "a")


@pytest.mark.parametrize(("balance", "says"), [(13, ""), (-1, ""), (7, "`tell`"), (8, "`kv`"), (9, "`agent`")])
async def test_a_view_that_fails_refuses_the_state_before_it_is_stored(
    balance: int, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(App([Shown])) as w:
        shown = w.agent(Shown, "a")
        await shown.add(1)
        with pytest.raises(AgentError) as failed:
            await shown.add(balance - 101)
        assert failed.value.id and says in failed.value.message, failed.value
        assert caplog.text.count(failed.value.id) == 1
        assert await shown.add(1) == 102


def _divides(_: object) -> float:
    return 1 / 0


async def test_a_view_that_fails_after_the_commit_costs_the_view_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(App([Shown])) as w:
        shown = w.agent(Shown, "a")
        await shown.add(1)
        with monkeypatch.context() as newer:
            newer.setattr(Shown, "view", _divides)  # a deploy
            caplog.clear()
            with pytest.raises(AgentError) as failed:
                await w.state(Shown, "a")
            assert failed.value.id and failed.value.id in caplog.text and "ZeroDivisionError" in caplog.text
            await w.hibernate(Shown, "a")
            assert await shown.look() == 101
            peer = await w.connect(Shown, "a")
            assert peer.closed is None
            assert [f["type"] for f in peer.frames][:3] == ["cf_agent_identity", "roost_error", "cf_agent_mcp_servers"]
            assert all(f["error_id"] for f in peer.messages("roost_error"))
        assert await shown.add(1) == 102
        assert peer.state[3] == 102


def test_a_view_that_waits_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="plain `def`"):

        class Waits(Agent[Purse]):  # pyright: ignore[reportUnusedClass]
            async def view(self) -> Any:
                return 1


@pytest.mark.parametrize("fast", [False, True])
def test_a_task_that_exits_does_not_end_the_process(fast: bool, caplog: pytest.LogCaptureFixture) -> None:
    if fast:
        factory = pytest.importorskip("uvloop").new_event_loop
    else:
        factory = asyncio.new_event_loop

    async def leave() -> None:
        sys.exit("enough")

    async def serve() -> str:
        left = [asyncio.ensure_future(leave()) for _ in range(3)]
        async with asyncio.timeout(5):
            await asyncio.sleep(0.01)
            assert all(isinstance(one.exception(), SystemExit) for one in left)
            return "served"

    with asyncio.Runner(loop_factory=factory) as runner, caplog.at_level(logging.ERROR, "roost"):
        assert run_through(runner.get_loop(), serve()) == "served"
    assert any("tried to end the process" in r.getMessage() for r in caplog.records)


def test_its_own_exit_ends_it() -> None:
    async def leave() -> None:
        sys.exit(3)

    with asyncio.Runner() as runner, pytest.raises(SystemExit) as ended:
        run_through(runner.get_loop(), leave())
    assert ended.value.code == 3
