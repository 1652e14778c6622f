"""The backend over PostgreSQL: a host that holds its agents, one worker a database so far (docs/pool.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel

from roost import __version__
from roost.author.app import App
from roost.contract.address import Address
from roost.contract.commit import Frame
from roost.contract.egress import Egress
from roost.contract.errors import RoostError
from roost.engine.held.holding import Holding
from roost.engine.runtime import Runtime
from roost.hosting.asyncio_host import AsyncioHost
from roost.hosting.resident import InProcess
from roost.ports import Capabilities, Ports
from roost.system.names import AUDIT, TICKETS
from roost_http.fetch import HttpFetch
from roost_server.hub import Hub

from .alarms import HostAlarms
from .beats import Beats
from .holds import TableHolds
from .hosts import check
from .member import Member
from .poll import Poll
from .store import PostgresStore

POSTGRES = Capabilities("postgres", jobs=True, threads=True)
RESTART = 1012
"""The close code of sockets whose host is over: their clients come back."""


class Sockets(Hub):
    """The sockets of this host. Each session says itself when its socket is gone, behind the frames it still holds
    (rule 24): here it would come before them."""

    async def send(self, address: Address, frames: Sequence[Frame], version: int) -> Iterable[str]:
        await super().send(address, frames, version)
        return ()


class PostgresBackend:
    """One process, asyncio. `open`, then `start`, and at last `stop`."""

    def __init__(
        self,
        app: App,
        store: PostgresStore,
        *,
        config: Mapping[str, BaseModel] | None = None,
        idle_after: float = 10.0,
        restless: bool = False,
    ) -> None:
        """Use `open`."""
        kinds = [*app.kinds, TICKETS, AUDIT]
        self.store = store
        self.member = Member(store.access, kinds, __version__)
        self.loop_host = AsyncioHost()
        self.loop_host.now = self.member.clock.now
        self.hub = Sockets()
        self.fetch = HttpFetch(Egress(app.egress, private=False))
        self.alarms = HostAlarms(self.loop_host, self._rouse, self._look)
        self.holds = TableHolds(store.access, store.book, self.member, self.loop_host, self._rouse, self.alarms.forget)
        store.took = self.holds.took
        courier = InProcess()
        ports = Ports(store, courier, self.hub, self.alarms, self.loop_host, self.fetch, Holding(self.holds))
        self.runtime = Runtime(app, ports, POSTGRES, config=config, idle_after=idle_after, restless=restless)
        self.runtime.trouble = lambda: self.member.trouble
        courier.runtime = self.runtime
        self.poll = Poll(store.access, self.member, self.loop_host, self.runtime, kinds)
        self.beats = Beats(store.dsn, self.member, cached=store.cached)
        self.member.ended = self._close_sockets
        self._stopped = False
        self.failure: RoostError | None = None
        """Why this process must end."""

    @classmethod
    async def open(
        cls,
        app: App,
        dsn: str,
        *,
        config: Mapping[str, BaseModel] | None = None,
        idle_after: float = 10.0,
        restless: bool = False,
        cached: bool = True,
    ) -> PostgresBackend:
        """Connect, make or check the tables, and enter as a host. TransientError: what is wrong with the database, or
        that another host lives."""
        store = await PostgresStore.open(dsn, app.limits.log, cached=cached)
        try:
            await store.access.read(check)
            self = cls(app, store, config=config, idle_after=idle_after, restless=restless)
            await self.member.enter()
        except BaseException:
            await store.close()
            raise
        self.beats.start()
        return self

    def _rouse(self, address: Address) -> None:
        self.runtime.rouse(address)

    def _look(self, address: Address) -> None:
        if not self.runtime.closing and self.runtime.serves(address.kind):
            self.runtime.look_at_jobs(address)

    def _close_sockets(self) -> None:
        self.hub.close_all(RESTART, "its host is over")

    def start(self) -> None:
        """Look for what the last host left."""
        self.poll.start()

    async def drain(self, seconds: float) -> None:
        """Refuse new triggers; running ticks end, and agents are given back."""
        await self.runtime.drain(seconds)

    async def stop(self) -> None:
        """Give everything back, mark this host dead, hang up. Once."""
        if self._stopped:
            return
        self._stopped = True
        if not self.runtime.closing:
            await self.drain(30.0)
        self.runtime.halt()
        await self.poll.stop()
        self.alarms.stop()
        await self.beats.stop()
        await self.member.leave()
        await self.fetch.close()
        await self.loop_host.close()
        await self.store.close()
