"""One turn: the body of its job. A pydantic-ai agent thinks; requests of models and calls of tools are steps.

What a step came to is in the journal before it is written to the history, by a tick of its own: so the history never
says what a replay would not. Loads pydantic-ai.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter
from pydantic_ai import Agent as Thinker
from pydantic_ai import exceptions as ai
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import (
    AgentStreamEvent,
    ModelResponse,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPartDelta,
    ThinkingPartDelta,
)
from pydantic_ai.messages import TextPart as Spoken
from pydantic_ai.messages import ThinkingPart as Thought
from pydantic_ai.messages import ToolCallPart as Asked
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext
from pydantic_ai.usage import UsageLimits

from roost import Cancelled
from roost.errors import AgentError, RoostError

from .bridge import call_part, from_model, shown, to_model
from .calls import Calls
from .chosen import model_of
from .durability import RoostDurability, job_run
from .events import (
    STREAM,
    Event,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolError,
    TurnEnd,
    TurnStart,
    UsageTold,
)
from .limits import Limiter
from .pricing import models_in
from .records import Cut, Part, Priced, ReasoningPart, Role, TextPart, ToolCallPart, ToolResultPart, TurnDone, Usage
from .spending import Gates, Spending
from .toolset import Tools

if TYPE_CHECKING:
    from roost import Run

    from .turns import Begin, TurnAgent

PARTIAL: Final[dict[str, dict[int, TextPart | ReasoningPart]]] = {}
"""Turn -> what the request that runs in this process has said, by the place of the part: what is left of it when the
turn is cancelled. A body may be thrown away and replayed while a step goes on, so it is no body's."""
KEPT: Final = 1000
RETRIES: Final = 3
"""Times in a row that a model may ask for a tool that there is not, or answer nothing."""


