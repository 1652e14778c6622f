"""Trying again: how long to wait, how often, and what may be repeated at all.

A request is repeated only when the same id makes it safe: a read, or a call or tell with an idempotency key.
A key costs the server a stored row, so the client makes one of its own only when it was told to retry.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import uuid4

from roost.contract.errors import TransientError

from .faults import timed_out
from .wire import check_idempotency_key

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits: `first` seconds, times `factor`, to `most`, less up to `jitter` of it by chance.

    `random` (0 to 1), `clock` (seconds) and `sleep` can be replaced, so a test needs no real time.
    """

    first: float = 0.1
    most: float = 10.0
    factor: float = 1.5
    jitter: float = 0.3
    random: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def delay(self, failures: int, at_least: float | None = None) -> float:
        """Seconds to wait after `failures` + 1 failures in a row; no shorter than the server asked for."""
        full = min(self.most, self.first * self.factor ** min(failures, 64))
        return max(full * (1 - self.jitter * self.random()), at_least or 0.0)


@dataclass(frozen=True, slots=True)
class Retries:
    """How a client repeats a request: `count` more attempts at most, within the request's own timeout."""

    count: int = 0
    backoff: Backoff = field(default_factory=Backoff)

    def key(self, given: str | None) -> str | None:
        """The idempotency key of one logical request."""
        if given is not None:
            return check_idempotency_key(given)
        return uuid4().hex if self.count > 0 else None

    async def run(
        self,
        attempt: Callable[[], Awaitable[T]],
        *,
        repeat: Callable[[TransientError], bool],
        timeout: float | None,
        what: str,
    ) -> T:
        """The value of the first attempt that succeeds. `timeout` seconds bound all attempts together.

        A wait that would outlast the timeout is not begun: the error that asked for it is raised at once.
        """
        scope = asyncio.timeout(timeout)
        try:
            async with scope:
                failures = 0
                while True:
                    try:
                        return await attempt()
                    except TransientError as error:
                        if failures >= self.count or not repeat(error):
                            raise
                        pause = self.backoff.delay(failures, error.retry_after)
                        until = scope.when()
                        if until is not None and asyncio.get_running_loop().time() + pause >= until:
                            raise
                    failures += 1
                    await self.backoff.sleep(pause)
        except TimeoutError:
            if not scope.expired():
                raise
            raise timed_out(f"{what}: no answer within {timeout:g} s") from None
