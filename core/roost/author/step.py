"""`@step`: a method that a job runs outside its body, and whose outcome is kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, partial
from math import isfinite
from typing import Any, Final, Literal, ParamSpec, TypeAlias, TypeVar, get_type_hints

from pydantic import TypeAdapter

from ..contract.errors import AgentError
from .action import Retry

P = ParamSpec("P")
R = TypeVar("R")

Once: TypeAlias = Literal["at_least", "at_most"]
STEP_RETRY: Final = Retry(attempts=3, first=1.0)
STEP_TIMEOUT: Final = 120.0
"""Seconds one attempt may take."""
LONGEST_STEP: Final = 600.0
"""Seconds, at most: a Lambda function ends after 900."""
_MARK: Final = "__roost_step__"


@dataclass(frozen=True, slots=True)
class StepOptions:
    """How a step runs."""

    retry: Retry = STEP_RETRY
    timeout: float = STEP_TIMEOUT
    """Seconds one attempt may take."""
    once: Once = "at_least"

    def __post_init__(self) -> None:
        if not (isfinite(self.timeout) and 0 < self.timeout <= LONGEST_STEP):
            raise ValueError(f"timeout={self.timeout!r}: a step takes more than 0 s and at most {LONGEST_STEP:.0f} s")
        if self.once not in ("at_least", "at_most"):
            raise ValueError(f'once={self.once!r}: it is "at_least" or "at_most"')


def step(
    *, retry: Retry = STEP_RETRY, timeout: float | timedelta = STEP_TIMEOUT, once: Once = "at_least"
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Say how a method runs as a step of a job. `timeout` (seconds or timedelta) is that of one attempt.

    `once="at_most"`: it is never begun again after its host died; the body gets StepUnknown.
    """
    options = StepOptions(retry, timeout.total_seconds() if isinstance(timeout, timedelta) else timeout, once)

    def mark(do: Callable[P, R]) -> Callable[P, R]:
        setattr(do, _MARK, options)
        return do

    return mark


@dataclass(frozen=True, slots=True)
class StepTarget:
    """What `run.step` was given."""

    do: Callable[..., Any]
    name: str
    options: StepOptions
    adapter: TypeAdapter[Any] = field(compare=False)
    """Of the return annotation: it writes the result, and reads what the body gets."""


def step_target(do: Any) -> StepTarget:
    """AgentError `bad-step`: no function with a name and a return annotation."""
    plain = getattr(do, "__func__", do)
    if isinstance(do, partial) or not inspect.isroutine(plain):
        raise _bad(f"{do!r} is no method or function: its name and its annotation say what the journal keeps")
    if plain.__name__ == "<lambda>":
        raise _bad("a lambda has no name and no return annotation: write a method")
    return StepTarget(do, plain.__qualname__, getattr(plain, _MARK, _PLAIN), _adapter(plain))


_PLAIN: Final = StepOptions()


@cache
def _adapter(plain: Callable[..., Any]) -> TypeAdapter[Any]:
    if "return" not in getattr(plain, "__annotations__", {}):
        raise _bad(
            f"{plain.__qualname__} has no return annotation: the body gets what the journal kept, read by it; "
            "write `-> None` if it returns nothing"
        )
    return TypeAdapter(get_type_hints(plain, include_extras=True)["return"])


def _bad(why: str) -> AgentError:
    return AgentError(f"run.step: {why}", code="bad-step")
