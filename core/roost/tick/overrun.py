"""Bounds the time of a handler, and costs next to nothing when the handler never waits.

Most ticks run from start to end without suspending: no timer could fire in between, so none is made. The
handler's coroutine is stepped once by hand; only if it suspends is the rest awaited under a timeout. The
first step runs in the same task, so the handler can't tell the difference.

The deadline decides, not the handler: what it returns after its time counts for nothing, whether it kept its
cancellation to itself or held the loop. One that goes on all the same is stepped no further after `LEAVE` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, Final, TypeVar

from ..ports import Host, Timeout

T = TypeVar("T")
LEAVE: Final = 1.0
"""Seconds a cancelled handler gets to clean up."""
BLOCKED: Final = 0.25
"""Seconds without an await after which a handler is said to block the loop."""


class Overrun(Exception):
    """The handler took too long and was cancelled. `abandoned`: it did not end even so."""

    abandoned = False


class _Rest:
    """What is left of a coroutine that has been stepped and waits for `pending`."""

    __slots__ = ("_blocked", "_coroutine", "_host", "_pending", "abandoned", "timeout")
    timeout: Timeout
    """Under which it is awaited; set before."""

    def __init__(
        self, host: Host, coroutine: Coroutine[Any, Any, Any], pending: Any, blocked: Callable[[float], None]
    ) -> None:
        self._host = host
        self._coroutine = coroutine
        self._pending = pending
        self._blocked = blocked
        self.abandoned = False

    def __await__(self) -> Generator[Any, Any, Any]:
        host, coroutine, pending = self._host, self._coroutine, self._pending
        last: Timeout | None = None
        try:
            while True:
                gate = None if pending is None else host.gate(pending)
                try:
                    if gate is None:
                        value: Any = yield pending
                    else:
                        value = yield from gate.__await__()  # pyright: ignore[reportUnknownVariableType]
                except GeneratorExit:
                    coroutine.close()
                    raise
                except BaseException as error:
                    if last is not None and last.expired():
                        self.abandoned = True
                        _drop(coroutine)
                        raise
                    if gate is None:
                        pending = self._step(coroutine.throw, error)
                    elif pending is not None and not pending.cancel():
                        pending = self._step(coroutine.send, None)
                    if last is None and (self.timeout.expired() or host.ending()):  # and it goes on all the same
                        last = host.timeout(LEAVE)
                        yield from last.__aenter__().__await__()
                else:
                    pending = self._step(coroutine.send, value)
        except StopIteration as stop:
            return stop.value
        finally:
            if last is not None:
                yield from last.__aexit__(None, None, None).__await__()

    def _step(self, step: Callable[[Any], Any], value: Any) -> Any:
        begun = self._host.monotonic()
        try:
            return step(value)
        except GeneratorExit as error:
            raise _raised(error) from error
        finally:
            spent = self._host.monotonic() - begun
            if spent > BLOCKED:
                self._blocked(spent)


def from_outside(host: Host, error: BaseException) -> bool:
    """Not the author's way out of a handler: the host is going, or the coroutine is being thrown away."""
    return not isinstance(error, Exception) and (isinstance(error, GeneratorExit) or host.ending())


def _raised(error: GeneratorExit) -> RuntimeError:
    """Raised by an author, it must not look as if the run were thrown away."""
    return RuntimeError(f"the handler raised GeneratorExit({error})")


def _drop(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Nobody steps it from here on; its own clean-up may run as far as it does not wait."""
    with suppress(BaseException):
        coroutine.close()


def begin(
    host: Host, begun: float, seconds: float, handler: Coroutine[Any, Any, T], blocked: Callable[[float], None]
) -> tuple[T] | Coroutine[Any, Any, T]:
    """Step a handler for the first time, at `begun` by `Host.monotonic`.

    (its result,) if it never waits; otherwise what is to be awaited for the result. Either raises Overrun when the
    handler did not return within `seconds`. `blocked` takes the seconds of each of its steps that held the loop longer
    than `BLOCKED`.
    """
    try:
        pending = handler.send(None)
    except StopIteration as stop:
        if (spent := host.monotonic() - begun) > BLOCKED:
            blocked(spent)
        if spent > seconds:
            raise Overrun from None
        return (stop.value,)
    except BaseException as error:
        if (spent := host.monotonic() - begun) > BLOCKED:
            blocked(spent)
        if isinstance(error, GeneratorExit):
            raise _raised(error) from error
        raise
    if (spent := host.monotonic() - begun) > BLOCKED:
        blocked(spent)
    return _goes_on(host, seconds - spent, _Rest(host, handler, pending, blocked))


async def _goes_on(host: Host, seconds: float, running: _Rest) -> Any:
    """The rest of a handler that waits, under a timeout."""
    timeout = running.timeout = host.timeout(seconds)
    try:
        async with timeout:
            rest = await running
    except BaseException as error:
        if timeout.expired() and not host.ending():
            overrun = Overrun()
            overrun.abandoned = running.abandoned
            raise overrun from error
        raise  # the author's own
    if timeout.expired():
        raise Overrun
    return rest
