"""What models may cost: reserved before each request, settled after, never beyond; who waits goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCalls, FunctionModel

from roost import App, Caller
from roost.contract.address import Address
from roost.contract.trigger import Call, Trigger
from roost.errors import Rejected
from roost.testing.world import World, world
from roost_chat import Budget, ChatAgent, ChatBudgets, ChatSessions, Delegated, tool
from roost_chat.budget import Purse, Reserved, end_of, window_of
from roost_chat.testing import Busy, Cut, Say, scripted

from .desk import COUNTS, SLEEP, answer

pytestmark = pytest.mark.anyio
ANN, OPERATOR = Caller("ann"), Caller("admin", source="operator")


async def _words(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
    async for found in answer(messages, info):
        yield found


class Known(FunctionModel):
    """One whose price is known."""

    @property
    def system(self) -> str:
        return "openai"


MODEL = FunctionModel(stream_function=_words)


class Frugal(ChatAgent):
    model: Any = MODEL
    budget = Budget(tokens=1000, scope="caller", window="day")
    max_tokens = 100


class Thrifty(ChatAgent):
    model: Any = MODEL
    budget = (Budget(tokens=2000), Budget(tokens=600, scope="turn"))
    max_tokens = 100

    @tool
    async def expert(self, text: str) -> Delegated:
        return self.delegate(Rich, f"{self.key}-expert", text)


class Rich(ChatAgent):
    model: Any = Known(stream_function=_words, model_name="gpt-5-mini")
    budget = Budget(usd="0.01", window="hour")


class Blind(ChatAgent):
    model: Any = MODEL
    budget = Budget(usd=1)


@asynccontextmanager
async def chat(**more: Any) -> AsyncGenerator[World]:
    COUNTS.clear()
    async with world(App([Frugal, Thrifty, Rich, Blind, ChatBudgets, ChatSessions]), seed=1, **more) as w:
        SLEEP[0] = w.host.sleep
        yield w


async def call(w: World, kind: type[Any], key: str, name: str, *args: Any, who: Caller | None = ANN, **kw: Any) -> Any:
    source = "client" if who is None else who.source
    trigger = Trigger("call", Call(name, args, kw), None, source, caller=who, deadline=w.host.monotonic() + 30)
    done = await w.backend.runtime.dispatch(Address(kind.kind, key), trigger)
    from pydantic_core import from_json

    return from_json(done.raw())


async def test_no_more_than_there_is_and_who_waits_goes_on() -> None:
    """Twenty turns of one caller at once: what is spent and reserved is never beyond; nothing is asked twice."""
    async with chat() as w:
        for n in range(20):
            await call(w, Frugal, f"s{n}", "send", "slow hello there")
        found: dict[str, Any] = {}
        for _ in range(60):
            await w.advance(seconds=1)
            (found,) = await call(w, ChatBudgets, "frugal/client:ann", "budget")
            assert found["spent"] + found["reserved"] <= found["limit"] == 1000, found
        made = COUNTS["model"]
        assert 0 < made < 20 and found["reserved"] == 0 and found["waiting"] == 20 - made, (made, found)
        (waits, *_) = [f"s{n}" for n in range(20) if (await call(w, Frugal, f"s{n}", "session"))["turn"]]
        session = await call(w, Frugal, waits, "session")
        assert session["turn"]["held"] == "over-budget", session
        told = [
            one.item for one in await w.stream(Frugal, waits, session["turn"]["id"], "events") if one.kind == "item"
        ]
        assert (told[-1]["type"], told[-1]["why"], told[-1]["scope"]) == ("turn-held", "over-budget", "caller"), told
        with pytest.raises(Rejected):
            await call(w, ChatBudgets, "frugal/client:ann", "raise_budget", tokens=10_000)
        await call(w, ChatBudgets, "frugal/client:ann", "raise_budget", tokens=10_000, who=OPERATOR)
        await w.advance(seconds=30)
        assert COUNTS["model"] == 20
        for n in range(20):
            assert (await call(w, Frugal, f"s{n}", "messages"))[-1]["parts"][0]["text"] == "you said slow hello there "
        (found,) = await call(w, ChatBudgets, "frugal/client:ann", "budget")
        assert (found["waiting"], found["reserved"]) == (0, 0) and found["spent"] > 1000, found


async def test_a_window_that_is_over_lets_on() -> None:
    async with chat() as w:
        for n in range(20):
            await call(w, Frugal, f"s{n}", "send", "hello")
        await w.advance(minutes=1)
        assert 0 < COUNTS["model"] < 20
        await w.advance(days=3)
        assert COUNTS["model"] == 20


@pytest.mark.parametrize("row", range(1, 14))
async def test_a_host_that_dies_anywhere_oversells_nothing(row: int) -> None:
    """What it had reserved and no longer knows of counts as spent when the turn ends."""
    async with chat() as w:
        w.kill(after_row=row)
        await call(w, Thrifty, "s", "send", "hello you")
        await w.advance(minutes=3)
        texts = [m["parts"][0]["text"] for m in await call(w, Thrifty, "s", "messages")]
        assert texts == ["hello you", "you said hello you "], texts
        (session,) = [x for x in await call(w, Thrifty, "s", "budget_standing") if x["scope"] == "session"]
        assert session["reserved"] == 0 and session["waiting"] == 0, session
        usage = await call(w, Thrifty, "s", "usage")
        tokens = usage["input_tokens"] + usage["output_tokens"]
        assert usage["requests"] == 1 and session["spent"] >= tokens * COUNTS["model"], (session, usage)


async def test_a_turn_has_its_own_and_a_session_too() -> None:
    async with chat() as w:
        turn = (await call(w, Thrifty, "s", "send", "call expert " + '{"text":"why?"}'))["turn"]
        await w.advance(minutes=1)
        held = await call(w, Thrifty, "s", "session")
        assert held["turn"]["held"] == "over-budget", held
        assert COUNTS["model"] == 2  # its first, and the expert's; its second would be too much for one turn
        found = {x["scope"]: x for x in await call(w, Thrifty, "s", "budget_standing")}
        assert found["turn"]["window"].endswith(f"#{turn}") and found["turn"]["waiting"] == 1, found
        assert found["turn"]["spent"] == found["session"]["spent"] > 0
        with pytest.raises(Rejected):
            await call(w, Thrifty, "s", "raise_budget", usd=1, who=OPERATOR)
        with pytest.raises(Rejected):
            await call(w, Thrifty, "s", "raise_budget", tokens=-1, who=OPERATOR)
        await call(w, Thrifty, "s", "raise_budget", tokens=1000, who=OPERATOR)
        await w.advance(minutes=1)
        assert COUNTS["model"] == 3 and (await call(w, Thrifty, "s", "session"))["last"] == "done"
        found = {x["scope"]: x for x in await call(w, Thrifty, "s", "budget_standing")}
        assert "turn" not in found, "its purse goes with it"
        usage = await call(w, Thrifty, "s", "usage")
        assert found["session"]["spent"] == usage["input_tokens"] + usage["output_tokens"], (found, usage)
        assert usage["requests"] == 3 and (await call(w, Thrifty, "s", "usage_by", "caller"))["ann"] == usage
        assert list((await call(w, Thrifty, "s", "usage_by", "day")).values()) == [usage]


async def test_a_turn_that_waits_is_cancelled_and_holds_nothing() -> None:
    async with chat() as w:
        await call(w, Thrifty, "s", "send", "x" * 3000)
        await w.advance(minutes=1)
        assert (await call(w, Thrifty, "s", "session"))["turn"]["held"] == "over-budget"
        assert await call(w, Thrifty, "s", "cancel") is True
        await w.advance(minutes=1)
        found = await call(w, Thrifty, "s", "budget_standing")
        assert COUNTS["model"] == 0 and all(x["waiting"] == x["spent"] == x["reserved"] == 0 for x in found), found


async def test_money_by_list_price_and_none_without_a_price() -> None:
    async with chat() as w:
        await call(w, Rich, "s", "send", "hello")
        blind = (await call(w, Blind, "s", "send", "hello"))["turn"]
        await w.advance(minutes=1)
        usage = await call(w, Rich, "s", "usage")
        expected = (Decimal(usage["input_tokens"]) * 25 + Decimal(usage["output_tokens"]) * 200) / Decimal(10**8)
        (found,) = await call(w, Rich, "s", "budget_standing")
        assert usage["usd"] == pytest.approx(float(expected)) and found["spent"] == pytest.approx(usage["usd"])
        assert (await call(w, Blind, "s", "session"))["last"] == "failed" and COUNTS["model"] == 1
        told = await w.stream(Blind, "s", blind, "events")
        assert any(one.kind == "item" and one.item.get("code") == "unknown-price" for one in told), told


async def test_what_was_refused_costs_nothing_and_what_was_cut_all_of_it() -> None:
    for entry, tries in ((Busy(retry_after=1), 1), (Cut("so it"), 2)):
        model = scripted(entry, Say("hello"))
        Frugal.model = model
        try:
            async with chat() as w:
                await call(w, Frugal, "s", "send", "hello")
                await w.advance(minutes=1)
                assert model.script.requests == 2
                usage = await call(w, Frugal, "s", "usage")
                (found,) = await call(w, ChatBudgets, "frugal/client:ann", "budget")
                tokens = usage["input_tokens"] + usage["output_tokens"]
                assert (found["spent"] == tokens) is (tries == 1) and found["spent"] >= tokens, (found, usage)
        finally:
            Frugal.model = MODEL


async def test_who_keeps_the_purse_is_missing() -> None:
    async with world(App([Frugal, ChatSessions]), seed=1) as w:
        sent = await call(w, Frugal, "s", "send", "hello")
        await w.advance(minutes=2)
        told = [one.item for one in await w.stream(Frugal, "s", sent["turn"], "events") if one.kind == "item"]
        assert told[-1]["code"] == "no-budgets" and "App([..., ChatBudgets])" in told[-1]["error"], told


def test_windows_are_utc() -> None:
    now = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert [window_of(w, now) for w in (None, "hour", "day", "month")] == ["", "2026-12-31T23", "2026-12-31", "2026-12"]
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    assert [end_of(w, now) for w in ("hour", "day", "month")] == [new_year] * 3 and end_of(None, now) is None


def test_a_purse() -> None:
    purse = Purse(limit=100)
    row = Reserved(turn="a", request="1", window="w", amount=60)
    assert purse.reserve("1", row) and purse.reserve("1", row) and purse.room("w") == 40
    assert not purse.reserve("2", Reserved(turn="b", request="1", window="w", amount=60))
    assert purse.reserve("3", Reserved(turn="a", request="1", window="w", amount=40)), "after a death: another one"
    purse.settle("a", "1", 5)
    assert (purse.spent, purse.held) == ({"w": 45}, {}), "one was answered, the other one may have been paid"
    purse.settle("a", "1", 5)
    assert purse.spent == {"w": 45}, "once"
    assert purse.ready() == [] and purse.reserve("4", Reserved(turn="c", request="1", window="v", amount=100))
    purse.limit = 110
    assert purse.ready() == ["b"] and purse.waiting == []
    purse.finish("c")
    assert purse.spent == {"w": 45, "v": 100}


@pytest.mark.parametrize(
    "wrong",
    [{}, {"usd": 1, "tokens": 1}, {"usd": 0}, {"usd": -1}, {"usd": "much"}, {"usd": "nan"}, {"usd": True},
     {"tokens": 1.5}, {"tokens": 1, "scope": "app"}, {"tokens": 1, "window": "week"},
     {"tokens": 1, "scope": "turn", "window": "day"}],
)  # fmt: skip
def test_what_is_no_budget(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Budget|is no"):
        Budget(**wrong)