class Turn:
    """Of one life of the body."""

    def __init__(self, agent: TurnAgent[Any, Any], run: Run, n: int, message: int) -> None:
        self.agent = agent
        self.run = run
        self.n = n
        self.message = message
        self.id = run.id.partition("/")[0]
        self.user = ""
        """Who said what is answered."""
        self.requests = 0
        """Of the model, so far: the one that runs has this number."""
        self.usage = Usage()
        self.pending: list[ToolCallPart] = []
        """Calls of the last response that have no result yet."""
        self.calls = Calls(self)
        self.where = f"{agent.kind}/{agent.key}#{self.id}"
        """Of all turns: `kind/key#job`."""
        self.provider = ""
        """Of its model, where it is one."""
        self.spending: Spending | None = None

    async def go(self, queued: bool) -> TurnDone:
        """To its end. Raises what it failed by, once that is told and written."""
        try:
            if queued:
                await self.run.wait("go", bool)
            begin = await self.run.tick(self.agent.chat_begin, self.id, self.n)
            self.user = begin.user
            text = await self._think(begin)
        except Cancelled:
            await self._end("cancelled", "cancelled", "")
            raise
        except Exception as error:
            code, why = blame(error)
            await self._end("failed", code, why)
            raise AgentError(why, code=code) from error
        await self.tell(UsageTold(usage=self.usage), TurnEnd(outcome="done"), step="end")
        return TurnDone(id=self.id, n=self.n, outcome="done", text=text[:8000], usage=self.usage)

    async def _think(self, begin: Begin) -> str:
        model = model_of(self.agent)
        self.provider = "" if isinstance(model, FallbackModel) else model.system
        if self.agent.budgets:
            self.spending = Spending(self, self.agent.budgets, begin.source, model)
        limiter = self.agent.limiter
        gate = Gates(self.spending, None if limiter is None else Limiter(self, limiter, models_in(model)[0]))
        most = self.agent.max_tokens if self.spending is None else self.spending.max_tokens
        thinker = Thinker[None, str](
            model,
            name=self.agent.kind,
            deps_type=type(None),
            toolsets=[Tools(self)],
            retries=RETRIES,
            model_settings=None if most is None else ModelSettings(max_tokens=most),
            capabilities=[RoostDurability[None](event_stream_handler=self._heard, gate=gate), _Writer(self)],
        )
        result = await thinker.run(
            None,
            message_history=to_model(begin.messages),
            instructions=begin.instructions or None,
            usage_limits=UsageLimits(request_limit=self.agent.max_requests),
        )
        return result.output

    # What is told ------------------------------------------------------------------------------------

    def emit(self, event: Event, step: str) -> None:
        """In a step: to whoever watches."""
        told = event.model_copy(update={"turn": self.id, "n": self.n, "step": step, "attempt": self.run.attempt})
        self.run.stream(STREAM).emit(told.model_dump(mode="json"))

    async def tell(self, *events: Event, step: str, path: str = "") -> None:
        """In the body: by a step of its own, for a body says nothing."""

        async def tell() -> None:
            for event in events:
                self.emit(event.model_copy(update={"path": path}) if path else event, step)

        await self.run.using(name=f"chat:{step}", type=None).step(tell)

    async def _heard(self, ctx: RunContext[None], events: AsyncIterable[AgentStreamEvent]) -> None:
        """In the step of a model's request: what it says, as it says it."""
        if job_run() is not None:
            return  # an event of the body
        name, step = f"{self.n}.{self.requests}", f"model:{self.requests}"
        PARTIAL[self.where] = {}
        while len(PARTIAL) > KEPT:
            del PARTIAL[next(iter(PARTIAL))]
        if self.requests == 1:
            self.emit(TurnStart(message=self.message), step)
        async for event in events:
            place = getattr(event, "index", 0)
            if isinstance(event, PartStartEvent) and isinstance(event.part, (Spoken, Thought)):
                self._say(name, step, place, event.part.content, isinstance(event.part, Thought))
            elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, (TextPartDelta, ThinkingPartDelta)):
                thought = isinstance(event.delta, ThinkingPartDelta)
                self._say(name, step, place, event.delta.content_delta or "", thought)
            elif isinstance(event, PartEndEvent) and isinstance(event.part, Asked):
                call = call_part(event.part, f"{name}.{place}")
                self.emit(ToolCall(id=call.id, tool=call.tool, arguments=call.arguments), step)

    def _say(self, name: str, step: str, place: int, text: str, thought: bool) -> None:
        if not text:
            return
        kind, delta = (ReasoningPart, ReasoningDelta) if thought else (TextPart, TextDelta)
        part = PARTIAL.setdefault(self.where, {}).setdefault(place, kind(text=""))
        part.text += text
        for start in range(0, len(text), 8000):  # an item of a stream has a limit
            self.emit(delta(message=name, part=place, text=text[start : start + 8000]), step)

    # What is written ---------------------------------------------------------------------------------

    async def said(self, response: ModelResponse) -> None:
        """In the body: a model's response is in the journal."""
        PARTIAL.pop(self.where, None)
        parts, priced = from_model(response, f"{self.n}.{self.requests}", self.provider)
        self.pending = [part for part in parts if isinstance(part, ToolCallPart)]
        usage = await self.append(f"{self.n}.{self.requests}", "assistant", parts, priced=priced)
        self.usage = self.usage.plus(usage or priced.usage)

    async def unanswered(self) -> None:
        """In the body, before the next request: calls that no tool was there for."""
        for call in self.pending:
            denied = call.tool in self.agent.chat_tools and self.agent.policy.of(call.tool) == "deny"
            part = ToolResultPart(
                id=call.id, tool=call.tool, outcome="denied" if denied else "error", provider=call.provider,
                code="policy" if denied else "no-such-tool",
                error="this tool may not be called" if denied else f"there is no tool {call.tool!r}",
            )  # fmt: skip
            await self.append(call.id, "tool", [part])
            await self.tell(
                ToolError(id=call.id, tool=call.tool, code=part.code, error=part.error), step=f"tool:{call.id}"
            )
        self.pending = []

    async def append(
        self, id: str, role: Role, parts: list[Part], *, priced: Priced | None = None, cut: Cut | None = None,
        closes: str | None = None,
    ) -> Usage | None:  # fmt: skip
        return await self.run.tick(self.agent.chat_append, self.n, id, role, parts, priced, cut, closes)

    async def spent(self, usage: Usage) -> None:
        """In the body: what another agent's turn cost that this one delegated."""
        self.usage = self.usage.plus(usage)
        await self.run.tick(self.agent.chat_spent, self.id, usage)

    async def use(self, tool: str, provider: str) -> Any:
        """In the body: a call of a tool, by the provider's id; what the model is told."""
        place = next((i for i, c in enumerate(self.pending) if c.provider == provider and c.tool == tool), None)
        if place is None:
            return {"error": "this call was made twice", "code": "no-such-call"}
        call = self.pending.pop(place)
        part = await self.calls.outcome(call)
        await self.append(call.id, "tool", [part], closes=call.id)
        return shown(part)

    async def _end(self, cut: Cut, code: str, why: str) -> None:
        async def end() -> list[dict[str, Any]]:
            self.emit(UsageTold(usage=self.usage), "end")
            self.emit(TurnEnd(outcome=cut, code=code, error=why), "end")
            return [part.model_dump() for _, part in sorted(PARTIAL.pop(self.where, {}).items())]

        left = await self.run.using(name="chat:end", type=list[dict[str, Any]]).step(end)
        if left:
            parts = TypeAdapter(list[Part]).validate_python(left)
            await self.append(f"{self.n}.{self.requests}", "assistant", parts, cut=cut)


class _Writer(AbstractCapability[None]):
    """Has each response of the model written down, in the body."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    async def before_model_request(
        self, ctx: RunContext[None], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        await self._turn.unanswered()
        self._turn.requests += 1
        if self._turn.spending is not None:
            self._turn.spending.messages = request_context.messages
        return request_context

    async def after_model_request(
        self, ctx: RunContext[None], *, request_context: ModelRequestContext, response: ModelResponse
    ) -> ModelResponse:
        await self._turn.said(response)
        return response


def blame(error: Exception) -> tuple[str, str]:
    """The code and the words under which a turn failed: nothing that only its operator may know."""
    if isinstance(error, ai.UsageLimitExceeded):
        return "too-many-requests", f"the turn needed more of the model than it may: {error}"
    if isinstance(error, ai.ModelHTTPError):
        return "model-failed", f"the model's provider answered {error.status_code}"
    if isinstance(error, (ai.AgentRunError, ai.UserError)):
        return "model-failed", f"the model's answer was of no use: {type(error).__name__}"
    if isinstance(error, RoostError):
        return error.code, error.message
    return "turn-failed", f"{type(error).__name__}: the log says more"
