"""Who is there, what becomes of a turn when nobody is, whose a session is, and turns that others are asked for."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCalls, FunctionModel

from roost import App, Caller
from roost.contract.address import Address
from roost.contract.trigger import Call, Trigger
from roost.errors import Rejected
from roost.testing.world import World, world
from roost_chat import ChatAgent, ChatSessions, Delegated, tool

from .desk import COUNTS, SHOWN, SLEEP, answer, texts

ANN, BOB = Caller("ann"), Caller("bob")


async def _pages(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
    async for found in answer(messages, info):
        yield found


class Patient(ChatAgent):
    model = FunctionModel(stream_function=_pages)
    directory = ChatSessions
    max_background_runtime = timedelta(seconds=30)

    @tool(approve=True)
    async def pay(self) -> str:
        return "paid"

    @tool
    async def expert(self, text: str) -> Delegated:
        """Ask somebody who knows."""
        return self.delegate(Expert, f"{self.key}-expert", text)

    @tool(approve=True, who="finance")
    async def wire(self) -> str:
        return "wired"


class Held(Patient):
    when_left = "pause"


class Expert(ChatAgent):
    model = FunctionModel(stream_function=_pages)


@asynccontextmanager
async def chat(**more: Any) -> AsyncGenerator[World]:
    COUNTS.clear()
    SHOWN.clear()
    async with world(App([Patient, Held, Expert, ChatSessions]), seed=1, **more) as w:
        SLEEP[0] = w.host.sleep
        yield w


async def call(
    w: World,
    kind: type[ChatAgent[Any, Any]] | type[ChatSessions],
    key: str,
    name: str,
    *args: Any,
    who: Caller | None = ANN,
) -> Any:
    """An action, as a client."""
    trigger = Trigger("call", Call(name, args), caller=who, deadline=w.host.monotonic() + 30)
    done = await w.backend.runtime.dispatch(Address(kind.kind, key), trigger)
    from pydantic_core import from_json

    return from_json(done.raw())


async def state(w: World, kind: type[ChatAgent[Any, Any]]) -> str:
    return (await w.agent(kind, "a").session()).state


SLOW = "slow " + "word " * 40


async def test_a_reload_is_not_leaving_and_leaving_is_not_stopping() -> None:
    async with chat() as w:
        peer = await w.connect(Patient, "a", caller=ANN)
        await call(w, Patient, "a", "send", SLOW)
        await w.advance(seconds=2)
        assert await state(w, Patient) == "active"
        await w.disconnect(peer)
        await w.advance(seconds=5)
        peer = await w.connect(Patient, "a", caller=ANN)  # within ten seconds
        await w.advance(seconds=7)
        assert await state(w, Patient) == "active"
        await w.disconnect(peer)
        await w.advance(seconds=11)
        assert await state(w, Patient) == "running"
        assert (await call(w, Patient, "a", "attach"))["session"]["state"] == "active"
        await w.advance(seconds=120)
        assert await state(w, Patient) == "idle"
        assert texts(await w.agent(Patient, "a").messages())[-1].strip().endswith("word word")


async def test_a_turn_that_nobody_watches_ends_some_time() -> None:
    async with chat() as w:
        peer = await w.connect(Patient, "a", caller=ANN)
        await call(w, Patient, "a", "send", "slow " + "word " * 300)
        await w.advance(seconds=2)
        await w.disconnect(peer)
        await w.advance(seconds=60)
        found = await w.agent(Patient, "a").messages()
        assert found[-1].cut == "cancelled" and 30 < found[-1].text.count("word") < 60
        assert await state(w, Patient) == "idle"


async def test_the_time_of_a_question_does_not_count() -> None:
    async with chat() as w:
        peer = await w.connect(Patient, "a", caller=ANN)
        await call(w, Patient, "a", "send", "call pay")
        await w.settle()
        await w.disconnect(peer)
        await w.advance(minutes=30)
        [ask] = (await w.agent(Patient, "a").session()).asks
        await call(w, Patient, "a", "answer", ask.id, True)
        await w.settle()
        assert texts(await w.agent(Patient, "a").messages())[-1] == "assistant: I see: paid"


async def test_a_turn_that_is_paused_goes_on_when_somebody_comes() -> None:
    async with chat() as w:
        peer = await w.connect(Held, "a", caller=ANN)
        await call(w, Held, "a", "send", "call pay; call pay")
        await w.settle()
        await w.disconnect(peer)
        await w.advance(seconds=15)
        assert await state(w, Held) == "paused"
        for ask in (await w.agent(Held, "a").session()).asks:
            await w.answer(Held, "a", ask.turn, {"approved": True}, question=ask.id)
        await w.advance(minutes=5)
        assert await state(w, Held) == "paused" and COUNTS["model"] == 1
        peer = await w.connect(Held, "a", caller=ANN)
        await w.advance(seconds=5)
        assert texts(await w.agent(Held, "a").messages())[-1] == "assistant: I see: paid paid"
        assert await state(w, Held) == "active"


async def test_who_only_asks_now_and_then_is_there_for_a_minute() -> None:
    async with chat() as w:
        await call(w, Patient, "a", "send", SLOW + "word " * 100)
        for _ in range(3):
            await w.advance(seconds=50)
            assert await state(w, Patient) == "active"
            await call(w, Patient, "a", "attach")
        await w.advance(seconds=70)
        assert await state(w, Patient) in ("running", "idle")


async def test_a_session_is_whose_it_is() -> None:
    async with chat() as w:
        await call(w, Patient, "a", "send", "hello")
        await w.settle()
        for who in (BOB, None):
            for name, args in (
                ("send", ("x",)), ("messages", ()), ("attach", ()), ("session", ()), ("cancel", ()), ("clear", ()),
                ("regenerate", ()), ("end", ()), ("usage", ()), ("answer", ("q", True)), ("rename", ("x",)),
            ):  # fmt: skip
                with pytest.raises(Rejected) as refused:
                    await call(w, Patient, "a", name, *args, who=who)
                assert refused.value.code == "not-your-session", name
        for name in ("chat_begin", "chat_append", "chat_over", "chat_sweep"):
            with pytest.raises(Exception, match="not callable"):
                await call(w, Patient, "a", name)
        for name, given in (
            ("chat_delegated", ("x", "1.1", "1")),
            ("chat_reply", ("1.1", "1", {"id": "1", "n": 1, "outcome": "done"})),
        ):
            with pytest.raises(Rejected) as refused:
                await call(w, Patient, "a", name, *given)
            assert refused.value.code == "not-allowed", name
        assert len(await call(w, Patient, "a", "messages")) == 2


async def test_sessions_are_listed_for_their_owner() -> None:
    async with chat() as w:
        for key in ("a", "b"):
            await call(w, Patient, key, "send", f"hello {key}")
        await w.settle()
        listed = await call(w, ChatSessions, "ann", "sessions")
        assert [(x["key"], x["title"], x["state"]) for x in listed] == [
            ("a", "hello a", "active"), ("b", "hello b", "active")
        ]  # fmt: skip
        await call(w, Patient, "a", "rename", "My first")
        await call(w, Patient, "b", "end")
        await w.advance(seconds=90)
        listed = await call(w, ChatSessions, "ann", "sessions")
        assert [(x["title"], x["state"]) for x in listed] == [("My first", "idle"), ("hello b", "ended")]
        assert len(await call(w, ChatSessions, "ann", "sessions", ["ended"])) == 1
        for who in (BOB, None):
            with pytest.raises(Rejected):
                await call(w, ChatSessions, "ann", "sessions", who=who)
        with pytest.raises(Rejected):
            await call(w, ChatSessions, "ann", "note", listed[0])


@pytest.mark.parametrize("restless", [False, True])
async def test_what_was_delegated_is_the_result_and_costs_count_up(restless: bool) -> None:
    async with chat(restless=restless) as w:
        await call(w, Patient, "a", "send", 'call expert {"text":"why?"}')
        await w.settle()
        assert texts(await w.agent(Patient, "a").messages())[-1] == "assistant: I see: you said why? "
        assert texts(await w.agent(Expert, "a-expert").messages()) == ["user: why?", "assistant: you said why? "]
        assert (await w.agent(Patient, "a").usage()).requests == 3
        assert (await w.agent(Expert, "a-expert").usage()).requests == 1


async def test_who_is_cancelled_cancels_what_it_delegated() -> None:
    async with chat() as w:
        await call(w, Patient, "a", "send", 'call expert {"text":"slow down"}')
        await w.advance(seconds=1.5)
        assert (await w.agent(Expert, "a-expert").session()).state == "running"
        await call(w, Patient, "a", "cancel")
        await w.advance(seconds=10)
        found = await w.agent(Expert, "a-expert").messages()
        assert found[-1].cut == "cancelled"
        assert await w.agent(Patient, "a").cancel_turn() is False


async def test_whoever_has_the_role_answers_in_a_session_of_somebody_else() -> None:
    async with chat() as w:
        await call(w, Patient, "a", "send", "call wire")
        await w.settle()
        [ask] = (await w.agent(Patient, "a").session()).asks
        for who, code in ((ANN, "not-allowed"), (BOB, "not-your-session"), (None, "not-your-session")):
            with pytest.raises(Rejected) as refused:
                await call(w, Patient, "a", "answer", ask.id, True, who=who)
            assert refused.value.code == code
        officer = Caller("olga", roles=("finance",))
        with pytest.raises(Rejected) as refused:
            await call(w, Patient, "a", "answer", "another", True, who=officer)
        assert refused.value.code == "not-your-session"
        assert await call(w, Patient, "a", "answer", ask.id, True, who=officer) is True
        await w.settle()
        assert texts(await w.agent(Patient, "a").messages())[-1] == "assistant: I see: wired"
        assert (await w.agent(Patient, "a").session()).owner == "ann"


async def test_a_long_history_shows_its_end() -> None:
    async with chat() as w:
        for n in range(8):
            await call(w, Patient, "a", "send", f"{n} " + "x" * 30_000)
            await w.settle()
        shown = (await call(w, Patient, "a", "attach"))["messages"]
        assert [m["seq"] for m in shown] == [16]
        assert [m["seq"] for m in await call(w, Patient, "a", "messages")] == [1, 2, 3]
        assert (SHOWN[-1][0][:7], len(SHOWN[-1])) == ("user: 7", 1)
