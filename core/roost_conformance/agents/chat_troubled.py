"""Chat agents whose models fail as providers do, and a job that asks a model for a form. See agents/chatter.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from roost import Agent, Run, action, job

from .chatter import Chatter, script
from .ledger import Ledger

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse

WAIT: Final = 2.0
"""Seconds after which a busy provider wants to be asked again."""


async def _trouble(chat: Agent[Any, Any], messages: list[ModelMessage], info: object) -> AsyncIterator[str]:
    """`busy`: 429 at first. `cut`: it breaks off at first. `bad`: it is refused for good."""
    from pydantic_ai import exceptions as ai
    from pydantic_ai.messages import UserPromptPart

    said = [str(part.content) for m in messages for part in m.parts if isinstance(part, UserPromptPart)][-1]
    attempt = Run.current().attempt
    await chat.agent(Ledger, f"{chat.key}-ledger", idempotency_key=token_hex(8)).write(f"asked {attempt}")
    if said == "busy" and attempt == 1:
        raise ai.ModelHTTPError.for_category(
            ai.ModelRateLimitError, status_code=429, model_name="troubled", retry_after=WAIT
        )
    if said == "bad":
        raise ai.ModelHTTPError.for_category(ai.ModelAuthenticationError, status_code=401, model_name="troubled")
    if attempt == 1:
        yield "so "
        yield "it "
        raise ai.ModelConnectionError("troubled", "the stream was cut")
    yield "here "
    yield "it is"


async def _half(chat: Agent[Any, Any], messages: list[ModelMessage], info: object) -> AsyncIterator[str]:
    """Cut at first, then down."""
    from pydantic_ai import exceptions as ai

    if Run.current().attempt == 1:
        yield "half a "
        raise ai.ModelConnectionError("half", "the stream was cut")
    raise ai.ModelHTTPError.for_category(ai.ModelServerError, status_code=503, model_name="half")


class ChatterTroubled(Chatter):
    def model(self) -> Any:
        from pydantic_ai.models.function import FunctionModel

        return FunctionModel(stream_function=partial(_trouble, self))


class ChatterSpare(Chatter):
    """The second of its models answers when the first does not."""

    def model(self) -> Any:
        from pydantic_ai.models.function import FunctionModel

        return [FunctionModel(stream_function=partial(one, self)) for one in (_half, script)]


class Form(BaseModel):
    city: str
    degrees: int


class ChatForms(Agent):
    """A job that has a pydantic-ai agent fill in a form. What does not fit is told to the model, which tries again."""

    @action
    async def ask(self, text: str) -> str:
        return self.start(None, self.fill, text).id

    @job
    async def fill(self, run: Run, text: str) -> list[Any]:
        from pydantic_ai import Agent as Thinker
        from pydantic_ai.models.function import FunctionModel

        from roost_chat import RoostDurability

        thinker = Thinker[None, Form](
            FunctionModel(partial(_form, self)),
            name="forms",
            deps_type=type(None),
            output_type=Form,
            capabilities=[RoostDurability[None]()],
        )
        found = await thinker.run(text)
        return [found.output.city, found.output.degrees, found.usage.requests]


async def _form(agent: Agent[Any, Any], messages: list[ModelMessage], info: Any) -> ModelResponse:
    from pydantic_ai.messages import ModelResponse, ToolCallPart

    await agent.agent(Ledger, f"{agent.key}-ledger", idempotency_key=token_hex(8)).write("model")
    asked = sum(isinstance(message, ModelResponse) for message in messages)
    given: dict[str, Any] = {"city": "Paris", "degrees": "warm" if asked == 0 else 21}
    return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, given, tool_call_id=f"p{asked}")])


AGENTS: list[type[Agent[Any, Any]]] = [ChatterTroubled, ChatterSpare, ChatForms]
