"""Chat agents whose model does what it is told. What ran writes into `{key}-ledger`, and stands at `{key}-gate`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from roost import Agent, action
from roost_chat import Budget, ChatAgent, ChatBudgets, ChatSessions, Delegated, Policy, TurnDone, run, tool

from .ledger import Ledger
from .worker import stand

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage


class Told(BaseModel):
    notes: list[str] = []
    turns: list[str] = []


async def script(chat: Agent[Any, Any], messages: list[ModelMessage], info: object) -> AsyncIterator[Any]:
    """`call NAME ARGS; call ...` calls tools, then says what they came to. `wait` stands at the gate between two words.
    `count` says how many messages it was shown. Else it echoes."""
    from pydantic_ai.messages import ToolReturnPart, UserPromptPart
    from pydantic_ai.models.function import DeltaToolCall

    await chat.agent(Ledger, f"{chat.key}-ledger", idempotency_key=token_hex(8)).write("model")
    parts = [part for message in messages for part in message.parts]
    last = parts[-1]
    if isinstance(last, ToolReturnPart):
        returned = [part for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
        yield "I see: "
        yield ", ".join(sorted(part.model_response_str() for part in returned))
        return
    said = str(next(part.content for part in reversed(parts) if isinstance(part, UserPromptPart)))
    if said.startswith("call "):
        for place, one in enumerate(said.split("; ")):
            name, _, arguments = one.removeprefix("call ").partition(" ")
            yield {place: DeltaToolCall(name, arguments or "{}", tool_call_id=f"p{place}")}
    elif said.startswith("wait"):
        for word in ("one ", "two ", "thr"):
            yield word
        await stand(chat, f"{chat.key}-gate")
        for word in ("ee ", "four"):
            yield word
    elif said == "count":
        yield f"{len([part for part in parts if isinstance(part, UserPromptPart)])} said"
    else:
        yield "you said "
        yield said


class Chatter(ChatAgent[Told]):
    """One that enqueues."""

    policy = Policy(deny=["forbidden"])

    def model(self) -> Any:
        from pydantic_ai.models.function import FunctionModel

        return FunctionModel(stream_function=partial(script, self))

    @tool
    async def note(self, line: str) -> str:
        """Write a line, and keep it."""
        await self.write(f"note {line}")
        await run().tick(self.keep, line)
        return f"noted {line}"

    @tool
    async def stand(self, line: str) -> str:
        """Write a line, and stand at the gate."""
        await self.write(f"stand {line}")
        await stand(self, f"{self.key}-gate")
        return f"stood {line}"

    @tool
    async def pay(self, amount: int) -> str:
        """Pay. Over 100 somebody is asked."""
        await self.write(f"pay {amount}")
        return f"paid {amount} for {run().user}"

    @pay.approve
    def _(self, amount: int) -> bool:
        return amount > 100

    @tool(once="at_most")
    async def wire(self, amount: int) -> str:
        """Stand at the gate, once at most."""
        await self.write(f"wire {amount}")
        await stand(self, f"{self.key}-gate")
        return f"wired {amount}"

    @tool(who="teller", approve=True)
    async def vault(self) -> str:
        """For tellers to allow."""
        await self.write("vault")
        return "open"

    @tool
    async def forbidden(self) -> None:
        """Never called."""
        await self.write("forbidden")

    @tool
    async def expert(self, text: str) -> Delegated:
        """Another one answers."""
        return self.delegate(Chatter, f"{self.key}-expert", text)

    @action(public=False)
    async def keep(self, line: str) -> None:
        self.state.notes.append(line)

    async def on_turn(self, turn: TurnDone, /) -> None:
        self.state.turns.append(f"{turn.n} {turn.outcome} {turn.text or turn.code}")

    async def write(self, line: str) -> None:
        await self.agent(Ledger, f"{self.key}-ledger", idempotency_key=token_hex(8)).write(line)


class ChatterStrict(Chatter):
    double_text = "reject"


class ChatterHasty(Chatter):
    double_text = "interrupt"


class ChatterHeld(Chatter):
    when_left = "pause"


class ChatterFrugal(Chatter):
    budget = Budget(tokens=700, scope="caller", window="month")
    max_tokens = 100


class ChatterThrifty(Chatter):
    budget = (Budget(tokens=700), Budget(tokens=600, scope="turn"))
    max_tokens = 100


AGENTS: list[type[Agent[Any, Any]]] = [
    Chatter, ChatterStrict, ChatterHasty, ChatterHeld, ChatterFrugal, ChatterThrifty, ChatSessions, ChatBudgets,
]  # fmt: skip
