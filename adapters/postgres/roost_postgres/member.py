"""This process among the hosts of a database, through its incarnations (docs/pool.md).

Each beat makes it sure of itself until a second before its row ends, counted from before the beat was sent. Past that
no read from memory, frame or reply leaves. An incarnation that could not beat in time is over: it holds nothing any
more, its sockets are closed, and the process enters as another.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from roost.contract.address import Address
from roost.contract.errors import RoostError, TransientError

from . import hosts
from .hosts import MARGIN, TTL

if TYPE_CHECKING:
    from .access import Access

LOOK: Final = 0.3
"""Seconds between two looks whether the other host lives."""
AGAIN: Final = 1.0
"""Seconds until a process that is over tries to enter anew."""
log = logging.getLogger("roost")


class Clock:
    """The database's time, as this process knows it: what the last answer showed, and monotonic seconds since."""

    def __init__(self) -> None:
        self._apart = time.time() - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._apart

    def saw(self, at: float, sent: float, received: float) -> None:
        """The database's time was `at` between two of ours: it is moved no more than that demands."""
        self._apart = min(max(self._apart, at - received), at - sent)


class Incarnation:
    """One row of `host`, from its making to its death."""

    __slots__ = ("held", "name", "sure_until")

    def __init__(self, name: str, sure_until: float) -> None:
        self.name = name
        self.sure_until = sure_until
        """Monotonic. Its beats' thread sets it."""
        self.held: dict[Address, int] = {}
        """Agents that it holds, each with the fence under which it took them."""

    def sure(self) -> bool:
        return time.monotonic() < self.sure_until


class Member:
    """See the file's head. Used from one event loop, but for `current.sure_until` and `seen`."""

    def __init__(self, access: Access, kinds: Sequence[str], code: str) -> None:
        """`kinds`: that it can run. `code`: the version of Roost."""
        self._access = access
        self._kinds = [kind.encode() for kind in kinds]
        self._code = code
        self._task: asyncio.Task[None] | None = None
        self.clock = Clock()
        self.current = Incarnation("", 0.0)
        self.seen = time.monotonic()
        """When the event loop last ran."""
        self.ended: Callable[[], None] = lambda: None
        """Told that an incarnation is over: sockets are to be closed."""
        self.refused: Callable[[RoostError], None] = lambda error: None
        """Told that another host lives: this process is to end."""
        self.closed = False

    @property
    def trouble(self) -> str | None:
        """Why nothing can be done now; None: all is well."""
        return None if self.current.sure() else "the database does not answer, so this host is not sure that it lives"

    async def enter(self) -> None:
        """Begin to live. A host that died a moment ago is waited for. TransientError `pool-of-one`: another lives."""
        name = secrets.token_hex(8)
        found: tuple[bytes, float] | None = None
        while True:
            sent = time.monotonic()
            answer = await self._access.write(lambda link: hosts.enter(link, name.encode(), self._kinds, self._code))
            if not isinstance(answer, tuple):
                self.clock.saw(answer, sent, time.monotonic())
                self.current = Incarnation(name, sent + TTL - MARGIN)
                return
            if found is not None and answer[0] == found[0] and answer[1] > found[1]:
                raise TransientError(
                    f"the host {answer[0].decode()} serves this database, and it lives. This version of Roost runs one "
                    "worker a database: stop that one first",
                    code="pool-of-one",
                )
            if found is None or answer[0] != found[0]:
                found = answer
            await asyncio.sleep(LOOK)

    def beaten(self, one: Incarnation, at: float, sent: float) -> None:
        """A beat was taken, when the database's time was `at`; in the thread of the beats."""
        self.clock.saw(at, sent, time.monotonic())
        one.sure_until = max(one.sure_until, sent + TTL - MARGIN)

    def over(self, one: Incarnation) -> None:
        """Its row ended before a beat came."""
        if one is not self.current or self.closed:
            return
        log.warning("the database did not hear from this host for %.0f s: it drops what it holds, and enters anew", TTL)
        self.current = Incarnation("", 0.0)
        self.ended()
        self._task = asyncio.create_task(self._again(one.name))

    async def _again(self, old: str) -> None:
        while not self.closed:
            try:
                await self.die(old)  # it knows that it is over: nobody need wait for its agents
                await self.enter()
                return
            except RoostError as error:
                if error.code == "pool-of-one":
                    self.refused(error)
                    return
                await asyncio.sleep(AGAIN)

    async def die(self, name: str) -> None:
        """Mark an incarnation of this process dead. It holds nothing any more."""
        await self._access.write(lambda link: link.execute(hosts.KILL, name.encode()))

    async def leave(self) -> None:
        """The process ends: its agents are given back, its row is marked."""
        self.closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        one, self.current = self.current, Incarnation("", 0.0)
        if one.name:
            try:
                await self.die(one.name)
            except RoostError as error:  # it ends by itself
                log.warning("this host could not be marked dead: %s", error.message)
