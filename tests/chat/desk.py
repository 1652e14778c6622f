"""A chat agent with scripted models, and what its tools did."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic_ai.messages import ModelMessage, ModelRequest, ToolReturnPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

from roost import Rejected, action
from roost_chat import ChatAgent, Policy, TurnDone, run, tool

COUNTS: Counter[str] = Counter()
SHOWN: list[list[str]] = []
"""What each request of the model was shown, as `role: text` lines."""
SLEEP: list[Callable[[float], Awaitable[None]]] = [asyncio.sleep]
"""By the clock of the world."""


def lines(messages: list[ModelMessage]) -> list[str]:
    found: list[str] = []
    for message in messages:
        for part in message.parts:
            if isinstance(part, UserPromptPart):
                found.append(f"user: {part.content}")
            elif isinstance(part, ToolReturnPart):
                found.append(f"tool: {part.model_response_str()}")
            elif part.part_kind == "text":
                found.append(f"model: {part.content}")
            elif part.part_kind == "tool-call":
                found.append(f"call: {part.tool_name}")
    return found


async def answer(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
    """`call NAME ARGS; call ...` calls tools, then says what they said. `slow` takes five seconds. Else it echoes."""
    COUNTS["model"] += 1
    SHOWN.append(lines(messages))
    last = messages[-1]
    assert isinstance(last, ModelRequest)
    returned = [part for part in last.parts if isinstance(part, ToolReturnPart)]
    if returned:
        yield "I see: "
        yield " ".join(part.model_response_str() for part in returned)
        return
    said = next(str(p.content) for p in reversed(last.parts) if isinstance(p, UserPromptPart))
    if said.startswith("call "):
        for place, one in enumerate(said.split("; ")):
            name, _, arguments = one.removeprefix("call ").partition(" ")
            yield {place: DeltaToolCall(name, arguments or "{}", tool_call_id=f"p{place}")}
        return
    if said.startswith("fail"):
        raise ValueError("the model broke")
    for word in f"you said {said}".split(" "):
        yield f"{word} "
        if said.startswith("slow"):
            await SLEEP[0](1.0)


class Notes(BaseModel):
    orders: list[str] = []
    turns: list[str] = []


class Desk(ChatAgent[Notes]):
    model = FunctionModel(stream_function=answer)
    instructions = "Be brief."
    policy = Policy(deny=["forbidden"])

    @tool
    async def order(self, number: str) -> dict[str, str]:
        """Find an order."""
        COUNTS["order"] += 1
        await run().tick(self.note, number)
        return {"number": number, "state": "sent"}

    @tool
    async def refund(self, number: str, amount: Decimal) -> str:
        """Pay money back."""
        COUNTS["refund"] += 1
        return f"paid {amount} for {number} to {run().user or 'nobody'}"

    @refund.approve
    def _(self, number: str, amount: Decimal) -> bool:
        return amount > 100

    @tool(once="at_most", who="owner", approve=True)
    async def wire(self, amount: int) -> str:
        COUNTS["wire"] += 1
        return f"wired {amount}"

    @tool
    async def refuse(self) -> None:
        raise Rejected("no seat", code="no-seat")

    @tool
    async def forbidden(self) -> None:
        COUNTS["forbidden"] += 1

    @action(public=False)
    async def note(self, number: str) -> None:
        self.state.orders.append(number)

    async def on_turn(self, turn: TurnDone, /) -> None:
        self.state.turns.append(f"{turn.n} {turn.outcome} {turn.text or turn.code}")


class Hasty(Desk):
    double_text = "interrupt"


class Strict(Desk):
    double_text = "reject"


def texts(messages: list[Any]) -> list[str]:
    return [f"{m.role}: {m.text or [p.type for p in m.parts]}{f' ({m.cut})' if m.cut else ''}" for m in messages]
