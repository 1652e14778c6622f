"""What a turn says while it runs: items of the stream `events` of its job, the same on every wire.

Cursors, and resets of what a step said that runs again, are the stream's (docs/jobs.md). What a turn said stands in
the history too, once each of its steps has ended: events are for whoever watches.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, Field

from .records import Ask, Outcome, Usage

STREAM: Final = "events"


class _Event(BaseModel):
    turn: str = ""
    """The job."""
    n: int = 0
    """Number of the turn in its session."""
    step: str = ""
    """What said it: `model:1`, `tool:{call}`, ..."""
    attempt: int = 1
    """Of that step."""
    path: str = ""
    """`kind/key` of the agent that said it, where a turn was delegated; "" = this one."""


class TurnStart(_Event):
    type: Literal["turn-start"] = "turn-start"
    message: int
    """`seq` of the user's message."""


class TextDelta(_Event):
    type: Literal["text-delta"] = "text-delta"
    message: str
    """Id of the message that it becomes."""
    part: int
    text: str


class ReasoningDelta(_Event):
    type: Literal["reasoning-delta"] = "reasoning-delta"
    message: str
    part: int
    text: str


class ToolCall(_Event):
    type: Literal["tool-call"] = "tool-call"
    id: str
    tool: str
    arguments: dict[str, Any]


class ToolResult(_Event):
    type: Literal["tool-result"] = "tool-result"
    id: str
    tool: str
    value: Any = None


class ToolError(_Event):
    type: Literal["tool-error"] = "tool-error"
    id: str
    tool: str
    code: str
    error: str


class QuestionAsked(_Event):
    type: Literal["question"] = "question"
    ask: Ask


class AnswerGiven(_Event):
    type: Literal["answer"] = "answer"
    question: str
    call: str
    yes: bool
    by: str


class SourceFound(_Event):
    """Something that the answer stands on."""

    type: Literal["source"] = "source"
    url: str
    title: str = ""


class UsageTold(_Event):
    type: Literal["usage"] = "usage"
    usage: Usage


class TurnHeld(_Event):
    """The turn waits, and nobody is asked."""

    type: Literal["turn-held"] = "turn-held"
    why: str
    """`over-budget`."""
    scope: str = ""
    """Of the budget: turn, session, caller."""
    until: float | None = None
    """Epoch seconds at which it goes on by itself; None: when somebody raises the budget."""


class TurnEnd(_Event):
    type: Literal["turn-end"] = "turn-end"
    outcome: Outcome
    code: str = ""
    error: str = ""


Event: TypeAlias = Annotated[
    TurnStart | TextDelta | ReasoningDelta | ToolCall | ToolResult | ToolError | QuestionAsked | AnswerGiven
    | SourceFound | UsageTold | TurnHeld | TurnEnd,
    Field(discriminator="type"),
]  # fmt: skip
