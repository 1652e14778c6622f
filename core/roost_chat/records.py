"""What is kept of a conversation, and what its actions take and return. Plain data; nothing here acts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, Field

TEXT: Final = 64 * 1024
"""Characters of one message of a user, most."""
QUEUE: Final = 16
"""Turns that may wait behind the one that runs."""

Cut: TypeAlias = Literal["cancelled", "failed"]
Outcome: TypeAlias = Literal["done", "cancelled", "failed"]
SessionState: TypeAlias = Literal["active", "running", "paused", "idle", "ended"]


class TextPart(BaseModel):
    type: Literal["text"] = "text"
    text: str


class ReasoningPart(BaseModel):
    type: Literal["reasoning"] = "reasoning"
    text: str
    kept: Any = None
    """What the provider wants to be given back with it."""


class ToolCallPart(BaseModel):
    """The model asked for a tool."""

    type: Literal["tool-call"] = "tool-call"
    id: str
    """Ours: `{turn}.{n}`."""
    tool: str
    arguments: dict[str, Any]
    """As the model gave them."""
    provider: str = ""
    """The provider's own id of the call."""


class Approved(BaseModel):
    """Who answered for a tool's call."""

    approved: bool
    by: str
    """The principal; "" = somebody without a name."""
    source: str
    at: datetime
    digest: str
    """Of the arguments it was given for."""
    reason: str = ""


class ToolResultPart(BaseModel):
    """What came of it: a value, or why there is none."""

    type: Literal["tool-result"] = "tool-result"
    id: str
    """Of the call."""
    tool: str
    outcome: Literal["done", "error", "denied", "unknown"]
    value: Any = None
    error: str = ""
    code: str = ""
    approval: Approved | None = None
    provider: str = ""


Part: TypeAlias = Annotated[TextPart | ReasoningPart | ToolCallPart | ToolResultPart, Field(discriminator="type")]
Role: TypeAlias = Literal["user", "assistant", "tool"]


class Message(BaseModel):
    """One row of the history. It is written once and never changed."""

    seq: int
    """From 1, in the order of writing."""
    id: str
    """`{turn}.{name}`: the same for whoever reads it."""
    turn: int
    """Number of the turn it belongs to: that is the order of the conversation. A later turn's question may be written
    while an earlier turn still answers."""
    role: Role
    parts: list[Part]
    at: datetime
    by: str = ""
    """Of a user's message: who said it."""
    cut: Cut | None = None
    """It is what there was when its turn was cut."""

    @property
    def text(self) -> str:
        """Its text parts, one after the other."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


class Usage(BaseModel):
    """What models cost."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    """None: nobody knows a price."""

    def plus(self, more: Usage) -> Usage:
        usd = None if self.usd is None and more.usd is None else (self.usd or 0.0) + (more.usd or 0.0)
        return Usage(
            requests=self.requests + more.requests, input_tokens=self.input_tokens + more.input_tokens,
            output_tokens=self.output_tokens + more.output_tokens, usd=usd,
        )  # fmt: skip


class Priced(BaseModel):
    """What a request came to, and of whom it was: what it is priced by."""

    usage: Usage
    model: str = ""
    provider: str = ""
    url: str = ""


class Ask(BaseModel):
    """A question that a turn waits with."""

    id: str
    """Of the job's question: `answer(id, ...)`."""
    turn: str
    """The job."""
    call: str
    """Of the tool's call."""
    tool: str
    kind: Literal["approval", "settlement"]
    text: str
    arguments: dict[str, Any]
    digest: str
    who: str | None = None
    """The role that may answer; None: who may write to the session."""
    asked: datetime
    answered: str | None = None
    """The principal of whoever answered, until the turn has heard it; None: nobody did."""


class Reply(BaseModel):
    """Whom a turn's end is told: the turn of another agent, which delegated it."""

    kind: str
    key: str
    turn: str
    call: str


class LiveTurn(BaseModel):
    """A turn that has not ended."""

    id: str
    """Of its job: what its stream is read by."""
    n: int
    """Number of the turn."""
    message: int
    """`seq` of the user's message it answers."""
    running: bool = False
    """False: it waits for the one before it."""
    held: str = ""
    """Why it waits, though nobody is asked: `over-budget`."""
    source: str = "client"
    principal: str = ""
    reply: Reply | None = None


class Session(BaseModel):
    """The row that every tick of a chat agent reads: what there is of the conversation."""

    title: str = ""
    owner: tuple[str, str] | None = None
    """(source, principal) of the first who sent something under a name; None: nobody did."""
    created: datetime
    touched: datetime
    """When something was last said, by whoever."""
    next: int = 1
    """`seq` of the next row."""
    floor: int = 1
    """Rows before it were cleared away."""
    swept: int = 1
    """Rows before it are deleted."""
    turns: int = 0
    """How many began."""
    aside: list[int] = []
    """Turns whose answers were given anew: they are kept, and shown to no model."""
    live: list[LiveTurn] = []
    asks: list[Ask] = []
    usage: Usage = Usage()
    seen: datetime | None = None
    """When somebody without a connection last looked."""
    left: datetime | None = None
    """When the last who was attached went; None: somebody is."""
    paused: bool = False
    ended: datetime | None = None
    last: Outcome | None = None
    """How the last turn ended."""
    listed: str = ""
    """What the directory was told last."""


class Sent(BaseModel):
    """What `send` returns: the turn is a job, and what it says stands in that job's stream."""

    turn: str
    n: int
    message: int
    """`seq` of the message."""
    queued: bool = False
    """Another turn runs first."""
    stream: str = "events"


class SessionView(BaseModel):
    """What `session` returns."""

    state: SessionState
    title: str
    owner: str | None
    created: datetime
    touched: datetime
    messages: int
    turn: LiveTurn | None
    queued: int
    asks: list[Ask]
    last: Outcome | None


class Attached(BaseModel):
    """What `attach` returns: the last messages, and how the session stands. What its turn says from its beginning on
    is read from the stream of `session.turn.id`."""

    session: SessionView
    messages: list[Message]
    stream: str = "events"


class Approval(BaseModel):
    """The answer to a tool that asks."""

    approved: bool
    reason: str = Field("", max_length=2000)
    digest: str | None = None
    """Of the arguments that were shown; another one is refused."""


class Settlement(BaseModel):
    """The answer about a call that may run once at most, whose host died: did it take effect?"""

    happened: bool
    result: str = Field("", max_length=4000)
    """What the model is told."""


class Delegated(BaseModel):
    """What `self.delegate` gives, and a tool returns."""

    kind: str
    key: str
    text: str


class TurnDone(BaseModel):
    """How a turn ended: what `on_turn` gets."""

    id: str
    n: int
    outcome: Outcome
    text: str = ""
    """What was said last."""
    code: str = ""
    error: str = ""
    usage: Usage = Usage()
