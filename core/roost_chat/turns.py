"""The turns of a session: how they begin, what their steps write, and how they end. Ticks of the agent."""

from __future__ import annotations

from datetime import timedelta
from inspect import isawaitable
from typing import Any, ClassVar, Final, Generic

from pydantic import BaseModel
from typing_extensions import TypeVar

from roost.author.action import action
from roost.author.job import JobDone, job
from roost.author.kind import HOOK, Empty
from roost.author.run import Run
from roost.contract.address import check_key
from roost.errors import AgentError, LimitExceeded, Rejected

from . import history
from .budgets import BudgetAgent
from .limits import ChatLimits
from .policy import Policy
from .presence import BACKGROUND
from .records import (
    QUEUE,
    Ask,
    Cut,
    Delegated,
    LiveTurn,
    Message,
    Outcome,
    Part,
    Priced,
    Reply,
    Role,
    Sent,
    Session,
    TextPart,
    TurnDone,
    Usage,
)  # fmt: skip
from .tools import Tool

S = TypeVar("S", bound=BaseModel, default=Empty)
C = TypeVar("C", bound=BaseModel, default=Empty)

TURN: Final = "chat_turn"
KINDS: Final[dict[str, Any]] = {}
"""Kind -> its class: whom a turn that was delegated answers."""


class Begin(BaseModel):
    """What a turn is given."""

    messages: list[Message]
    instructions: str
    user: str
    source: str


def hook(fn: Any) -> Any:
    """A hook that this class declares."""
    setattr(fn, HOOK, True)
    return fn


