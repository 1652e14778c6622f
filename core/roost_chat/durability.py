"""`RoostDurability`: any pydantic-ai `Agent`, run inside any job, is journaled.

    support = Agent("openai:gpt-5-mini", name="support", capabilities=[RoostDurability()])

    class Desk(Agent[Notes]):
        @job
        async def answer(self, run: Run, text: str) -> str:
            return (await support.run(text)).output

Each request of a model and each call of a tool is a step; the agent's loop runs on the body's own loop, and after a
crash it goes on from the journal. Outside of jobs, and inside a step, the agent is an ordinary one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Protocol, cast

from pydantic import JsonValue, TypeAdapter
from pydantic_ai.agent import EventStreamHandler
from pydantic_ai.capabilities.abstract import WrapRunHandler
from pydantic_ai.durable_exec import (
    JSON_CODEC,
    BaseDurabilityCapability,
    DurabilityCodec,
    DurabilityEngineSpec,
    DurableOperationId,
    EventStreamHandlerId,
    ExternalEventError,
    ExternalEventWaiter,
    JournalCallableOperationBackend,
    ModelRequestId,
    RoleBasedOperationConfig,
    conversation_id_from_run_id,
    external_event_scope,
    record_durable_unit,
    replay_scope,
)
from pydantic_ai.durable_exec._utils import StreamedModelRequestResult
from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models import KnownModelName, Model, ModelRequestContext, ModelResolutionContext
from pydantic_ai.run import AgentRunResult
from pydantic_ai.tools import AgentDepsT, RunContext, ToolDefinition
from pydantic_ai.toolsets import ToolsetTool

from roost import Answer, Fatal, QuestionExpired, Rejected, Retry, Run
from roost.author.run import RUNNING
from roost.author.step import StepOptions

from .failures import ERROR, keep, passing, raise_kept
from .models import named
from .transport import refusal
from .upstream import durable_sleep, stamp, with_threads, without_threads

MODEL = StepOptions(retry=Retry(attempts=5, first=1.0), timeout=300.0)
"""Of a model's request, unless the author says otherwise."""
TOOL = StepOptions()
KEY = "roost"
"""Of a tool's metadata: `metadata={"roost": {"once": "at_most", "timeout": 60}}`; False = it runs in the body."""


def job_run() -> Run | None:
    """The run of the job in whose body this is called; None: in a step, or outside of jobs."""
    run = RUNNING.get()
    return run if run is not None and run.here else None


class _Codec(DurabilityCodec):
    """Responses of models without what they leave out: 4,008 bytes of a short one become 2,508.

    Tools' results keep their None: a tool that returns it, or a model with such a field, said so.
    """

    def __init__(self) -> None:
        self._responses: list[Any] = [ModelResponse, StreamedModelRequestResult]
        self._adapters: list[TypeAdapter[Any]] = [TypeAdapter(x) for x in self._responses]

    def dump(self, tp: Any, value: Any) -> Any:
        for response, adapter in zip(self._responses, self._adapters, strict=True):
            if tp is response or tp == response:
                return adapter.dump_python(value, mode="json", exclude_none=True)
        return JSON_CODEC.dump(tp, value)

    def load(self, tp: Any, payload: Any) -> Any:
        return JSON_CODEC.load(tp, payload)


WAITS = "roost:waits"
"""The one key of a record that says why a request was not made."""


class Gate(Protocol):
    """Whether requests of a model may be made."""

    async def enter(self) -> dict[str, Any] | None:
        """In the step, before a try: None, or why the body must wait before it asks again."""
        ...

    async def failed(self, error: BaseException) -> None:
        """In the step: a try that was let in."""
        ...

    async def wait(self, refused: dict[str, Any]) -> None:
        """In the body: until it may ask again."""
        ...


class _Backend(JournalCallableOperationBackend[StepOptions]):
    """Carries out an operation as a step of the job that runs."""

    gate: Gate | None = None

    async def execute(
        self,
        *,
        operation_id: DurableOperationId,
        name: str,
        body: Callable[[], Awaitable[object]],
        cache_key: tuple[object, ...],
        config: StepOptions,
    ) -> object:
        run = job_run()
        if run is None or isinstance(operation_id, EventStreamHandlerId):
            return await body()  # an event of the body itself: it is told again in each life, and `run.emit` is silent
        ran = False
        gate = self.gate if isinstance(operation_id, ModelRequestId) else None

        async def step() -> Any:
            nonlocal ran
            ran = True
            if gate is not None and (refused := await gate.enter()) is not None:
                return {WAITS: refused}
            with with_threads():
                try:
                    return await body()
                except Exception as error:
                    if gate is not None:
                        await gate.failed(error)
                    again = passing(error)
                    if again is not None and run.attempt < config.retry.attempts and config.once == "at_least":
                        raise again from error
                    kept = keep(error)
                    if kept is not None:
                        return kept
                    said = refusal(error)
                    if said is None or isinstance(said, (Rejected, Fatal)):
                        raise said or error from None
                    raise Fatal(said.message, code=said.code) from error

        using = run.using(retry=config.retry, timeout=config.timeout, once=config.once, name=name, type=Any)
        while True:
            found: Any = await using.step(step)
            kept = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
            if gate is None or WAITS not in kept:
                break
            await gate.wait(kept[WAITS])
        record_durable_unit(executed=ran)
        if ERROR in kept:
            raise_kept(kept)
        return cast("object", found)


