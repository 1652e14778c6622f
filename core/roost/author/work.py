"""What a body asks for, as its executor carries it out, and what the two know of each other."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from .asking import QuestionWork, ResultWork, WaitWork

if TYPE_CHECKING:
    import asyncio

    import httpx

    from .action import Action
    from .remote import RemoteAction
    from .step import StepOptions, StepTarget


@dataclass(frozen=True, slots=True)
class StepWork:
    """A step that the body asked for: what its executor runs."""

    target: StepTarget
    options: StepOptions
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    thread: bool = False


@dataclass(frozen=True, slots=True)
class TickWork:
    """A tick of the job's own agent."""

    action: Action
    args: tuple[Any, ...]
    """JSON data."""
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReadWork:
    """A readonly action of the job's own agent."""

    action: Action
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallWork:
    """An action of another agent."""

    target: RemoteAction
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


Work = StepWork | TickWork | ReadWork | CallWork | QuestionWork | WaitWork | ResultWork


class Scope(Protocol):
    """The step that runs."""

    attempt: int
    """From 1."""

    def http(self) -> httpx.AsyncClient: ...

    def act(self, work: TickWork | CallWork) -> Coroutine[Any, Any, bytes]: ...
    def say(self, name: str, data: bytes) -> None: ...


INSIDE: Final[ContextVar[Scope | None]] = ContextVar("roost_step", default=None)
"""Set in a step and what it starts; None in the body."""


class Asks(Protocol):
    """What the loop of a body does for `Run`."""

    def now(self) -> float:
        """Epoch seconds: when what the body heard last happened."""
        ...

    def branch(self) -> str:
        """Which branch of the body runs."""
        ...

    def here(self) -> bool:
        """Whether it is the body that calls this."""
        ...

    def ask(
        self, name: str, arguments: bytes, work: Any, decode: Callable[[bytes], Any], *, once: bool = False
    ) -> asyncio.Future[Any]:
        """Ask for what the journal will keep. `once`: it must not begin before the journal says so."""
        ...


class Again(BaseException):
    """The body ends, and the job begins anew: not to be caught."""

    def __init__(self, arguments: bytes) -> None:
        super().__init__("the job begins anew: let `run.again` end its body")
        self.arguments = arguments