class TurnAgent(BudgetAgent[S, C], Generic[S, C]):
    """See the file's head."""

    model: Any = None
    """`"openai:gpt-5-mini"`, a model of pydantic-ai, a list of these (tried in order), or a plain method that gives
    one. A field `model` of the config counts before it."""
    instructions: Any = ""
    """What the model is told before the conversation: text, or a method (`def` or `async def`) that returns it."""
    policy: ClassVar[Policy] = Policy()
    max_requests: ClassVar[int] = 50
    """Of the model, in one turn."""
    max_tokens: ClassVar[int | None] = None
    """Of one answer of the model; None: as many as its provider lets it, or, under a budget, 4,096."""
    context_messages: ClassVar[int] = 100
    context_tokens: ClassVar[int] = 20_000
    """What of the history a model is shown, at most; a token is counted as four bytes."""
    limiter: ClassVar[type[ChatLimits] | None] = None
    """`ChatLimits`, or a subclass that the app has: asks a provider, under one key, no more often than it may be."""
    question_timeout: ClassVar[timedelta] = timedelta(days=2)
    """Then nobody answered: a call that asked is not made."""

    chat_tools: ClassVar[dict[str, Tool[Any, Any, Any]]] = {}

    @hook
    async def on_turn(self, turn: TurnDone, /) -> None:
        """A turn has ended: once for each, in a tick like any other."""

    async def context(self, messages: list[Message], /) -> list[Message]:
        """What the model is shown of the conversation, which is given in its order, its last `context_messages`. The
        history itself stays as it is."""
        return history.within(messages, self.context_tokens)

    def delegate(self, kind: type[TurnAgent[Any, Any]], key: str, text: str, /) -> Delegated:
        """What a tool returns that has another chat agent answer: its turn begins, this one waits for it, and what it
        says is the tool's result. What it costs counts here too."""
        if kind.kind not in KINDS:
            raise AgentError(f"{kind!r} is no chat agent: self.delegate(Other, key, text)", code="bad-target")
        return Delegated(kind=kind.kind, key=check_key(key), text=history.said(text))

    @job(timeout=timedelta(days=7))
    async def chat_turn(self, run: Run, n: int, message: int, queued: bool) -> TurnDone:
        """One turn. `send` starts it."""
        from .turn import Turn

        return await Turn(self, run, n, message).go(queued)

    @action(public=False)
    async def chat_begin(self, id: str, n: int) -> Begin:
        """A turn begins: what it is given."""
        session = await history.session_of(self.kv, self.now)
        live = next((turn for turn in session.live if turn.id == id), None)
        if live is None:
            raise Rejected("this turn is none of the session", code="no-turn", status=409)
        if not live.running:
            live.running = True
            self._put(session)
        rows = await history.recent(self.kv, session, self.context_messages)
        if not any(row.seq == live.message for row in rows):
            rows = [*await history.page(self.kv, session, live.message - 1, 1), *rows]
        shown = await self.context(history.conversation(rows, n))
        if not any(row.seq == live.message for row in shown):
            raise AgentError(
                "the context that the model is shown lacks the message that it is to answer", code="bad-context"
            )
        return Begin(messages=shown, instructions=await self._instructions(), user=live.principal, source=live.source)

    @action(public=False)
    async def chat_append(
        self, n: int, id: str, role: Role, parts: list[Part], priced: Priced | None, cut: Cut | None,
        closes: str | None,
    ) -> Usage | None:  # fmt: skip
        """A step of a turn ended: its part of the history. What a request cost: its price is looked up here, for the
        body would find another one once prices change."""
        session = await history.session_of(self.kv, self.now)
        history.append(self.kv, session, self.now, n, id, role, parts, cut=cut)
        usage = None if priced is None else self.priced(priced)
        live = next((turn for turn in session.live if turn.n == n), None)
        if usage is not None:
            session.usage = session.usage.plus(usage)
            await self._count(usage, live)
            if live is not None:
                await self._settle(live, id, usage)
        if closes is not None:
            session.asks = [ask for ask in session.asks if ask.call != closes]
        self._put(session)
        return usage

    @action(public=False)
    async def chat_spent(self, turn: str, usage: Usage) -> None:
        """Another's turn was paid for this one."""
        session = await history.session_of(self.kv, self.now)
        session.usage = session.usage.plus(usage)
        live = next((one for one in session.live if one.id == turn), None)
        await self._count(usage, live)
        if live is not None:
            await self._charge(live, usage)
        self._put(session)

    @action(public=False)
    async def chat_asked(self, ask: Ask) -> None:
        """A turn waits for an answer."""
        session = await history.session_of(self.kv, self.now)
        session.asks = [*(x for x in session.asks if x.id != ask.id), ask]
        self._put(session)

    @action(public=False)
    async def chat_over(self, turn: TurnDone) -> None:
        """Apart from the end itself, which an error of the author's must not keep from being written."""
        await self.on_turn(turn)

    @action(by="agent")
    async def chat_delegated(self, text: str, turn: str, call: str) -> Sent:
        """Another chat agent's turn has this one answer: `self.delegate`."""
        assert self.caller is not None
        kind, _, key = self.caller.principal.partition("/")
        session = await self._session(write=True)
        self._open(session)
        if len(session.live) > QUEUE:
            raise LimitExceeded(f"{QUEUE} turns wait already", limit="chat_queue", status=429)
        session.turns += 1
        row = history.append(
            self.kv, session, self.now, session.turns, f"{session.turns}.0", "user",
            [TextPart(text=history.said(text))],
            by=self.caller.principal,
        )  # fmt: skip
        return self._begin(session, row.seq, Reply(kind=kind, key=key, turn=turn, call=call))

    @action(by="agent")
    async def chat_reply(self, turn: str, call: str, done: TurnDone) -> None:
        """A turn that was delegated has ended."""
        self.signal(turn, f"reply:{call}", done.model_dump(mode="json"))

    async def on_job(self, done: JobDone, /) -> None:
        if done.name != TURN:
            return
        session = await history.session_of(self.kv, self.now)
        live = next((turn for turn in session.live if turn.id == done.id), None)
        if live is None:
            return
        outcome: Outcome = "done"
        code = error = ""
        if done.error is not None:
            outcome = "cancelled" if done.error.code in ("cancelled", "deadline") else "failed"
            code, error = done.error.code, done.error.message
        self._over(session, live, outcome)
        self._put(session)
        await self._finish(live)
        told = (
            done.result(self.chat_turn)
            if done.error is None
            else TurnDone(id=live.id, n=live.n, outcome=outcome, code=code, error=error)
        )
        if live.reply is not None and (asked := KINDS.get(live.reply.kind)) is not None:
            self.tell(self.agent(asked, live.reply.key).chat_reply, live.reply.turn, live.reply.call, told)
        if type(self).on_turn is not TurnAgent.on_turn:
            self.tell(self.chat_over, told)

    def _begin(self, session: Session, message: int, reply: Reply | None = None) -> Sent:
        n, queued = session.turns, bool(session.live)
        caller = self.caller
        ref = self.start(f"turn-{n}", self.chat_turn, n, message, queued)
        session.live.append(
            LiveTurn(
                id=ref.id, n=n, message=message, running=not queued,
                source="client" if caller is None else caller.source,
                principal="" if caller is None else caller.principal, reply=reply,
            )
        )  # fmt: skip
        if not self._attached(session):  # an agent or the app began it, and nobody is there
            session.left = session.left or self.now
            self.schedule(BACKGROUND, self.max_background_runtime, self.chat_background)
        self._put(session)
        return Sent(turn=ref.id, n=n, message=message, queued=queued)

    async def _instructions(self) -> str:
        given: Any = self.instructions
        if callable(given):
            given = given()
            if isawaitable(given):
                given = await given
        if not isinstance(given, str):
            raise AgentError(f"{type(self).__name__}.instructions gave {given!r}, which is no text", code="bad-context")
        return given