class _Waiter(ExternalEventWaiter):
    """In-run waits are questions of the job: `RequestInput`, `wait_for_external_event`.

    The token is the question's id: it is answered by `POST .../questions/{token}`, or `self.answer_question(...)`.
    """

    def __init__(self, run: Run, who: str | None) -> None:
        self._run = run
        self._who = who

    async def wait(
        self, name: str, *, ask: Callable[[str], Awaitable[JsonValue]], timeout: timedelta | None
    ) -> JsonValue:
        run = self._run
        answer: asyncio.Future[Answer[Any]] = run.question(cast("Any", JsonValue), name, who=self._who, timeout=timeout)
        token = run.question_id(answer)

        async def asking() -> Any:
            with with_threads():
                return await ask(token)

        try:
            said = await run.using(name=f"ask:{name}", type=Any).step(asking)
            if said is not None:
                return cast("JsonValue", said)
            return cast("JsonValue", (await answer).value)
        except QuestionExpired as error:
            raise ExternalEventError(f"nobody answered within {timeout}") from error
        finally:
            answer.cancel()


class RoostDurability(BaseDurabilityCapability[AgentDepsT]):
    """See the file's head. The agent's `name` (or `name=`) is in the journal: it must not change while jobs run."""

    engine_spec: ClassVar[DurabilityEngineSpec] = DurabilityEngineSpec(
        engine_name="Roost",
        durable_unit_noun="step",
        durable_container_noun="job",
        codec=_Codec(),
        toolset_lifecycles={"function": "enter-never", "mcp": "enter-in-durable-unit", "dynamic": "enter-never"},
        tool_config_key=KEY,
    )

    def __init__(
        self,
        *,
        models: Mapping[str, Model] | None = None,
        event_stream_handler: EventStreamHandler[AgentDepsT] | None = None,
        name: str | None = None,
        model_step: StepOptions = MODEL,
        tool_step: StepOptions = TOOL,
        who: str | None = None,
        gate: Gate | None = None,
    ) -> None:
        """`models`: others that a run may use, by key. `who`: the role that answers what the agent waits for; None =
        whoever started the job. `gate`: lets requests of models in."""
        super().__init__(models=models, event_stream_handler=event_stream_handler, name=name)
        self._model_step = model_step
        self._tool_step = tool_step
        self._who = who
        self._gate = gate

    @property
    def in_durable_context(self) -> bool:
        return job_run() is not None

    def get_durable_operation_backend(self) -> _Backend:
        config = RoleBasedOperationConfig(
            model=self._model_step, event=self._tool_step, capability=self._tool_step, tool=self._tool_step,
            resolve_tool=self._options,
        )  # fmt: skip
        backend = _Backend(agent_name=self.name, default_model_id=self.default_model_id, config=config)
        backend.gate = self._gate
        return backend

    def _options(self, id: DurableOperationId, tool: object | None, name: str) -> StepOptions | Literal[False]:
        """How a tool's call runs, as its metadata says."""
        definition: ToolDefinition | None = tool.tool_def if isinstance(tool, ToolsetTool) else None
        said: Any = (definition.metadata or {}).get(KEY) if definition is not None else None
        if said is None:
            return self._tool_step
        if said is False:
            return False
        return tool_options(self._tool_step, said, name)

    async def resolve_model_id(
        self, ctx: ModelResolutionContext[AgentDepsT], *, model_id: KnownModelName | str
    ) -> Model | None:
        """A name is looked up in `models=`, then made as the config of the job's agent says."""
        found = await super().resolve_model_id(ctx, model_id=model_id)
        if found is not None or (run := RUNNING.get()) is None:
            return found
        return named(model_id, run.config)

    def get_default_run_id(self) -> str | None:
        run = job_run()
        return None if run is None else str(run.uuid())

    def get_default_conversation_id(self, run_id: str) -> str | None:
        return None if job_run() is None else conversation_id_from_run_id(run_id)

    def get_run_clock(self) -> Callable[[], datetime] | None:
        run = job_run()
        return None if run is None else lambda: run.now

    async def wrap_run(self, ctx: RunContext[AgentDepsT], *, handler: WrapRunHandler) -> AgentRunResult[Any]:
        """The whole of a run: no threads, waits that are the journal's, telemetry of what really ran."""
        run = job_run()
        if run is None:
            return await handler()
        waiter = _Waiter(run, self._who)
        with without_threads(), durable_sleep(asyncio.sleep), replay_scope(), external_event_scope(waiter):
            result = await super().wrap_run(ctx, handler=handler)
        stamp(result.all_messages(), 0, run.now)
        return result

    async def before_model_request(
        self, ctx: RunContext[AgentDepsT], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        run = job_run()
        if run is not None:
            stamp(ctx.messages, 0, run.now)
        return await super().before_model_request(ctx, request_context)


def tool_options(base: StepOptions, said: Any, name: str) -> StepOptions:
    """The options of a step by a tool's metadata. UserError: there is no such option."""
    known = {"once", "timeout", "attempts"}
    given = cast("dict[str, Any]", said) if isinstance(said, dict) else {"": said}
    if not {*given} <= known:
        raise UserError(
            f"tool {name!r}: metadata {KEY!r} is {said!r}: it takes {', '.join(sorted(known))}; False = the call runs "
            "in the body of the job, unjournaled"
        )
    attempts = given.get("attempts")
    retry = base.retry if attempts is None else Retry(attempts=attempts, first=base.retry.first)
    try:
        return StepOptions(retry, float(given.get("timeout", base.timeout)), given.get("once", base.once))
    except ValueError as error:
        raise UserError(f"tool {name!r}: metadata {KEY!r}: {error}") from error
