"""Models over the port `Fetch`: a local host over a data file, and a real server that speaks OpenAI's wire."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from pydantic_ai import Agent as Thinker
from pydantic_ai import RunContext
from pydantic_ai.exceptions import ModelHTTPError, UserError
from pydantic_ai.messages import AgentStreamEvent

from roost import Address, Agent, App, Empty, Retry, Run, action, job
from roost.author.step import StepOptions
from roost_chat import CONFIGURED, Models, Provider, RoostDurability, model
from roost_chat.testing import Busy, Call, Calls, Cut, Entry, Loopback, Say, Script, WrongJSON

from .processes import Process, process


class Report(BaseModel):
    city: str
    degrees: int


QUICK = StepOptions(retry=Retry(attempts=3, first=0.01), timeout=30)
RAN: list[str] = []
EVENTS: list[str] = []
HERE = Address("desk", "a")


async def told(ctx: RunContext[None], events: AsyncIterable[AgentStreamEvent]) -> None:
    EVENTS.extend([type(event).__name__ async for event in events])


def _thinker(name: str, output: Any, **options: Any) -> Thinker[None, Any]:
    durability = RoostDurability[None](model_step=QUICK, tool_step=QUICK, **options)
    made = Thinker(CONFIGURED, name=name, deps_type=type(None), output_type=output, capabilities=[durability])

    @made.tool
    async def weather(ctx: RunContext[None], city: str) -> str:
        RAN.append(city)
        return f"{city}: 21"

    return made


WAYS = {
    "text": _thinker("text", str),
    "told": _thinker("told", str, event_stream_handler=told),
    "typed": _thinker("typed", Report),
}


class Desk(Agent[Empty, Models]):
    @action
    async def ask(self, way: str, text: str) -> str:
        return self.start(None, self.answer, way, text).id

    @job(timeout=timedelta(minutes=5))
    async def answer(self, run: Run, way: str, text: str) -> Any:
        try:
            result = await WAYS[way].run(text)
        except ModelHTTPError as error:
            return ["refused", error.status_code, type(error).__name__]
        return [result.output, result.usage.requests, result.usage.input_tokens, result.usage.output_tokens]


APP = App([Desk])


def config(provider: Loopback, *models: str) -> dict[str, Any]:
    said = {"base_url": provider.url, "api_key": "secret"}
    return {"desk": Models.model_validate({"model": [f"loop:{m}" for m in models], "providers": {"loop": said}})}


@pytest.fixture(autouse=True)
def fresh() -> None:
    RAN.clear()
    EVENTS.clear()


async def run(file: Path, way: str, *entries: Entry) -> tuple[Any, Loopback]:
    async with Loopback({"a": Script(*entries)}) as provider, process(APP, file, config=config(provider, "a")) as host:
        id = await host.call(HERE, "ask", way, "hi")
        found = await host.ended(HERE, id)
        assert found.error is None, found.error
        return found.outcome, provider


BOTH = Calls(Call("weather", city="Paris"), Call("weather", city="Oslo"), text="let me see")


@pytest.mark.parametrize("way", ["text", "told"])
async def test_tools_run_in_parallel_and_usage_is_the_providers(tmp_path: Path, way: str) -> None:
    outcome, provider = await run(tmp_path / "a.db", way, BOTH, Say("21 and 21"))
    assert outcome[:2] == ["21 and 21", 2]
    assert outcome[2] > 50 and outcome[3] > 10
    assert sorted(RAN) == ["Oslo", "Paris"]
    assert [one.turn for one in provider.asked] == [0, 1]
    keys = [one.key for one in provider.asked]
    assert all((key and key.startswith("desk/a/job%3A1.1/")) or (key and "job:1.1" in key) for key in keys), keys
    assert len(set(keys)) == 2
    assert bool(provider.asked[0].body.get("stream")) == (way == "told")
    assert ("PartDeltaEvent" in EVENTS) == (way == "told")
    assert provider.asked[0].headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize("way", ["text", "told"])
async def test_killed_after_each_row_no_recorded_request_is_sent_again(tmp_path: Path, way: str) -> None:
    whole, _ = await run(tmp_path / "whole.db", way, BOTH, Call("weather", city="Rome"), Say("done"))
    row = 0
    while True:
        row += 1
        file = tmp_path / f"{row}.db"
        RAN.clear()
        async with Loopback({"a": Script(BOTH, Call("weather", city="Rome"), Say("done"))}) as provider:
            options: Any = {"config": config(provider, "a")}
            async with process(APP, file, row, **options) as first:
                id = await first.call(HERE, "ask", way, "hi")
                dying, ended = asyncio.create_task(first.dying.wait()), asyncio.create_task(first.ended(HERE, id))
                await asyncio.wait({dying, ended}, return_when=asyncio.FIRST_COMPLETED)
                dying.cancel()
                ended.cancel()
                await asyncio.gather(dying, ended, return_exceptions=True)
                died = first.dying.is_set()
            async with process(APP, file, **options) as second:
                found = await second.ended(HERE, id)
            assert found.outcome == whole, (row, found)
            assert [one.turn for one in provider.asked] == [0, 1, 2], row
        if not died:
            break
    assert row > 6


async def test_a_busy_provider_is_waited_for_as_long_as_it_says(tmp_path: Path) -> None:
    begun = time.monotonic()
    outcome, provider = await run(tmp_path / "a.db", "text", Busy(retry_after=1), Say("at last"))
    assert outcome[0] == "at last"
    assert time.monotonic() - begun >= 1
    first, second = [one.key for one in provider.asked]
    assert first and second and first != second, "it was answered: the next request is another one"
    assert first.rpartition("/")[0] == second.rpartition("/")[0]


@pytest.mark.parametrize("way", ["text", "told"])
async def test_a_stream_that_is_cut_runs_again_under_its_key(tmp_path: Path, way: str) -> None:
    outcome, provider = await run(tmp_path / "a.db", way, Cut("I think that"), Say("the whole answer"))
    assert outcome[:2] == ["the whole answer", 1]
    first, second = [one.key for one in provider.asked]
    assert first == second, "it may have been carried out: its key stays"


async def test_a_list_of_models_is_fallbacks_within_one_step(tmp_path: Path) -> None:
    scripts = {"a": Script(Busy(status=503), Busy(status=503)), "b": Script(Say("b it is"))}
    async with (
        Loopback(scripts) as provider,
        process(APP, tmp_path / "a.db", config=config(provider, "a", "b")) as host,
    ):
        id = await host.call(HERE, "ask", "text", "hi")
        assert (await host.ended(HERE, id)).outcome[0] == "b it is"
        assert [one.model for one in provider.asked] == ["a", "b"]
        assert host.rows <= 3


async def test_what_fails_for_good_comes_as_the_class_that_it_was(tmp_path: Path) -> None:
    async with Loopback({}) as provider, process(APP, tmp_path / "a.db", config=config(provider, "none")) as host:
        id = await host.call(HERE, "ask", "text", "hi")
        outcome = (await host.ended(HERE, id)).outcome
        assert outcome[:2] == ["refused", 404] and len(provider.asked) == 1, outcome


async def test_busy_for_good_is_tried_as_often_as_its_step_says(tmp_path: Path) -> None:
    busy = [Busy()] * 9
    async with (
        Loopback({"a": Script(*busy)}) as provider,
        process(APP, tmp_path / "a.db", config=config(provider, "a")) as host,
    ):
        id = await host.call(HERE, "ask", "text", "hi")
        assert (await host.ended(HERE, id)).outcome[:2] == ["refused", 429]
        assert len(provider.asked) == 3


async def test_structured_output_and_wrong_json(tmp_path: Path) -> None:
    result = Call("final_result", city="Paris", degrees=21)
    outcome, provider = await run(tmp_path / "a.db", "typed", WrongJSON("weather"), WrongJSON("final_result"), result)
    assert outcome[0] == {"city": "Paris", "degrees": 21}
    assert len(provider.asked) == 3


async def test_where_requests_may_not_go_is_said_and_not_tried_again(tmp_path: Path) -> None:
    async with Loopback({"a": Script(Say("no"))}) as provider:
        host = Process(App([Desk], egress=["elsewhere.invalid"]), tmp_path / "a.db", config=config(provider, "a"))
        try:
            id = await host.call(HERE, "ask", "text", "hi")
            found = await host.ended(HERE, id)
        finally:
            await host.die()
        assert found.error is not None and found.error.code == "egress-refused", found
        assert provider.asked == []


async def test_without_a_model_rules_answer_and_say_so(tmp_path: Path) -> None:
    async with process(APP, tmp_path / "a.db", config={"desk": Models()}) as host:
        id = await host.call(HERE, "ask", "told", "weather city=Rome")
        assert (await host.ended(HERE, id)).outcome[
            0
        ] == "No model is configured, so rules answer here. weather: Rome: 21"
        id = await host.call(HERE, "ask", "text", "hello")
        outcome = (await host.ended(HERE, id)).outcome[0]
        assert "You said: hello" in outcome and "weather" in outcome


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("openai:gpt", "OPENAI__API_KEY"),
        ("nobody:x", "BASE_URL"),
        ("gpt", "provider:name"),
        ("openai:", "provider:name"),
    ],
)
def test_a_model_that_can_not_be_had_says_what_to_set(name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        model(name)


def test_models_come_from_the_environments_text() -> None:
    assert Models(model='["a:b", "c:d"]').model == ["a:b", "c:d"]
    key = SecretStr("k")
    made = model(config=Models(model="openai:x, openai-responses:y", providers={"openai": Provider(api_key=key),
                 "openai-responses": Provider(api_key=key)}))  # fmt: skip
    assert type(made).__name__ == "FallbackModel"
    assert "secret" not in repr(Models(providers={"a": Provider(api_key=SecretStr("secret"))}))


async def test_a_synchronous_tool_has_a_thread_of_its_own(tmp_path: Path) -> None:
    @WAYS["text"].tool_plain
    def block() -> str:
        return "no" if threading.current_thread() is threading.main_thread() else "yes"

    outcome, provider = await run(tmp_path / "a.db", "text", Call("block"), Say("done"))
    assert outcome[0] == "done"
    assert provider.asked[1].body["messages"][-1]["content"] == "yes"
