"""What became of a trigger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from .commit import Handled, Outcome
from .encoding import DEPTH, encode
from .errors import (  # fmt: skip
    AgentError,
    LimitExceeded,
    Rejected,
    RoostError,
    TransientError,
    Unreadable,
    from_problem,
    problem,
)


@dataclass(slots=True)
class TickResult:
    """`value` is JSON; `error` is set unless the outcome is a value. Nothing to do is a value of null."""

    outcome: Outcome
    value: bytes = b"null"
    error: RoostError | None = None
    version: int = 0
    """The agent's version after the tick."""
    duration: float = 0.0
    """Seconds from the handler's start to the durable commit."""
    next_wake: float | None = None
    replayed: bool = False
    """Answered from the inbox: another run of the same id had stored this."""
    response: tuple[int, list[tuple[str, str]], bytes] | None = None
    """The HTTP answer of a request trigger."""

    def get(self) -> Any:
        """The value as Python data; raises the error."""
        if self.error is not None:
            raise self.error
        return from_json(self.value)

    def raw(self) -> bytes:
        """The value as JSON; raises the error."""
        if self.error is not None:
            raise self.error
        return self.value


def outcome_of(error: RoostError) -> Outcome:
    """Which line of the table in rule 2 an error is."""
    if isinstance(error, TransientError):
        return "transient"
    if isinstance(error, LimitExceeded):
        return "limit"
    return "rejected" if isinstance(error, Rejected) else "agent-error"


def failed(error: RoostError) -> TickResult:
    """The result of a trigger that ended in `error`."""
    return TickResult(outcome_of(error), error=error)


def stored(handled: Handled, version: int) -> TickResult:
    """The result that the inbox kept."""
    try:
        found: Any = from_json(handled.value)
        if handled.outcome == "value":
            return TickResult("value", handled.value, version=version, replayed=True)
        error = from_problem(found)
    except Exception:  # whatever stored bytes can raise: it was carried out all the same
        error = Unreadable(f"{handled.id!r} was carried out, but its stored outcome can't be read")
        return TickResult("agent-error", error=error, version=version, replayed=True)
    return TickResult(handled.outcome, error=error, version=version, replayed=True)


def problem_bytes(error: RoostError, cause: dict[str, str] | None = None) -> bytes:
    """The problem document as JSON; data the author gave that can't be written is left out.

    `cause`: for operators; a document with it is nothing for callers.
    """
    doc = problem(error)
    if cause is not None:
        doc["cause"] = cause
    try:
        return encode(doc, "the error", DEPTH + 1)
    except RoostError:
        doc.pop("data", None)
        return to_json(doc)


def hidden(error: BaseException, id: str) -> AgentError:
    """An author's exception as callers see it: no internals, an id for the log."""
    return AgentError(f"the agent failed; its log has the details under {id}", id=id)
