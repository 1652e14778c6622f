"""Shared clients: opened before the first tick that needs them, one a process (one a wake on Cloudflare)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from ..contract.errors import AgentError

if TYPE_CHECKING:
    from .agent import Agent

T = TypeVar("T")


class Resource(Generic[T]):
    """What `@roost.resource` makes: put it on an agent class, read it as an attribute.

    @roost.resource
    async def model() -> AsyncIterator[Model]:
        async with Model() as m:
            yield m

    class Chat(Agent[Talk]):
        model = model          # self.model is the open Model
    """

    def __init__(self, opener: Callable[[], AsyncIterator[T]]) -> None:
        self.name = getattr(opener, "__qualname__", repr(opener))
        self.open: Callable[[], AbstractAsyncContextManager[T]] = asynccontextmanager(
            cast("Callable[[], AsyncGenerator[T, None]]", opener)
        )

    @overload
    def __get__(self, agent: None, owner: type[Any]) -> Resource[T]: ...
    @overload
    def __get__(self, agent: Agent[Any, Any], owner: type[Any]) -> T: ...
    def __get__(self, agent: Agent[Any, Any] | None, owner: type[Any]) -> Resource[T] | T:
        if agent is None:
            return self
        try:
            return agent._resources[self]  # type: ignore[no-any-return]  # pyright: ignore[reportPrivateUsage]
        except KeyError:
            raise AgentError(f"the resource {self.name} is not open", code="no-resource") from None


def resource(opener: Callable[[], AsyncIterator[T]]) -> Resource[T]:
    """Declare a shared client by an async generator that yields it once."""
    return Resource(opener)


class Resources:
    """The open resources of one process."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._open: dict[Resource[Any], Any] = {}

    async def need(self, wanted: tuple[Resource[Any], ...]) -> dict[Resource[Any], Any]:
        """Open what is not open yet."""
        for one in wanted:
            if one not in self._open:
                self._open[one] = await self._stack.enter_async_context(one.open())
        return self._open

    async def close(self) -> None:
        """Close all, last opened first."""
        self._open.clear()
        await self._stack.aclose()


def declared(cls: type) -> tuple[Resource[Any], ...]:
    """The resources a class (or its bases) carries."""
    found: dict[Resource[Any], None] = {}
    for base in cls.__mro__:
        for value in vars(base).values():
            if isinstance(value, Resource):
                found[value] = None
    return tuple(found)
