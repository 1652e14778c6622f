"""Shared clients: opened before the first tick that needs them, one a process (one a wake on Cloudflare)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar, cast, overload

from ..contract.errors import AgentError, RoostError, TransientError

if TYPE_CHECKING:
    from logging import Logger

    from ..ports import Future, Host, Timer

T = TypeVar("T")
CLOSING: Final = 5.0
"""Seconds that each resource gets to close."""


class Holder(Protocol):
    """An agent, as far as its resources go."""

    _resources: dict[Resource[Any], Any]


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
    def __get__(self, agent: Holder, owner: type[Any]) -> T: ...
    def __get__(self, agent: Holder | None, owner: type[Any]) -> Resource[T] | T:
        if agent is None:
            return self
        try:
            return agent._resources[self]  # type: ignore[no-any-return]  # pyright: ignore[reportPrivateUsage]
        except KeyError:
            raise AgentError(f"the resource {self.name} is not open", code="no-resource") from None


def resource(opener: Callable[[], AsyncIterator[T]]) -> Resource[T]:
    """Declare a shared client by an async generator that yields it once."""
    return Resource(opener)


class _Open:
    """One resource, in the hands of a task of its own from its opening to its end: what is entered in a task (a task
    group, a cancel scope) must be left in the same."""

    __slots__ = ("ended", "error", "opened", "task", "wanted")

    def __init__(self, host: Host) -> None:
        self.opened: Future[None] = host.future()
        """Done once it is open, or could not be opened: then `error` is set."""
        self.error: BaseException | None = None
        self.wanted: Future[None] = host.future()
        """Done once nobody wants it any more."""
        self.ended: Future[None] = host.future()
        self.task: Timer | None = None


class Resources:
    """The open resources of one process."""

    def __init__(self, host: Host, log: Logger, patience: float) -> None:
        """`patience`: seconds after which whoever waits for one to open gives up."""
        self._host = host
        self._log = log
        self._patience = patience
        self._open: dict[Resource[Any], Any] = {}
        self._hands: dict[Resource[Any], _Open] = {}

    async def need(self, wanted: tuple[Resource[Any], ...]) -> dict[Resource[Any], Any]:
        """Open what is not open yet, once for all who need it."""
        for one in wanted:
            if one not in self._open:
                await self._opened(one)
        return self._open

    async def _opened(self, one: Resource[Any]) -> None:
        hand = self._hands.get(one)
        if hand is None:
            hand = self._hands[one] = _Open(self._host)
            hand.task = self._host.spawn(self._hold(one, hand))
        timeout = self._host.timeout(self._patience)
        try:
            async with timeout:
                await self._host.shielded(hand.opened)
        except TimeoutError:
            if not timeout.expired():
                raise
            raise TransientError(
                f"the resource {one.name} is not open after {self._patience:.3g} s", code="deadline"
            ) from None
        if isinstance(hand.error, RoostError):
            raise hand.error
        if hand.error is not None:
            raise RuntimeError(f"the resource {one.name} could not be opened") from hand.error

    async def _hold(self, one: Resource[Any], hand: _Open) -> None:
        try:
            async with one.open() as value:
                self._open[one] = value
                hand.opened.set_result(None)
                await hand.wanted
        except BaseException as error:
            if not hand.opened.done():
                hand.error = error
            elif not self._host.ending():
                self._log.error("the resource %s failed while it was open or closed", one.name, exc_info=error)
            if self._host.ending():
                raise
        finally:
            self._open.pop(one, None)  # whoever needs it next opens it anew
            if self._hands.get(one) is hand:
                del self._hands[one]
            for future in (hand.opened, hand.ended):
                if not future.done():
                    future.set_result(None)

    async def close(self) -> None:
        """Close all, last opened first; one that does not end is cancelled."""
        for hand in reversed([*self._hands.values()]):
            if not hand.wanted.done():
                hand.wanted.set_result(None)
            timeout = self._host.timeout(CLOSING)
            try:
                async with timeout:
                    await self._host.shielded(hand.ended)
            except TimeoutError:
                if hand.task is not None:
                    hand.task.cancel()


def declared(cls: type) -> tuple[Resource[Any], ...]:
    """The resources a class (or its bases) carries."""
    found: dict[Resource[Any], None] = {}
    for base in cls.__mro__:
        for value in vars(base).values():
            if isinstance(value, Resource):
                found[value] = None
    return tuple(found)
