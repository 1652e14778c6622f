"""`@job`: a method that runs outside the mailbox, longer than any tick, whose finished steps are kept."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import isfinite
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, cast, get_type_hints, overload

from pydantic import ValidationError

from ..contract.errors import AgentError, RoostError
from ..contract.trigger import CallerSource
from .action import callers, describe
from .equality import adapter
from .job_method import JOB, JobMethod, JobRef, starters
from .run import Run

__all__ = ["JobDone", "JobOptions", "JobRef", "job"]

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")
Body = Callable[Concatenate[A, Run, P], Coroutine[Any, Any, R]]

TIMEOUT: Final = 86_400.0
"""Seconds a job may take, unless it says otherwise."""
LONGEST: Final = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What `@job(...)` was given."""

    timeout: float = TIMEOUT
    """Seconds from its start; then it is cancelled."""
    by: frozenset[str] = frozenset()
    """Sources of the callers that may start it from outside; empty: operators."""
    roles: frozenset[str] = frozenset()
    """Roles of which a client must have one, to start it."""

    def __post_init__(self) -> None:
        if not (isfinite(self.timeout) and 0 < self.timeout <= LONGEST):
            raise ValueError(f"@job(timeout={self.timeout!r}): a job takes more than 0 s and at most {LONGEST:.0f} s")

    def method(self, attr: str, fn: Callable[..., Any]) -> JobMethod:
        """What its class keeps of it. TypeError says what is wrong with it."""
        return JobMethod(attr, fn, self.timeout, Run, starters(self.by, self.roles, attr))


@overload
def job(body: Body[A, P, R], /) -> Body[A, P, R]: ...
@overload
def job(
    *, timeout: float | timedelta = TIMEOUT, by: CallerSource | Sequence[CallerSource] = (),
    roles: str | Sequence[str] = (),
) -> Callable[[Body[A, P, R]], Body[A, P, R]]: ...  # fmt: skip
def job(
    body: Any = None, /, *, timeout: float | timedelta = TIMEOUT, by: CallerSource | Sequence[CallerSource] = (),
    roles: str | Sequence[str] = (),
) -> Any:  # fmt: skip
    """Make an async method a job: `async def work(self, run: Run, ...)`. `self.start(key, self.work, ...)` begins it.

    `timeout` (seconds or timedelta, at most 30 days) is that of the whole job, waits included. From outside operators
    start it, or those that `by` and `roles` name, as for an action.
    """
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    options = JobOptions(seconds, *callers("@job", by, roles))

    def mark(body: Any) -> Any:
        setattr(body, JOB, options)
        return body

    return mark if body is None else mark(body)


@dataclass(frozen=True, slots=True)
class JobDone:
    """How a job ended: what `on_job` gets."""

    id: str
    name: str
    key: str | None
    value: Any = None
    """What it returned, as data; `result(self.work)` gives it as annotated."""
    error: RoostError | None = None
    """Why it did not return. Its code: what the body raised, else `cancelled`, `deadline` or `job-failed`."""
    raw: bytes = field(default=b"null", repr=False)
    """`value` as JSON."""

    def result(self, of: Callable[Concatenate[Run, P], Coroutine[Any, Any, R]], /) -> R:
        """What it returned, by the annotation of the method it was. Raises what it raised."""
        if self.error is not None:
            raise self.error
        if getattr(of, "__name__", None) != self.name:
            raise AgentError(f"this job was {self.name}, not {of!r}: look at done.name first", code="bad-target")
        hint = get_type_hints(of, include_extras=True).get("return", Any)
        if hint is None or hint is type(None):
            return cast(R, None)
        try:
            return cast(R, adapter(hint).validate_json(self.raw, by_alias=True, by_name=True))
        except ValidationError as error:
            raise AgentError(
                f"{self.name} came to {self.value!r}, not {hint}: {describe(error)}", code="bad-result"
            ) from error
