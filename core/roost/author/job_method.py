"""A job as its class and the runtime see it, and what an author has of one that was started."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast, get_type_hints

from .action import START, Action, Options

R_co = TypeVar("R_co", covariant=True)
JOB: Final = "__roost_job__"
"""The mark of `@job`."""


class JobMethod:
    """A job as the runtime sees it. Built once a class."""

    __slots__ = ("action", "attr", "fn", "name", "start", "timeout")

    def __init__(self, attr: str, fn: Callable[..., Any], timeout: float, run: type[Any], starters: Options) -> None:
        """`run`: the type that its first argument must say. `starters`: who may start it from outside."""
        self.attr = self.name = attr
        self.fn = fn
        self.timeout = timeout
        """Seconds from its start."""
        if not inspect.iscoroutinefunction(fn):
            raise TypeError(f"{fn.__qualname__} must be `async def` to be a @job")
        self.action = Action(attr, _without_run(fn, run), Options(), public=False)
        """Checks and converts the arguments that follow `run`."""
        self.start = StartAction(self.action, attr, self._starter(), starters, public=True)
        """What starts it for whoever is outside: a tick like that of any action."""

    def _starter(self) -> Callable[..., Any]:
        async def start(agent: Any, key: str | None, args: list[Any], kwargs: dict[str, Any]) -> str:
            there, named = self.action.bind(args, kwargs)
            id: str = agent.start(key, getattr(agent, self.attr), *there, **named).id
            return id

        start.__qualname__ = f"{START}{self.name}"
        return start


class StartAction(Action):
    """Starts a job: (key, args, kwargs). Its arguments are refused as those of the job are, before anything runs."""

    __slots__ = ("_takes",)

    def __init__(self, takes: Action, attr: str, fn: Callable[..., Any], options: Options, *, public: bool) -> None:
        super().__init__(attr, fn, options, public=public)
        self._takes = takes

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        bound = super().bind(args, kwargs)
        given = self.signature.bind(*bound[0], **bound[1]).arguments
        self._takes.bind(given["args"], given["kwargs"])
        return bound


def starters(by: frozenset[str], roles: frozenset[str], name: str) -> Options:
    """Of a job called `name`: operators, unless it says who."""
    return Options(name=f"{START}{name}", by=by or frozenset({"client"} if roles else {"operator"}), roles=roles)


def _without_run(fn: Callable[..., Any], run: type[Any]) -> Callable[..., Any]:
    """Stands for `fn` where its arguments are looked at."""
    signature = inspect.signature(fn)
    parameters = list(signature.parameters.values())
    try:
        hints = get_type_hints(fn, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"{fn.__qualname__}: {error}; annotations of jobs must be importable at run time, not only under "
            "TYPE_CHECKING"
        ) from error
    second = parameters[1] if len(parameters) > 1 else None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if second is None or second.kind not in positional or hints.get(second.name) is not run:
        raise TypeError(
            f"{fn.__qualname__}: a job takes the run first: `async def {fn.__name__}(self, run: Run, ...)`, "
            "with `from roost import Run`"
        )

    async def stand_in() -> None:
        """Never called."""

    del parameters[1]
    bare: Any = stand_in
    bare.__signature__ = signature.replace(parameters=parameters)
    bare.__wrapped__ = fn  # annotations that are texts are looked up where it was written
    bare.__annotations__ = {k: v for k, v in fn.__annotations__.items() if k != second.name}
    bare.__module__, bare.__qualname__, bare.__name__ = fn.__module__, fn.__qualname__, fn.__name__
    return cast("Callable[..., Any]", bare)


@dataclass(frozen=True)
class JobRef(Generic[R_co]):
    """A job that was started: what `start` gives, and `jobs` lists."""

    id: str
    """The job's uid, which no other job of the agent ever has."""
    name: str
    """Of the method."""
    key: str | None = None
    """What it was started under; while it lives there is no other of this key."""
