"""What a job waits for from others: an answer to its question, a signal, the end of another job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from ..contract.errors import AgentError, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Callable

T_co = TypeVar("T_co", covariant=True)

QUESTION_BYTES: Final = 64 * 1024
"""Of a question as it is kept: its text, whom it is for, the schema of its answer."""
NAME: Final = 200
"""Characters in the name of a signal."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T_co]):
    """What somebody said to a question of a job."""

    value: T_co
    by: str
    """The principal of whoever answered; "" = somebody without a name."""
    source: str
    """What that is: "client", "operator", "agent", "app"."""
    at: datetime
    """Aware, UTC."""


@dataclass(frozen=True, slots=True)
class QuestionWork:
    """A question that the body asks."""

    data: bytes
    """JSON: {"text", "who", "schema"}, as the store keeps it."""
    timeout: float | None
    """Seconds; None = as long as the job may take."""


@dataclass(frozen=True, slots=True)
class WaitWork:
    """A signal that the body waits for."""

    name: str


@dataclass(frozen=True, slots=True)
class ResultWork:
    """The end of another job of the agent, which the body waits for."""

    uid: str


def question_work(type: Any, text: str, who: str | None, timeout: float | None) -> QuestionWork:
    """AgentError `bad-question`: nobody could answer it."""
    if timeout is not None and not 0 < timeout < float("inf"):
        raise AgentError(f"run.question(timeout={timeout!r}): it is more than 0 seconds", code="bad-question")
    if who == "":
        raise AgentError("run.question(who=''): name a role, or leave it out", code="bad-question")
    data = to_json({"text": text, "who": who, "schema": _schema(type)})
    if len(data) > QUESTION_BYTES:
        raise LimitExceeded(
            f"a question of {len(data)} bytes; the limit is {QUESTION_BYTES}, its text and the schema of its answer "
            "together",
            limit="job_question",
        )
    return QuestionWork(data, timeout)


def question_id(uid: str, run: str | int, call: str) -> str:
    """Of a call's question: no other question of the agent ever has it."""
    return f"{uid}-{run}-{call.replace(':', '-')}"


def wait_work(name: str) -> WaitWork:
    """AgentError `bad-signal`: no signal can have this name."""
    if not 0 < len(name) <= NAME:
        raise AgentError(f"a signal's name has 1 to {NAME} characters, not {len(name)}", code="bad-signal")
    return WaitWork(name)


def answer_decoder(type: Any) -> Callable[[bytes], Answer[Any]]:
    """Reads what a row keeps of an answer."""
    return partial(_answer, adapter_of(type))


def _answer(adapter: TypeAdapter[Any], data: bytes) -> Answer[Any]:
    doc: Any = from_json(data)
    source, principal = doc["by"]
    value = adapter.validate_json(to_json(doc["value"]))
    return Answer(value, principal, source, datetime.fromtimestamp(doc["at"], UTC))


def signal_decoder(type: Any) -> Callable[[bytes], Any]:
    """Reads what a row keeps of a signal."""
    return partial(_signal, adapter_of(type))


def _signal(adapter: TypeAdapter[Any], data: bytes) -> Any:
    return adapter.validate_json(to_json(from_json(data)["value"]))


def adapter_of(type: Any) -> TypeAdapter[Any]:
    """Of the type that an answer or a signal has."""
    try:
        return _adapter(type)
    except TypeError:  # it can't be hashed
        return TypeAdapter(type)


_adapter = cache(TypeAdapter[Any])


def _schema(type: Any) -> Any:
    try:
        return adapter_of(type).json_schema()
    except Exception as error:  # whatever a type of the author can raise
        raise AgentError(
            f"run.question({type!r}): its answers have no JSON schema, so nobody can be asked for one: {error}",
            code="bad-question",
        ) from error
