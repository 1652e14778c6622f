"""The port `Holds` over the columns `holder`, `rings` and `heard` of `head` (docs/pool.md)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from roost.contract.address import Address
from roost.contract.commit import Lease, Letter
from roost.contract.errors import TransientError
from roost.ports import Host

from . import mail
from .alone import ANSWER
from .reads import names
from .rows import raw

if TYPE_CHECKING:
    from .access import Access
    from .book import Book
    from .links import Connection
    from .member import Member

LATER: Final = 5.0
"""Seconds after which somebody looks at what was parked, should nobody have run it."""
_RING: Final = (
    "UPDATE roost.head SET rings=rings+1 WHERE kind=$1 AND key=$2 RETURNING coalesce((SELECT extract(epoch FROM until)"
    "::float8 FROM roost.host WHERE id=holder AND NOT dead),0)"
)
_LEAVE: Final = (
    "UPDATE roost.head SET holder=NULL,released=greatest(released,$4) WHERE kind=$1 AND key=$2 AND holder=$3 "
    "AND ($5 OR rings=heard) RETURNING 1"
)
_MINE: Final = "SELECT 1 FROM roost.head WHERE kind=$1 AND key=$2 AND holder=$3"
_HEARD: Final = "UPDATE roost.head SET heard=greatest(heard,$4) WHERE kind=$1 AND key=$2 AND holder=$3"
_LOCK: Final = "SELECT aid FROM roost.head WHERE kind=$1 AND key=$2 FOR NO KEY UPDATE"
_OUT: Final = "DELETE FROM roost.mail WHERE aid=$1 AND n=$2 AND forwarded IS NOT NULL RETURNING 1"
_ANSWER: Final = (
    "SELECT data FROM roost.answer WHERE aid=(SELECT aid FROM roost.head WHERE kind=$1 AND key=$2) AND n=$3"
)


class TableHolds:
    """Fills `Holds`."""

    def __init__(
        self,
        access: Access,
        book: Book,
        member: Member,
        host: Host,
        rouse: Callable[[Address], None],
        gave: Callable[[Address], None],
    ) -> None:
        """`rouse`: has this process look at an agent. `gave`: told that one was given back."""
        self._access = access
        self._book = book
        self._member = member
        self._host = host
        self._rouse = rouse
        self._gave = gave

    def lease(self) -> Lease:
        one = self._member.current
        if not one.sure():
            raise TransientError("this host is not sure that it lives", code="unsure", retry_after=1.0)
        return Lease(one.name, 0.0)

    async def renew(self, address: Address) -> None:
        """No lease of an agent is renewed: the host's beat stands for all."""

    def holds(self, address: Address) -> bool:
        return address in self._member.current.held

    def sure(self, address: Address) -> bool:
        one = self._member.current
        return address in one.held and one.sure()

    def lost(self, address: Address) -> None:
        self._member.current.held.pop(address, None)

    def took(self, address: Address, name: str, fence: int) -> None:
        """The store has taken an agent. TransientError: for an incarnation that is over."""
        one = self._member.current
        if one.name != name:
            raise TransientError("this host was over before it had the agent", code="host-over")
        one.held[address] = fence

    async def leave(self, address: Address, left: bool, released: int, force: bool, belled: bool) -> bool:
        one = self._member.current
        me = (*names(address), raw(one.name))

        async def leave(link: Connection) -> bool:
            if await link.fetchval(_LEAVE, *me, released, force):
                return True
            return not await link.fetchval(_MINE, *me)

        done = await self._access.write(leave)
        if done:
            one.held.pop(address, None)
            self._gave(address)
        return done

    async def ring(self, address: Address, wake: float | None) -> bool:
        return bool(await self._access.write(partial(_ring, address)))

    async def call(self, address: Address, delay: float) -> None:
        self._host.call_later(delay, partial(self._rouse, address))

    async def wake(self, address: Address, at: float, known: bool) -> None:
        raise AssertionError("a host that holds its agents has no doorbells")

    async def post(self, address: Address, letter: Letter, limit: int, armed: float | None) -> tuple[Letter, float]:
        at = self._host.now() + LATER if armed is None else armed

        async def post(link: Connection) -> tuple[Letter, float]:
            kept = await mail.park(link, self._book, address, letter, limit, at)
            return kept, await _ring(address, link)

        return await self._access.in_turn(address, post)

    async def answer(self, address: Address, n: int, answer: bytes) -> None:
        at = self._host.now()

        async def put(link: Connection) -> None:
            if (aid := await _take_out(link, address, n)) is not None:
                await link.execute(ANSWER, aid, n, at, answer)

        await self._access.write(put)

    async def answered(self, address: Address, n: int) -> bytes | None:
        found = await self._access.rows(_ANSWER, *names(address), n)
        return found[0][0] if found else None

    async def withdraw(self, address: Address, n: int) -> bool:
        async def out(link: Connection) -> bool:
            return await _take_out(link, address, n) is not None

        return await self._access.write(out)

    async def request(self, address: Address) -> None:
        """Whoever holds it, if not this process, is over: there is one host a database."""

    async def rings(self, address: Address) -> int:
        found = await self._access.rows("SELECT rings FROM roost.head WHERE kind=$1 AND key=$2", *names(address))
        return int(found[0][0]) if found else 0

    async def heard(self, address: Address, rings: int) -> None:
        me = (*names(address), raw(self._member.current.name))
        await self._access.write(lambda link: link.execute(_HEARD, *me, rings))


async def _ring(address: Address, link: Connection) -> float:
    """Until when somebody who lives holds the agent; 0: nobody does."""
    return float(await link.fetchval(_RING, *names(address)) or 0.0)


async def _take_out(link: Connection, address: Address, n: int) -> int | None:
    """A guest is no more, without a commit: its agent's id."""
    aid: int | None = await link.fetchval(_LOCK, *names(address))
    if aid is None or not await link.fetchval(_OUT, aid, n):
        return None
    await link.execute("UPDATE roost.head SET waiting=waiting-1 WHERE aid=$1", aid)
    return aid
