"""Pyodide's event loop, made cheap."""

# JavaScript's objects have no Python types: what is unknown here stays in this package, `Js` is what leaves it.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false, reportUntypedBaseClass=false
# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import js  # type: ignore[import-not-found]
from pyodide.ffi import create_proxy  # type: ignore[import-not-found]


class _Soon:
    """`call_soon` by microtasks. Pyodide's loop makes a timer of each callback, and every await of a task that
    is not done costs one: a call is ten of them. A microtask runs at the end of the very event that asked for it,
    so it is in the same object, as the platform wants it.
    """

    __slots__ = ("_loop", "_ready", "_run")

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._ready: deque[asyncio.Handle] = deque()
        self._run = create_proxy(self._next)

    def __call__(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self._loop, context=context)
        self._ready.append(handle)
        js.queueMicrotask(self._run)  # one each: one that is lost with its event then stops no other's
        return handle

    def _next(self) -> None:
        if self._ready:
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()


def quicken() -> None:
    """Give the running loop a cheap `call_soon`, once a process."""
    loop: Any = asyncio.get_event_loop()
    if not isinstance(loop.call_soon, _Soon):
        loop.call_soon = _Soon(loop)
