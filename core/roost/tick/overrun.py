"""Bounds the time of a handler, and costs nothing when the handler never waits.

Most ticks run from start to end without suspending: no timer could fire in between, so none is made. The
handler's coroutine is stepped once by hand; only if it suspends is the rest awaited under a timeout. The
first step runs in the same task, so the handler can't tell the difference.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

from ..ports import Host

T = TypeVar("T")


class _Rest:
    """What is left of a coroutine that has been stepped and waits for `pending`."""

    __slots__ = ("_coroutine", "_pending")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], pending: Any) -> None:
        self._coroutine = coroutine
        self._pending = pending

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine, pending = self._coroutine, self._pending
        try:
            while True:
                try:
                    value = yield pending
                except GeneratorExit:
                    coroutine.close()
                    raise
                except BaseException as error:
                    pending = coroutine.throw(error)
                else:
                    pending = coroutine.send(value)
        except StopIteration as stop:
            return stop.value


class Overrun(Exception):
    """The handler took too long and was cancelled."""


async def within(host: Host, seconds: float, handler: Coroutine[Any, Any, T]) -> T:
    """The handler's result; Overrun when it was cancelled after `seconds`."""
    try:
        pending = handler.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    timeout = host.timeout(seconds)
    try:
        async with timeout:
            rest: T = await _Rest(handler, pending)
            return rest
    except TimeoutError as error:
        if timeout.expired():
            raise Overrun from error
        raise  # the author's own
