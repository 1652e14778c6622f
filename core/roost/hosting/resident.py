"""The backend of one process that owns its store: local and in memory. The ports filled and bundled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import BaseModel

from ..author.app import App
from ..contract.address import Address
from ..contract.commit import Envelope
from ..contract.result import TickResult
from ..contract.trigger import Trigger
from ..engine.runtime import Runtime
from ..fetch import Fetch
from ..ports import Capabilities, Host, Ports, Store, Wire
from .timers import DueStore, Timers


class OwnedStore(Store, DueStore, Protocol):
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


class Resident:
    """`start`, then `wake` and `hibernate` until `stop`."""

    def __init__(
        self,
        app: App,
        store: OwnedStore,
        wire: Wire,
        fetch: Fetch,
        host: Host,
        capabilities: Capabilities,
        *,
        config: Mapping[str, BaseModel] | None = None,
        idle_after: float = 10.0,
        restless: bool = False,
        between: Callable[[Ports], Ports] | None = None,
    ) -> None:
        """`between`: what stands between the runtime and its ports, if anything."""
        self.capabilities = capabilities
        self.store = store
        self.host = host
        self.wire = wire
        self.timers = Timers(store, host)
        courier = InProcess()
        ports = Ports(store, courier, wire, self.timers, host, fetch)
        if between is not None:
            ports = between(ports)
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

    async def drain(self, seconds: float = 30.0) -> None:
        """Refuse new triggers; running ticks end."""
        await self.runtime.drain(seconds)

    async def stop(self) -> None:
        """Drain and let go. Store, wire and host are the caller's to close."""
        if not self.runtime.closing:
            await self.drain()
        self.halt()

    def halt(self) -> None:
        """Stop timers and sweeps at once, as a crash would."""
        self.runtime.halt()
        self.timers.stop()
