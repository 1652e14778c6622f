"""The conformance harnesses of the local server: real processes on a real disk, and one in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from roost.author.app import App
from roost.contract.address import Address
from roost.contract.operators import Operators
from roost.hosting.asyncio_host import AsyncioHost
from roost.hosting.memory import MemoryStore
from roost.ports import Capabilities
from roost_conformance.app import app as suite
from roost_conformance.operators import OPERATORS
from roost_conformance.process import TOKEN, ServeHarness
from roost_http import Surface
from roost_server.listen import Listen
from roost_server.server import AgentServer

from .backend import LOCAL, MEMORY, LocalBackend
from .emulate import rules_for
from .server import server


class LocalHarness(ServeHarness):
    """`roost serve` as a user runs it; `crash` is kill -9 and a new process on the same file."""

    capabilities: Capabilities = LOCAL

    @property
    def data(self) -> Path:
        """The data file, once started."""
        return self.folder / "agents.db"

    def stored(self) -> Sequence[str]:
        return "--data", str(self.data)


class MemoryHarness:
    """The same server over the in-memory store. `crash` loses all that only the host's memory held.

    `emulate`: under the rules of that platform.
    """

    admin_token = TOKEN
    log = ""

    def __init__(self, emulate: str | None = None, *, app: App = suite) -> None:
        self._app = app
        self._rules = None if emulate is None else rules_for(emulate, app)
        self.capabilities: Capabilities = MEMORY if self._rules is None else self._rules.capabilities
        self.base_path: str | None = None if self.capabilities.connect_path else "prod"
        self._store = MemoryStore()
        self._server: AgentServer | None = None
        self._backend: LocalBackend | None = None
        self._task: asyncio.Task[None] | None = None
        self._restless = False
        self._port = 0
        self.url = ""

    async def start(self, *, restless: bool) -> None:
        self._restless = restless
        self._store = MemoryStore()
        self._port = 0
        await self._launch()

    async def _launch(self) -> None:
        backend = self._backend = LocalBackend(
            self._app,
            self._store,
            capabilities=self.capabilities,
            idle_after=2.0,
            restless=self._restless,
            host=AsyncioHost(),
        )
        operators = Operators.from_environment({"ROOST_ADMIN_TOKEN": TOKEN, "ROOST_OPERATORS": OPERATORS})
        surface = Surface(self._app, backend.runtime, admin_token=operators, loopback=True)
        running = self._server = server(backend, surface, operators, self._rules, loopback=True)
        running.install_signals = False
        sock = Listen(port=self._port).bind()
        self._port = sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        backend.start()
        self._task = asyncio.ensure_future(running.serve(sockets=[sock]))
        while not running.started and not self._task.done():  # noqa: ASYNC110 uvicorn has no event for it
            await asyncio.sleep(0.005)

    async def evict(self, address: Address) -> None:
        assert self._backend is not None
        await self._backend.hibernate(address)

    async def crash(self) -> None:
        assert self._backend is not None and self._server is not None and self._task is not None
        self._backend.halt()
        await self._backend.loop_host.close()  # every task dies where it stands
        self._backend.runtime.closing = True  # the dead write nothing, not even who hung up
        self._server.abort()
        await self._task
        await self._launch()

    async def stop(self) -> None:
        if self._server is not None and self._task is not None and self._backend is not None:
            self._server.should_exit = True
            await self._task
            await self._backend.stop()
