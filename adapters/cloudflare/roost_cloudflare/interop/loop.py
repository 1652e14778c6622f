"""Pyodide's event loop, made cheap: its own makes a timer of each callback, and a task starts by one."""

# JavaScript's objects have no Python types: what is unknown here stays in this package, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from functools import cache, partial
from typing import Any, TypeVar

import js  # type: ignore[import-not-found]
from pyodide.ffi import create_proxy  # type: ignore[import-not-found]

T = TypeVar("T")


class _Soon:
    """`call_soon` by microtasks. Pyodide's loop makes a timer of each callback, and every await of a task that
    is not done costs one: a call is ten of them. A microtask runs at the end of the very event that asked for it,
    so it is in the same object, as the platform wants it.
    """

    __slots__ = ("_loop", "_microtask", "_ready", "_run")

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._ready: deque[asyncio.Handle] = deque()
        self._run = create_proxy(self._next)
        self._microtask = js.queueMicrotask

    def __call__(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self._loop, context=context)
        self._ready.append(handle)
        self._microtask(self._run)  # one each: one that is lost with its event then stops no other's
        return handle

    def _next(self) -> None:
        if self._ready:
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()


def started(work: Coroutine[Any, Any, T], **named: Any) -> asyncio.Task[T]:
    """A task of `work` that has run until it first had to wait: most have nothing to wait for."""
    loop = asyncio.get_event_loop()
    asyncio._set_running_loop(loop)  # Pyodide runs some calls in a thread state of their own, which has none
    make: Any = asyncio.Task  # the types are those of Python 3.11, which has no eager_start
    task: asyncio.Task[T] = make(work, loop=loop, eager_start=True, **named)
    return task


@cache
def quicken() -> None:
    """Make the loop cheap, once a process. Not while the Worker is imported: the platform keeps an image of the memory
    after that, in which there may be nothing of JavaScript's.

    What JavaScript starts, starts at once. Tasks that Python code makes start later, as they do everywhere.
    """
    loop: Any = asyncio.get_event_loop()

    def task(work: Coroutine[Any, Any, T], **named: Any) -> asyncio.Task[T]:
        if asyncio.current_task(loop) is None:
            return started(work, **named)
        return asyncio.Task(work, loop=loop, **named)

    loop.call_soon = _Soon(loop)
    loop.create_task = task
    loop.create_future = partial(asyncio.Future, loop=loop)  # the loop's own calls back to count it
