"""The local backend: a resident runtime over sockets of this process and a pool of outbound connections."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from roost.author.app import App
from roost.contract.egress import Egress
from roost.hosting.asyncio_host import AsyncioHost
from roost.hosting.resident import OwnedStore, Resident
from roost.ports import Capabilities
from roost_http.fetch import HttpFetch
from roost_server.hub import Hub

from .store import SqliteStore

LOCAL = Capabilities("local", jobs=True, threads=True)
MEMORY = Capabilities("memory", jobs=True, threads=True)


class LocalBackend(Resident):
    """One process, asyncio. The store is the caller's to close, after `stop`."""

    def __init__(
        self,
        app: App,
        store: OwnedStore,
        *,
        capabilities: Capabilities = LOCAL,
        config: Mapping[str, BaseModel] | None = None,
        idle_after: float = 10.0,
        restless: bool = False,
        host: AsyncioHost | None = None,
        private: bool = False,
    ) -> None:
        """`private`: agents may send requests into this machine's own network, as a developer's do."""
        self.loop_host = host or AsyncioHost()
        self.hub = Hub(binary=capabilities.binary_frames)
        self.fetch = HttpFetch(Egress(app.egress, private=private))
        super().__init__(
            app, store, self.hub, self.fetch, self.loop_host, capabilities,
            config=config, idle_after=idle_after, restless=restless,
        )  # fmt: skip
        if isinstance(store, SqliteStore):
            self.runtime.trouble = lambda: store.file.trouble

    async def stop(self) -> None:
        await super().stop()
        await self.fetch.close()
        await self.loop_host.close()
