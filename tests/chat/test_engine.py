"""What pydantic-ai asks of an engine, as far as its released package says it (durable_exec/AGENTS.md).

Waits for people, pinned names, control flow that crosses as values, what is refused, an ordinary agent outside of jobs.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from pydantic_ai import Agent as Thinker
from pydantic_ai import CancellationToken, RunContext, ToolFailed
from pydantic_ai.capabilities import AbstractCapability, RequestInput
from pydantic_ai.durable_exec import (
    CapabilityOperationId,
    EventStreamHandlerId,
    JournalOperationNamer,
    ModelCancelSuspendedResponseId,
    ModelCompactMessagesId,
    ModelRequestId,
    ToolsetCallToolId,
    ToolsetGetToolsId,
    ToolsetValidateToolArgumentsId,
)
from pydantic_ai.exceptions import UserError
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults
from pydantic_ai.usage import UsageLimits

from roost import Agent, App, Run, action, job
from roost.testing import world
from roost_chat import RoostDurability
from roost_chat.testing import Call, Calls, Say, scripted

RAN: Counter[str] = Counter()
TOKENS: list[str] = []
WAYS: dict[str, Any] = {}


async def ask(ctx: RunContext[None], requests: DeferredToolRequests, token: str) -> DeferredToolResults | None:
    RAN["ask"] += 1
    TOKENS.append(token)
    return None


@pytest.fixture(autouse=True)
def fresh() -> None:
    RAN.clear()
    TOKENS.clear()
    WAYS.clear()


def thinker(*entries: Any, more: list[AbstractCapability[None]] | None = None, **options: Any) -> Thinker[None, Any]:
    made = Thinker(
        scripted(*entries), name="asst", deps_type=type(None), capabilities=[RoostDurability[None](), *(more or [])],
        **options,
    )  # fmt: skip

    @made.tool_plain(requires_approval=True)
    async def refund(amount: int) -> str:
        RAN["refund"] += 1
        return f"{amount} paid"

    @made.tool_plain
    async def broken() -> str:
        RAN["broken"] += 1
        raise ToolFailed("there is none")

    @made.tool_plain(metadata={"roost": {"once": "at_most", "attempts": 1}})
    async def fragile() -> str:
        RAN["fragile"] += 1
        raise ValueError("torn")

    @made.tool_plain(metadata={"roost": {"onse": "at_most"}})
    async def misspelt() -> str:
        return ""

    return made


class Desk(Agent):
    @action
    async def ask(self, **options: Any) -> str:
        return self.start(None, self.answer).id

    @job
    async def answer(self, run: Run) -> Any:
        result = await WAYS["agent"].run("hi", **WAYS.get("options", {}))
        return result.output


APP = App([Desk])
ASKS = [Call("refund", amount=5), Say("paid")]


@pytest.mark.parametrize("kill", [None, 0, 1, 2, 3, 4])
async def test_a_wait_for_a_person_is_a_question_of_the_job(kill: int | None) -> None:
    WAYS["agent"] = thinker(*ASKS, more=[RequestInput[None](ask, timeout=timedelta(hours=2))])
    async with world(APP) as w:
        if kill is not None:
            w.faults.once("journal.append", "crash-after", after=kill)
        id = await w.agent(Desk, "a").ask()
        await w.advance(minutes=30)
        assert RAN["refund"] == 0
        (question,) = await w.questions(Desk, "a", id)
        assert question.id in TOKENS and len(set(TOKENS)) == 1
        approvals = {call: {"kind": "tool-approved"} for call in ["call-0"]}
        await w.answer(Desk, "a", id, {"approvals": approvals, "calls": {}}, question=TOKENS[0])
        await w.advance(minutes=5)
        found = await w.job(Desk, "a", id)
        assert (found.outcome, found.error) == ("paid", None), found
        assert RAN["refund"] == 1


async def test_a_wait_that_nobody_answers_ends() -> None:
    WAYS["agent"] = thinker(*ASKS, more=[RequestInput[None](ask, timeout=timedelta(hours=2))])
    async with world(APP) as w:
        id = await w.agent(Desk, "a").ask()
        await w.advance(hours=3)
        found = await w.job(Desk, "a", id)
        assert (found.outcome, found.error, RAN["refund"]) == ("paid", None, 0), found
        assert await w.questions(Desk, "a", id) == []


async def test_an_approval_may_end_the_run_too() -> None:
    WAYS["agent"] = thinker(*ASKS, output_type=[str, DeferredToolRequests])
    async with world(APP) as w:
        id = await w.agent(Desk, "a").ask()
        await w.advance(minutes=5)
        found = await w.job(Desk, "a", id)
        assert found.error is None and found.outcome["approvals"][0]["tool_name"] == "refund", found


async def test_a_tool_that_fails_for_the_model_is_told_it_and_not_run_again() -> None:
    WAYS["agent"] = thinker(Call("broken"), Say("too bad"))
    async with world(APP) as w:
        id = await w.agent(Desk, "a").ask()
        await w.advance(minutes=5)
        assert (await w.job(Desk, "a", id)).outcome == "too bad"
        assert RAN["broken"] == 1


async def test_a_tools_metadata_says_how_its_step_runs() -> None:
    WAYS["agent"] = thinker(Call("fragile"), Say("no"))
    async with world(APP) as w:
        id = await w.agent(Desk, "a").ask()
        await w.advance(minutes=5)
        error = (await w.job(Desk, "a", id)).error
        assert error is not None and "torn" in error.message
        assert RAN["fragile"] == 1
    WAYS["agent"] = thinker(Call("misspelt"), Say("no"))
    async with world(APP) as w:
        id = await w.agent(Desk, "a").ask()
        await w.advance(minutes=5)
        error = (await w.job(Desk, "a", id)).error
        assert error is not None and "onse" in error.message and "attempts, once, timeout" in error.message


async def test_limits_of_usage_hold_without_another_request() -> None:
    agent = thinker(Calls(Call("broken"), Call("broken")), Say("never"))
    model: Any = agent.model
    WAYS.update(agent=agent, options={"usage_limits": UsageLimits(request_limit=1)})
    async with world(APP) as w:
        id = await w.agent(Desk, "a").ask()
        await w.advance(minutes=5)
        error = (await w.job(Desk, "a", id)).error
        assert error is not None and "request_limit" in error.message
        assert model.script.requests == 1


async def test_a_token_that_cancels_from_outside_is_refused() -> None:
    WAYS.update(agent=thinker(Say("x")), options={"cancellation_token": CancellationToken()})
    async with world(APP) as w:
        id = await w.agent(Desk, "a").ask()
        await w.advance(minutes=5)
        error = (await w.job(Desk, "a", id)).error
        assert error is not None and "Roost" in error.message, error


async def test_outside_of_a_job_it_is_an_ordinary_agent() -> None:
    agent = thinker(Call("broken"), Say("plainly"))
    assert (await agent.run("hi")).output == "plainly"
    assert RAN["broken"] == 1
    with pytest.raises(UserError, match="needs to have a unique `name`"):
        Thinker(scripted(Say("x")), deps_type=type(None), capabilities=[RoostDurability[None]()])


def test_names_are_pinned() -> None:
    """They are in journals: a change strands every job that runs."""
    namer = JournalOperationNamer("asst", default_model_id="default")
    ids: list[tuple[Any, str]] = [
        (ModelRequestId(None, streaming=False, model_name="m"), "asst__model.request"),
        (ModelRequestId(None, streaming=True, model_name="m"), "asst__model.request_stream"),
        (ModelRequestId("openai:x", streaming=False, model_name="m"), "asst__model.request.openai:x"),
        (ModelCompactMessagesId(None, model_name="m"), "asst__model.compact_messages"),
        (ModelCancelSuspendedResponseId(None, model_name="m"), "asst__model.cancel_suspended_response"),
        (EventStreamHandlerId(), "asst__event_stream_handler"),
        (ToolsetCallToolId("function", toolset_id="<agent>"), "asst__function_toolset__<agent>.call_tool"),
        (ToolsetValidateToolArgumentsId("function", toolset_id="t"), "asst__function_toolset__t.validate_args"),
        (ToolsetGetToolsId("mcp", toolset_id="t"), "asst__mcp_server__t.get_tools"),
        (CapabilityOperationId("c", operation="o"), "asst__capability__c.o"),
    ]
    assert [namer.operation_name(id) for id, _ in ids] == [name for _, name in ids]


async def test_the_journal_has_these_names() -> None:
    WAYS["agent"] = thinker(Call("broken"), Call("refund", amount=1), more=[RequestInput[None](ask)])
    async with world(APP) as w:
        id = await w.agent(Desk, "a").ask()
        await w.advance(minutes=5)
        found = await w.job(Desk, "a", id)
        facts = [fact.name for row in found.rows for fact in row if fact.kind == "value"]
        assert facts == [
            "asst__model.request", "asst__function_toolset__<agent>.call_tool:broken", "asst__model.request",
            "ask:deferred_tool_calls",
        ]  # fmt: skip
        sizes = [len(fact.data) for row in found.rows for fact in row if fact.name.endswith("model.request")]
        assert max(sizes) < 700, "a response is written without what it leaves out"
