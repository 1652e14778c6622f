"""The background thread of a sync client: one event loop, on which the async client runs."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack, suppress
from typing import Any, Final, TypeVar, cast

from anyio.from_thread import start_blocking_portal

T = TypeVar("T")

_END: Final = object()


class Portal:
    """Runs coroutines on its thread while the caller waits. Closed with its owner, or when Python exits."""

    def __init__(self) -> None:
        stack = ExitStack()
        self._portal = stack.enter_context(start_blocking_portal("asyncio", name="roost-client"))
        self._close = weakref.finalize(self, stack.close)

    def run(self, do: Callable[[], Awaitable[T]]) -> T:
        """The result of `do()`. An interrupt of the caller cancels it."""
        if not self._close.alive:
            raise RuntimeError("this client is closed: make another, and use it inside `with`")
        future = self._portal.start_task_soon(do)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, source: AsyncIterator[T]) -> Iterator[T]:
        """The items of `source`, which is closed when the reader leaves."""

        async def step() -> Any:
            return await anext(source, _END)

        try:
            while (item := self.run(step)) is not _END:
                yield cast(T, item)
        finally:
            aclose = getattr(source, "aclose", None)
            if aclose is not None:
                with suppress(RuntimeError):  # the portal is closed: so is the source
                    self.run(aclose)

    def wrap(self, context: AbstractAsyncContextManager[T]) -> AbstractContextManager[T]:
        """`context` for a plain `with`."""
        return self._portal.wrap_async_context_manager(context)

    def close(self) -> None:
        """End the loop and its thread."""
        self._close()
