"""The conformance harnesses of the local server: real processes on a real disk, and one in memory."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import httpx

from roost.author.app import App
from roost.contract.address import Address
from roost.contract.operators import Operators
from roost.hosting.asyncio_host import AsyncioHost
from roost.hosting.memory import MemoryStore
from roost.ports import Capabilities
from roost_conformance.app import app as suite
from roost_conformance.operators import OPERATORS
from roost_http import Surface
from roost_server.listen import Listen
from roost_server.server import AgentServer

from .backend import LOCAL, MEMORY, LocalBackend
from .emulate import rules_for
from .server import server

TOKEN = "conformance-operator"  # of a server on loopback that lives for one run
APP = "roost.testing.app:app"


class LocalHarness:
    """`roost serve` as a user runs it; `crash` is kill -9 and a new process on the same file."""

    base_path: str | None = None
    admin_token = TOKEN
    log = ""  # on our own stderr
    capabilities: Capabilities = LOCAL

    def __init__(self, environment: Mapping[str, str] | None = None, *, app: str = APP) -> None:
        """`environment`: variables of the server beside ours."""
        self._app = app
        self.environment = dict(environment or {})
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._restless = False
        self._port = 0
        self.url = ""

    async def start(self, *, restless: bool) -> None:
        self._restless = restless
        self._folder = tempfile.TemporaryDirectory(prefix="roost-conformance-")
        self._port = 0
        await self.up()

    @property
    def data(self) -> Path:
        """The data file, once started."""
        assert self._folder is not None
        return Path(self._folder.name) / "agents.db"

    async def up(self) -> None:
        """A new process on what there is."""
        command = [
            sys.executable, "-m", "roost_cli", "serve", self._app, "--port", str(self._port), "--data", str(self.data),
            "--idle-after", "2",
        ]  # fmt: skip
        env = {
            **os.environ,
            **self.environment,
            "ROOST_ADMIN_TOKEN": TOKEN,
            "ROOST_OPERATORS": OPERATORS,
            "ROOST_RESTLESS": "1" if self._restless else "",
        }
        self._process = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE)
        assert self._process.stdout is not None
        line = ""
        async with asyncio.timeout(120):  # a bound on failure: a busy machine is slow to start
            while not (found := re.search(r"http://[\d.]+:(\d+)", line)):
                raw = await self._process.stdout.readline()
                assert raw, "the server ended before it listened; its error is above"
                line = raw.decode()
        self.url, self._port = found[0], int(found[1])

    async def evict(self, address: Address) -> None:
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}) as client:
            answer = await client.post(f"{self.url}/v1/agents/{address.path}/hibernate")
            assert answer.status_code == 200, answer.text

    async def down(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def crash(self) -> None:
        await self.down()
        await self.up()

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(40):
                await self._process.wait()
            assert self._process.returncode == 0, f"the server ended with {self._process.returncode} at SIGTERM"
        if self._folder is not None:
            self._folder.cleanup()


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
