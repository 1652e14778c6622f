"""`ChatAgent`: an agent that answers from a model, uses tools, asks people, and is found again after a reload.

class Support(ChatAgent[Profile]):
    model = "openai:gpt-5-mini"
    instructions = "You help customers."

    @tool(once="at_most")
    async def refund(self, number: str, amount: Decimal) -> str: ...

    @refund.approve
    def _(self, number: str, amount: Decimal) -> bool:
        return amount > 100

A session is one agent; a turn is one job of it. Nothing here loads pydantic-ai: turns do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from importlib.util import find_spec
from typing import Annotated, Any, ClassVar, Final, Generic, Literal

from pydantic import BaseModel, Field, ValidationError
from typing_extensions import TypeVar

from roost.author.action import action, describe
from roost.author.kind import Empty
from roost.errors import AgentError, LimitExceeded, NotFound, Rejected

from . import history
from .budget import budgets_of
from .policy import Policy
from .records import QUEUE, Approval, Ask, Attached, Message, Sent, SessionView, Settlement, TextPart, Usage
from .tools import tools_of
from .turns import KINDS, TurnAgent

S = TypeVar("S", bound=BaseModel, default=Empty)
C = TypeVar("C", bound=BaseModel, default=Empty)

TITLE: Final = 80
"""Characters of a title."""
SHOWN: Final = 50
"""Messages that `attach` shows."""
SHOWN_BYTES: Final = 40 * 1024
"""Of those, as JSON: questions and their arguments go into the same answer."""
SAY: Final = "a turn of this session goes on: wait for its end, or cancel it"


class ChatAgent(TurnAgent[S, C], Generic[S, C]):
    """See the file's head."""

    double_text: ClassVar[Literal["enqueue", "reject", "interrupt"]] = "enqueue"
    """What becomes of a message that is sent while a turn goes on."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if not _installed():
            raise ImportError(f"{cls.__name__} is a chat agent, which needs pydantic-ai: pip install 'roost[models]'")
        if cls.double_text not in ("enqueue", "reject", "interrupt"):
            raise TypeError(
                f'{cls.__name__}.double_text = {cls.double_text!r}: it is "enqueue", "reject" or "interrupt"'
            )
        if not isinstance(cls.policy, Policy):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{cls.__name__}.policy: it is Policy(allow=[...], ask=[...], deny=[...])")
        cls.chat_tools = tools_of(cls)
        if cls.when_left not in ("continue", "pause"):
            raise TypeError(f'{cls.__name__}.when_left = {cls.when_left!r}: it is "continue" or "pause"')
        try:
            cls.budgets = budgets_of(cls.budget)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}.budget: {error}") from None
        for name in ("on_job", "on_connect", "on_disconnect"):
            own = cls.__dict__.get(name)
            if own is not None:
                setattr(cls, name, _after(getattr(ChatAgent, name), own))
        super().__init_subclass__(**kwargs)
        KINDS[cls.kind] = cls

    @action
    async def send(self, message: Annotated[Any, Field(examples=["hello"])]) -> Sent:
        """Say something: text, `{"text": ...}`, or a conversation of which the last message of a user counts. A turn
        begins that answers it; what it says is read from the stream `events` of its job."""
        text = history.said(message)
        session = await self._session(write=True)
        self._open(session)
        if self.model is None and getattr(self.config, "model", None) is None:
            raise AgentError(
                f'{type(self).__name__} has no model: give it one (model = "openai:gpt-5-mini"), or a config that says '
                "which (ChatAgent[State, Models])",
                code="no-model",
            )
        if session.live and self.double_text == "reject":
            raise Rejected(SAY, code="turn-live", status=409)
        if len(session.live) > QUEUE:
            raise LimitExceeded(f"{QUEUE} turns wait already; wait for one to end", limit="chat_queue", status=429)
        self._came(session)
        if self.double_text == "interrupt":
            for turn in session.live:
                self.cancel(turn.id)
        session.turns += 1
        principal = "" if self.caller is None else self.caller.principal
        row = history.append(
            self.kv, session, self.now, session.turns, f"{session.turns}.0", "user", [TextPart(text=text)], by=principal
        )
        session.title = session.title or " ".join(text.split())[:TITLE]
        return self._begin(session, row.seq)

    @action(name="cancel")
    async def cancel_turn(self, turn: str | None = None) -> bool:
        """Stop the turn that runs, or the one of that id. Whether there was one. What it said so far is kept."""
        session = await self._session(write=True)
        for live in session.live:
            if live.id == turn or (turn is None and live.running):
                return self.cancel(live.id)
        return False

    @action
    async def answer(self, question: str, value: Any) -> bool:
        """Answer a question of a turn, by its id or by its call's: true or false, or `{"approved": ..., "reason":
        ...}`. 404 `no-question`; 409 `question-closed`; 403: it is for others."""
        caller = self.caller
        roles = () if caller is None else caller.roles
        session = await history.session_of(self.kv, self.now)
        ask = next((x for x in session.asks if question in (x.id, x.call)), None)
        if ask is None or ask.who not in roles:  # whoever has the role that is asked may answer in any session
            self._admit(session)
        if ask is None:
            raise NotFound(f"no question {question!r} is open", code="no-question")
        client = caller is None or caller.source == "client"
        if ask.who is not None and client and ask.who not in roles:
            raise Rejected(f"this question is for the role {ask.who}", code="not-allowed", status=403)
        if ask.answered is not None:
            raise Rejected(
                f"it was answered by {ask.answered or 'somebody without a name'}", code="question-closed", status=409
            )
        said = _answer(ask, value)
        self.answer_question(ask.turn, ask.id, said.model_dump(exclude_none=True))
        ask.answered = "" if caller is None else caller.principal
        self._put(session)
        return True

    @action
    async def regenerate(self) -> Sent:
        """Answer the last message anew. What was said to it stays readable (`messages(aside=True)`), and is shown to
        the model no more. 409 `turn-live`, `nothing-said`."""
        session = await self._session(write=True)
        self._open(session)
        if session.live:
            raise Rejected(SAY, code="turn-live", status=409)
        rows = await history.recent(self.kv, session, self.context_messages)
        last = next((row for row in reversed(rows) if row.role == "user"), None)
        if last is None:
            raise Rejected("nothing was said that could be answered anew", code="nothing-said", status=409)
        session.aside += [n for n in range(last.turn, session.turns + 1) if n not in session.aside]
        session.turns += 1
        return self._begin(session, last.seq)

    @action
    async def clear(self) -> int:
        """Delete what was said. The number of messages that were. 409 `turn-live`."""
        session = await self._session(write=True)
        if session.live:
            raise Rejected(SAY, code="turn-live", status=409)
        gone = session.next - session.floor
        session.floor, session.aside, session.title = session.next, [], ""
        self._put(session)
        self.tell(self.chat_sweep)
        return gone

    @action
    async def end(self) -> bool:
        """End the session: its turns are cancelled, and nothing is said in it any more. Whether it was open."""
        session = await self._session(write=True)
        if session.ended is not None:
            return False
        for turn in session.live:
            self.cancel(turn.id)
        session.ended = self.now
        self._put(session)
        return True

    @action
    async def rename(self, title: str) -> str:
        """Give the session a title."""
        session = await self._session(write=True)
        session.title = " ".join(title.split())[:TITLE]
        self._put(session)
        return session.title

    @action
    async def attach(self) -> Attached:
        """Come back: the last messages, open questions, the turn that runs. It counts as being there for a minute, or
        as long as a WebSocket is open; a turn that was held because nobody was goes on."""
        session = await self._session(write=True)
        self._came(session)
        self._put(session)
        return Attached(
            session=self._view(session), messages=await history.recent(self.kv, session, SHOWN, SHOWN_BYTES)
        )

    @action(readonly=True)
    async def messages(self, after: int = 0, limit: int = 100, aside: bool = False) -> list[Message]:
        """Messages with `seq` > after, oldest first: at most `limit`, or what fits into one answer. `aside`: those too
        that were answered anew."""
        session = await self._session()
        return await history.page(self.kv, session, max(0, after), max(1, min(limit, 1000)), aside=aside)

    @action(readonly=True)
    async def usage(self) -> Usage:
        """What the models of this session cost so far."""
        return (await self._session()).usage

    @action(readonly=True)
    async def session(self) -> SessionView:
        """How the session stands: its turn, and what is asked."""
        return self._view(await self._session())


@cache
def _installed() -> bool:
    try:
        return find_spec("pydantic_ai") is not None
    except ValueError:  # it is None in sys.modules: kept out on purpose
        return False


def _answer(ask: Ask, value: Any) -> Approval | Settlement:
    model: type[Approval] | type[Settlement] = Approval if ask.kind == "approval" else Settlement
    if isinstance(value, bool):
        value = {"approved": value} if ask.kind == "approval" else {"happened": value}
    try:
        found = model.model_validate(value)
    except ValidationError as error:
        raise Rejected(f"the answer does not fit: {describe(error)}", code="bad-answer", status=422) from None
    if isinstance(found, Approval) and found.digest is not None and found.digest != ask.digest:
        raise Rejected(
            "the answer was given for other arguments than the tool is to be called with", code="other-arguments",
            status=409,
        )  # fmt: skip
    return found


def _after(first: Callable[..., Any], own: Callable[..., Any]) -> Callable[..., Any]:
    """The author's hook, after the one of chat agents: nobody has to think of calling it."""

    @wraps(own)
    async def both(self: Any, *args: Any) -> None:
        await first(self, *args)
        await own(self, *args)

    return both
