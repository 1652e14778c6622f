"""`@tool`: a method that the model may call. Each call is a step of the turn's job."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, ParamSpec, Protocol, TypeVar, overload

from pydantic_core import to_json

from roost.author.action import Action, Options, Retry
from roost.author.step import STEP_RETRY, STEP_TIMEOUT, Once, StepOptions
from roost.errors import AgentError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from roost.author.run import Run

    from .events import Event

A = TypeVar("A")
P = ParamSpec("P")
R = TypeVar("R")

NAME: Final = 64
"""Characters of a tool's name: what providers take."""


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """What `@tool(...)` was given."""

    name: str | None
    step: StepOptions
    who: str | None
    approve: bool


class Tool(Generic[A, P, R]):
    """A tool of a class. `tool.approve` says which calls ask somebody first."""

    def __init__(self, fn: Callable[Concatenate[A, P], Coroutine[Any, Any, R]], options: ToolOptions) -> None:
        self.fn = fn
        self.name = options.name or fn.__name__
        if not inspect.iscoroutinefunction(fn):
            raise TypeError(f"@tool {fn.__qualname__} must be `async def`")
        if not (0 < len(self.name) <= NAME and all((c.isalnum() and c.isascii()) or c in "_-" for c in self.name)):
            raise TypeError(
                f"@tool {fn.__qualname__}: models know a tool by 1 to {NAME} letters, digits, _ and -, which "
                f"{self.name!r} is not; @tool(name=...) gives another"
            )
        self.options = options.step
        self.who = options.who
        self.always = options.approve
        self.asks: Callable[..., bool] | None = None
        self.description = inspect.cleandoc(fn.__doc__ or "")
        self.__doc__ = fn.__doc__
        self.__name__, self.__qualname__, self.__module__ = fn.__name__, fn.__qualname__, fn.__module__
        if "return" not in fn.__annotations__:
            raise TypeError(
                f"@tool {fn.__qualname__} has no return annotation: the model gets what the journal kept, read by it; "
                "write `-> None` if it returns nothing"
            )
        self._action: Action | None = None

    @overload
    def __get__(self, agent: None, owner: type[Any], /) -> Tool[A, P, R]: ...
    @overload
    def __get__(self, agent: A, owner: type[Any], /) -> Callable[P, Coroutine[Any, Any, R]]: ...
    def __get__(self, agent: Any, owner: type[Any], /) -> Any:
        if agent is None:
            return self
        fn: Any = self.fn
        return fn.__get__(agent, owner)

    def approve(self, asks: Callable[Concatenate[A, P], bool], /) -> Callable[Concatenate[A, P], bool]:
        """Over a plain method with the tool's own parameters: whether this call asks somebody first."""
        if inspect.iscoroutinefunction(asks) or not callable(asks):
            raise TypeError(
                f"@{self.fn.__name__}.approve: a plain `def` that looks at the arguments alone, for it is asked again "
                "when the turn is replayed"
            )
        mine, theirs = (list(inspect.signature(x).parameters) for x in (self.fn, asks))
        if mine[1:] != theirs[1:]:
            raise TypeError(
                f"@{self.fn.__name__}.approve: it takes what the tool takes, ({', '.join(mine[1:])}), not "
                f"({', '.join(theirs[1:])})"
            )
        self.asks = asks
        return asks

    @property
    def action(self) -> Action:
        """Checks and converts the arguments. Made when the class is, for annotations may name what follows the tool."""
        if self._action is None:
            self._action = Action(self.name, self.fn, Options(), public=False)
        return self._action

    def schema(self) -> dict[str, Any]:
        """JSON schema of the arguments. TypeError: a model can't call it."""
        found = self.action.schema("#/$defs/{model}")
        if found.get("type") != "object":
            raise TypeError(
                f"@tool {self.fn.__qualname__}: models name each argument; take out what is positional only"
            )
        return found

    def check(self) -> None:
        """TypeError says what a model, or the journal, could not do with it."""
        self.schema()


@overload
def tool(fn: Callable[Concatenate[A, P], Coroutine[Any, Any, R]], /) -> Tool[A, P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    once: Once = "at_least",
    who: str | None = None,
    approve: bool = False,
    retry: Retry = STEP_RETRY,
    timeout: float | timedelta = STEP_TIMEOUT,
) -> Callable[[Callable[Concatenate[A, P], Coroutine[Any, Any, R]]], Tool[A, P, R]]: ...
def tool(
    fn: Any = None,
    /,
    *,
    name: str | None = None,
    once: Once = "at_least",
    who: str | None = None,
    approve: bool = False,
    retry: Retry = STEP_RETRY,
    timeout: float | timedelta = STEP_TIMEOUT,
) -> Any:
    """Let the model call an async method. Its docstring tells the model what it does, its annotations what it takes.

    A call is a step of the turn: `self.http`, `self.agent(...)` and `run().tick(self.method, ...)` work in it.
    `once="at_most"`: it is never begun again after its host died; somebody is asked what came of it. `approve=True`:
    each call asks first; `@name.approve` says which. `who`: the role that may answer. `retry` and `timeout` (seconds or
    timedelta) as of a step.
    """
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    options = ToolOptions(name, StepOptions(retry, seconds, once), who, approve)

    def mark(fn: Any) -> Any:
        return Tool[Any, Any, Any](fn, options)

    return mark if fn is None else mark(fn)


def digest_of(tool: str, arguments: Mapping[str, Any]) -> str:
    """What an approval is bound to: the tool and its arguments, as data, whatever their order."""
    data = to_json([tool, sorted(arguments.items())], inf_nan_mode="strings")
    return blake2b(data, digest_size=16).hexdigest()


class Says(Protocol):
    """The turn that a call belongs to."""

    def emit(self, event: Event, step: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Calling:
    """The tool's call that runs: what `run()` gives."""

    id: str
    """Of the call, as the history has it."""
    tool: str
    turn: str
    """The job's id."""
    user: str
    """Who said what is answered; "" = somebody without a name."""
    run: Run
    says: Says

    @property
    def attempt(self) -> int:
        """From 1."""
        return self.run.attempt

    def tick(self, do: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Run a method of this agent as a tick: with state, KV and effects; applied once, however often the step is."""
        return self.run.tick(do, *args, **kwargs)

    def call(self, do: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Run an action of another agent, once."""
        return self.run.call(do, *args, **kwargs)


CALLING: Final[ContextVar[Calling | None]] = ContextVar("roost_chat_calling", default=None)


def run() -> Calling:
    """The tool's call that runs. AgentError `no-run`: none does."""
    found = CALLING.get()
    if found is None:
        raise AgentError("roost_chat.run() is there while a @tool of a chat agent runs, and none does", code="no-run")
    return found


def as_tool(found: Any) -> Tool[Any, Any, Any] | None:
    """None: it is none."""
    return found if isinstance(found, Tool) else None  # pyright: ignore[reportUnknownVariableType]


def tools_of(cls: type[Any]) -> dict[str, Tool[Any, Any, Any]]:
    """Name -> tool, in the order in which classes say them. TypeError: a model could not tell or call them."""
    attrs: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        attrs.update(vars(base))
    found: dict[str, Tool[Any, Any, Any]] = {}
    for each in attrs.values():
        one = as_tool(each)
        if one is None:
            continue
        if one.name in found:
            raise TypeError(f"{cls.__name__}: two tools are called {one.name!r}")
        one.check()
        found[one.name] = one
    return found
