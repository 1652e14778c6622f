"""Futures and tasks that hash by the order in which they were made.

asyncio keeps tasks in sets (`asyncio.wait`, task groups, `gather`'s children), and walks them. The hash of an object is
its address, so the order of a walk would differ from run to run, and a replay would take another path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any


class OrderedLoop(asyncio.AbstractEventLoop):
    """What these ask of the loop of a body."""

    def count(self) -> int:
        """The number of the next future or task."""
        raise NotImplementedError

    def dropped(self, call: PendingCall) -> None:
        """The body takes a call back."""
        raise NotImplementedError


class OrderedFuture(asyncio.Future[Any]):
    """A future of a job's body."""

    def __init__(self, *, loop: OrderedLoop) -> None:
        self.made = loop.count()  # first: asyncio's constructor may hash it
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.made


class OrderedTask(asyncio.Task[Any]):
    """A task of a job's body: one branch of it."""

    def __init__(
        self, coro: Coroutine[Any, Any, Any], loop: OrderedLoop, branch: str, context: Context | None, **named: Any
    ) -> None:
        self.made = loop.count()
        self.branch = branch
        self.context = copy_context() if context is None else context  # get_context() is there since 3.12
        super().__init__(coro, loop=loop, context=self.context, **named)
        quiet: Any = self
        quiet._log_destroy_pending = False  # a body that is put away is no bug of its author

    def __hash__(self) -> int:
        return self.made


class PendingCall(OrderedFuture):
    """Something the body asked for, until its outcome is in the journal."""

    def __init__(
        self,
        loop: OrderedLoop,
        id: str,
        name: str,
        fingerprint: bytes,
        work: Any,
        decode: Callable[[bytes], Any],
        once: bool,
    ) -> None:
        super().__init__(loop=loop)
        self.id = id
        self.name = name
        self.fingerprint = fingerprint
        self.work = work
        """What the executor does for it; opaque to the loop."""
        self.decode = decode
        """The journaled JSON as the value that the body gets."""
        self.once = once
        """It must not begin before the journal says so, and then never again."""
        self.context: Context = copy_context()
        self._asked = loop

    def cancel(self, msg: Any | None = None) -> bool:
        """The body takes it back: an outcome that comes all the same is passed over."""
        if not super().cancel(msg):
            return False
        self._asked.dropped(self)
        return True
