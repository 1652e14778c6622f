"""The local backend: the ports filled and bundled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pydantic import BaseModel

from roost.address import Address
from roost.aio import AsyncioHost
from roost.app import App
from roost.commit import Envelope
from roost.ports import Capabilities, Store
from roost.result import TickResult
from roost.runtime import Ports, Runtime
from roost.trigger import Trigger

from .fetch import HttpFetch
from .hub import Hub
from .timers import DueStore, Timers

LOCAL = Capabilities("local")
MEMORY = Capabilities("memory")


class LocalStore(Store, DueStore, Protocol):
    """A store that one process owns and scans for its timers."""


class InProcess:
    """Fills the port `Courier`: every agent is in this process."""

    def __init__(self) -> None:
        self.runtime: Runtime | None = None

    async def deliver(self, envelope: Envelope) -> None:
        assert self.runtime is not None
        await self.runtime.accept(envelope)

    async def ask(self, address: Address, trigger: Trigger) -> bytes:
        assert self.runtime is not None
        return (await self.runtime.dispatch(address, trigger)).raw()


class LocalBackend:
    """`start`, then `wake` and `hibernate` until `stop`. One process owns the store."""

    def __init__(
        self,
        app: App,
        store: LocalStore,
        *,
        capabilities: Capabilities = LOCAL,
        config: Mapping[str, BaseModel] | None = None,
        idle_after: float = 10.0,
        restless: bool = False,
        host: AsyncioHost | None = None,
    ) -> None:
        self.capabilities = capabilities
        self.store = store
        self.host = host or AsyncioHost()
        self.hub = Hub()
        self.timers = Timers(store, self.host)
        self.fetch = HttpFetch()
        courier = InProcess()
        ports = Ports(store, courier, self.hub, self.timers, self.host, self.fetch)
        self.runtime = Runtime(app, ports, capabilities, config=config, idle_after=idle_after, restless=restless)
        self.timers.runtime = courier.runtime = self.runtime

    async def wake(self, address: Address, trigger: Trigger) -> TickResult:
        """Run one trigger to its durable end."""
        return await self.runtime.dispatch(address, trigger)

    async def hibernate(self, address: Address) -> bool:
        """Drop an agent from memory between two ticks; whether it was there."""
        return await self.runtime.hibernate(address)

    def start(self) -> None:
        """Start timers and redrive what the last process left."""
        self.timers.start()
        self._tick()

    def _tick(self) -> None:
        self.runtime.sweep()
        if not self.runtime.closing:
            pause = min(1.0, max(0.05, self.runtime.idle_after / 4))
            self._sweeper = self.host.call_later(pause, self._tick)

    async def drain(self, seconds: float = 30.0) -> None:
        """Refuse new triggers; running ticks end."""
        await self.runtime.drain(seconds)

    async def stop(self) -> None:
        """Drain and let go. The store is the caller's to close."""
        if not self.runtime.closing:
            await self.drain()
        self._sweeper.cancel()
        self.timers.stop()
        await self.fetch.close()
        await self.host.close()
