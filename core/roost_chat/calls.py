"""A tool's call, from what the model asked for to its outcome: checked, allowed, run as a step, settled."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import TypeAdapter
from pydantic_core import to_json

from roost import Cancelled, Fatal, QuestionExpired, StepUnknown
from roost.errors import Rejected, RoostError

from .events import AnswerGiven, Event, QuestionAsked, SourceFound, ToolError, ToolResult, UsageTold
from .records import Approval, Approved, Ask, Delegated, Settlement, ToolCallPart, ToolResultPart, TurnDone
from .tools import CALLING, Calling, Tool, digest_of

if TYPE_CHECKING:
    from .turn import Turn

RESULT: Final = 40 * 1024
"""Bytes of a tool's result, as JSON: what a model is shown of it, and the history keeps."""
SHOWN: Final = 2000
DELEGATED: Final = "roost:delegated"
"""Characters of a question's text."""


class Calls:
    """Of one turn."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    async def outcome(self, call: ToolCallPart) -> ToolResultPart:
        """In the body. Raises nothing that the model could be told instead."""
        turn = self._turn
        agent = turn.agent
        tool = agent.chat_tools[call.tool]
        ruling = agent.policy.of(tool.name)
        if ruling == "deny":
            return await self._refused(call, "denied", "policy", "this tool may not be called")
        try:
            args, kwargs = tool.action.bind((), call.arguments)
        except Rejected as error:
            return await self._refused(call, "error", error.code, error.message)
        try:
            asks = ruling == "ask" or tool.always or (tool.asks is not None and tool.asks(agent, *args, **kwargs))
        except Exception as error:  # whatever the author's code can raise; a call that nobody allowed is not made
            return await self._refused(
                call, "error", "approve-failed", f"nobody could say whether it may be called: {type(error).__name__}"
            )
        approval: Approved | None = None
        if asks:
            approval = await self._approval(call, tool)
            if not approval.approved:
                why = f"not allowed{f': {approval.reason}' if approval.reason else ''}"
                return await self._refused(call, "denied", "denied", why, approval)
        try:
            value = await self._step(call, tool, args, kwargs)
            if isinstance(value, dict) and DELEGATED in value:
                value = await self._delegated(call, cast("dict[str, Any]", value)[DELEGATED])
        except StepUnknown:
            return await self._settled(call, tool, approval)
        except RoostError as error:
            return ToolResultPart(
                id=call.id, tool=call.tool, outcome="error", code=error.code, error=str(error)[:SHOWN],
                approval=approval, provider=call.provider,
            )  # fmt: skip
        return ToolResultPart(
            id=call.id, tool=call.tool, outcome="done", value=value, approval=approval, provider=call.provider
        )

    async def _step(
        self, call: ToolCallPart, tool: Tool[Any, Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        turn = self._turn
        name = f"tool:{call.id}"

        async def step() -> Any:
            token = CALLING.set(Calling(call.id, call.tool, turn.id, turn.user, turn.run, turn))
            try:
                found = await tool.fn(turn.agent, *args, **kwargs)
                if isinstance(found, Delegated):
                    return {DELEGATED: found.model_dump()}
                data = written(tool, found)
            except Exception as error:
                code = getattr(error, "code", "step-failed")
                said = error.message if isinstance(error, RoostError) else f"{type(error).__name__}: {error}"
                turn.emit(ToolError(id=call.id, tool=call.tool, code=code, error=said[:SHOWN]), name)
                raise
            finally:
                CALLING.reset(token)
            turn.emit(ToolResult(id=call.id, tool=call.tool, value=data), name)
            return data

        options = tool.options
        using = turn.run.using(
            name=f"tool:{call.tool}", type=Any, retry=options.retry, timeout=options.timeout, once=options.once
        )
        return await using.step(step)

    async def _delegated(self, call: ToolCallPart, given: Any) -> Any:
        """In the body: another chat agent answers. What it cost counts here."""
        from .turns import KINDS

        turn, run = self._turn, self._turn.run
        other = turn.agent.agent(KINDS[given["kind"]], given["key"])
        sent = await run.call(other.chat_delegated, given["text"], turn.id, call.id)
        try:
            done = await run.wait(f"reply:{call.id}", TurnDone)
        except Cancelled:
            await run.call(other.cancel_turn, sent.turn)
            raise
        await turn.spent(done.usage)
        if done.outcome != "done":
            raise Rejected(done.error or f"the other's turn was {done.outcome}", code=done.code or "not-done")
        told: list[Event] = [ToolResult(id=call.id, tool=call.tool, value=done.text), UsageTold(usage=turn.usage)]
        await turn.tell(*told, step=f"tool:{call.id}", path=f"{given['kind']}/{given['key']}")
        return done.text

    async def _refused(
        self, call: ToolCallPart, outcome: Any, code: str, why: str, approval: Approved | None = None
    ) -> ToolResultPart:
        await self._turn.tell(ToolError(id=call.id, tool=call.tool, code=code, error=why), step=f"refused:{call.id}")
        return ToolResultPart(
            id=call.id, tool=call.tool, outcome=outcome, code=code, error=why, approval=approval, provider=call.provider
        )

    async def _approval(self, call: ToolCallPart, tool: Tool[Any, Any, Any]) -> Approved:
        """Ask somebody; it counts for this call with these arguments alone, and once: nobody is asked for it again."""
        digest = digest_of(call.tool, call.arguments)
        text = f"Allow {called(call)}?"
        said: Approval
        try:
            said, by, source, at = await self._ask("approval", Approval, call, tool, text, digest)
        except QuestionExpired:
            now = self._turn.run.now
            return Approved(approved=False, by="", source="", at=now, digest=digest, reason="nobody answered in time")
        if said.digest is not None and said.digest != digest:
            said = Approval(approved=False, reason="the answer was given for other arguments")
        return Approved(approved=said.approved, by=by, source=source, at=at, digest=digest, reason=said.reason)

    async def _settled(
        self, call: ToolCallPart, tool: Tool[Any, Any, Any], approval: Approved | None
    ) -> ToolResultPart:
        """Its host died while it ran, and it may run once at most: somebody says what came of it."""
        text = f"{called(call)} was cut off, and is not called again. Did it take effect?"
        part = ToolResultPart(
            id=call.id, tool=call.tool, outcome="unknown", code="step-unknown", approval=approval,
            provider=call.provider, error="it was cut off, and nobody knows whether it took effect",
        )  # fmt: skip
        said: Settlement
        try:
            said, _, _, _ = await self._ask(
                "settlement", Settlement, call, tool, text, digest_of(call.tool, call.arguments)
            )
        except QuestionExpired:
            return part
        if said.happened:
            return part.model_copy(
                update={"outcome": "done", "code": "", "error": "", "value": said.result or "it took effect"}
            )
        return part.model_copy(
            update={"outcome": "error", "code": "not-done", "error": said.result or "it did not take effect"}
        )

    async def _ask(
        self, kind: Any, type: type[Any], call: ToolCallPart, tool: Tool[Any, Any, Any], text: str, digest: str
    ) -> tuple[Any, str, str, Any]:
        turn = self._turn
        run = turn.run
        asked = run.question(type, text, who=tool.who, timeout=turn.agent.question_timeout)
        id = run.question_id(asked)
        ask = Ask(
            id=id, turn=turn.id, call=call.id, tool=call.tool, kind=kind, text=text, arguments=call.arguments,
            digest=digest, who=tool.who, asked=run.now,
        )  # fmt: skip
        try:
            await run.tick(turn.agent.chat_asked, ask)
            await turn.tell(QuestionAsked(ask=ask), step=f"ask:{call.id}")
            said = await asked
        finally:
            asked.cancel()
        yes = bool(getattr(said.value, "approved", getattr(said.value, "happened", False)))
        await turn.tell(AnswerGiven(question=id, call=call.id, yes=yes, by=said.by), step=f"answer:{call.id}")
        return said.value, said.by, said.source, said.at


def called(call: ToolCallPart) -> str:
    """The call as a line."""
    said = ", ".join(f"{name}={to_json(value).decode()}" for name, value in call.arguments.items())
    return f"{call.tool}({said})"[:SHOWN]


def written(tool: Tool[Any, Any, Any], value: Any) -> Any:
    """A result as data, by the tool's return annotation."""
    data = _adapter(tool).dump_python(value, mode="json", warnings="error")
    if (size := len(to_json(data))) > RESULT:
        raise Fatal(
            f"the result of {tool.name} has {size} bytes; the limit is {RESULT}: return what the model needs, and say "
            "where the rest is",
            code="limit-tool-result",
        )
    return data


@cache
def _adapter(tool: Tool[Any, Any, Any]) -> TypeAdapter[Any]:
    return TypeAdapter(tool.action.result)


def source(url: str, title: str = "") -> None:
    """In a tool: say what the answer stands on; whoever watches is told."""
    from .tools import run

    calling = run()
    calling.says.emit(SourceFound(url=url, title=title), f"tool:{calling.id}")
