"""Streams read by `async for` where they are typed so, and clients of a world that speak."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import BaseModel

from roost import (
    ANONYMOUS,
    Address,
    Agent,
    App,
    Caller,
    Connection,
    NotFound,
    NotSupported,
    Rejected,
    RoostError,
    TransientError,
    Trigger,
    action,
)  # fmt: skip
from roost.author.app import Credentials
from roost.contract.result import TickResult, failed
from roost.testing import Faults, world

pytestmark = pytest.mark.anyio


class Word(BaseModel):
    text: str


class Said(BaseModel):
    words: int = 0
    heard: list[Any] = []


GATES: dict[str, asyncio.Event] = {}


class Talker(Agent[Said]):
    @action
    async def say(self, *texts: str, gate: str = "") -> AsyncIterator[Word]:
        for text in texts:
            self.state.words += 1
            yield Word(text=text)
            if gate:
                await GATES[gate].wait()

    @action
    async def fail(self, after: int) -> AsyncIterator[int]:
        for n in range(after):
            yield n
        raise Rejected("no more", code="enough")

    @action
    async def flood(self) -> AsyncIterator[str]:
        for _ in range(40):
            yield "x" * 30_000

    @action
    async def relay(self) -> None:
        self.agent(Talker, "b").say("x")

    @action
    async def later(self) -> None:
        self.tell(self.say, "told")
        self.tell(self.agent(Talker, "b").say, "told")
        self.schedule("soon", 5.0, self.say, "scheduled")

    @action
    async def words(self) -> int:
        return self.state.words

    async def on_message(self, connection: Connection, data: str | bytes) -> None:
        self.state.heard.append(data if isinstance(data, str) else data.hex())
        connection.send({"heard": len(self.state.heard)})


async def who(credentials: Credentials) -> Caller | None:
    name = credentials.query.get("token") or credentials.bearer
    return ANONYMOUS if name == "anybody" else Caller(name) if name else None


async def test_a_stream_is_read_as_it_is_typed() -> None:
    async with world(App([Talker])) as w:
        talker = w.agent(Talker, "a")
        assert [word.text async for word in talker.say("a", "b")] == ["a", "b"]
        assert await talker.words() == 2, "the end of the iteration is its commit"
        with pytest.raises(Rejected, match="no more"):
            _ = [n async for n in talker.fail(2)]
        with pytest.raises(Rejected, match="text"):
            _ = [word async for word in talker.say(3)]  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_chunks_come_before_the_commit_and_a_reader_may_leave() -> None:
    async with world(App([Talker])) as w:
        talker = w.agent(Talker, "a")
        GATES["slow"] = asyncio.Event()
        reading = talker.say("a", "b", gate="slow")
        assert (await anext(reading)).text == "a"
        with pytest.raises(NotFound, match="no agent"):
            await w.state(Talker, "a")
        GATES["slow"].set()
        assert [word.text async for word in reading] == ["b"]
        assert (await w.state(Talker, "a"))["words"] == 2
        left = talker.say("c", "d")
        assert (await anext(left)).text == "c"
        await left.aclose()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(TransientError, match="closed by its reader"):
            await anext(left)
        await w.settle()
        assert await talker.words() == 4, "a reader that left stopped the action"
        unread = talker.say("never begun")
        await unread.aclose()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        await w.settle()
        assert await talker.words() == 4


async def test_what_was_begun_anew_or_too_much_is_not_mixed() -> None:
    async with world(App([Talker])) as w:
        talker, seen = w.agent(Talker, "a"), list[str]()

        async def read() -> None:
            async for word in talker.say("a", "b"):
                seen.append(word.text)

        w.faults.once("store.commit", "fail")
        with pytest.raises(TransientError):
            await read()
        assert seen == ["a", "b"], "what a failed attempt said is mixed with another's"

        async def anew(
            address: Address, trigger: Trigger, live: Callable[[bytes, bytes], None] | None = None
        ) -> TickResult:
            assert live is not None
            live(b"k.1.0", b'{"text":"a"}')
            await GATES["anew"].wait()
            live(b"k.2.0", b'{"text":"a"}')
            return failed(TransientError("nobody reads this"))

        GATES["anew"] = asyncio.Event()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(w.backend.runtime, "dispatch", anew)
            reading = talker.say("a")
            assert (await anext(reading)).text == "a"
            GATES["anew"].set()
            with pytest.raises(TransientError, match="started anew"):
                await anext(reading)
        flood = talker.flood()
        await anext(flood)
        await w.settle()
        with pytest.raises(TransientError, match="too slow"):
            _ = [x async for x in flood]


async def test_one_agent_reads_no_stream_but_tells_and_schedules_it() -> None:
    async with world(App([Talker])) as w:
        talker = w.agent(Talker, "a")
        with pytest.raises(NotSupported, match="tell it to send its result"):
            await talker.relay()
        await talker.later()
        await w.advance(seconds=10)
        assert (await w.state(Talker, "a"))["words"] == 2 and (await w.state(Talker, "b"))["words"] == 1


async def test_a_client_calls_and_says() -> None:
    async with world(App([Talker])) as w:
        browser = await w.connect(Talker, "a")
        assert await browser.call("words") == 0
        with pytest.raises(RoostError, match="nothing does not exist"):
            await browser.call("nothing")
        assert await browser.call("say", "x", "y") is None
        browser.send("text")
        browser.send(b"\x00\xff")
        browser.send({"type": "mine", "n": 1})
        await w.settle()
        assert browser.state["heard"] == ["text", "00ff", '{"type":"mine","n":1}']
        assert browser.messages() == [{"heard": n} for n in (1, 2, 3)]
        await w.disconnect(browser)
        waiting = asyncio.ensure_future(browser.call("words"))
        await w.settle()
        with pytest.raises(TransientError, match="closed"):
            await waiting


async def test_a_call_of_a_client_ends_with_its_host() -> None:
    async with world(App([Talker]), faults=Faults()) as w:
        browser = await w.connect(Talker, "a")
        waiting = asyncio.ensure_future(browser.call("say", "x", "y"))
        await w.crash()
        with pytest.raises(TransientError, match=r"closed|lost"):
            await waiting
        with pytest.raises(TransientError, match="closed"):
            browser.send("hello?")


async def test_a_client_comes_past_the_auth_hook() -> None:
    async with world(App([Talker], auth=who)) as w:
        with pytest.raises(RoostError):
            await w.connect(Talker, "a")
        by_query = await w.connect(Talker, "a", query={"token": "ann", "_pk": "seat"})
        by_header = await w.connect(Talker, "a", headers={"Authorization": "Bearer bob"})
        nameless = await w.connect(Talker, "a", query={"token": "anybody"})
        given = await w.connect(Talker, "a", caller=Caller("eve"))
        sessions = [peer.session for peer in (by_query, by_header, nameless, given)]
        callers = [s.caller for s in sessions if s is not None]
        assert [c and c.principal for c in callers] == ["ann", "bob", None, "eve"]
        assert sessions[0] is not None and sessions[0].label == "seat"
