"""The conformance harness: the conformance app in the real workerd, on a disk of its own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import httpx

from roost.contract.address import Address
from roost.hosting.packages import folder
from roost.hosting.platform import quiet
from roost.ports import Capabilities
from roost_client import Client
from roost_conformance.operators import OPERATORS

from .host import Workerd
from .stage import Stage, stage
from .wheels import modules

TOKEN = "conformance-operator"  # of a Worker on loopback that lives for one run
WARM = 120.0
"""Seconds within which a first turn ends, on a machine that has much else to do."""
ENTRY = """
from roost_cloudflare.worker import serve
from {module} import app
Default, RoostAgent, RoostRegistry = serve(app)
"""


def packages() -> list[Path]:
    """The import packages that a Worker takes along."""
    return [
        *map(folder, ("roost", "roost_auth", "roost_http", "roost_client", "roost_conformance")),
        Path(__file__).parent,
    ]


class CloudflareHarness:
    """`crash` is kill -9 of workerd and a new process on the same disk."""

    base_path: str | None = None
    admin_token = TOKEN
    capabilities: Capabilities = Capabilities("cloudflare", jobs=True)
    thinks = False

    def __init__(self, module: str = "roost.testing.app", packages: Sequence[Path] = ()) -> None:
        """`module` has the app; `packages` go along beside Roost's own."""
        self._module, self._packages = module, packages
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._workerd: Workerd | None = None
        self.url = ""

    async def start(self, *, restless: bool) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="roost-workerd-")
        at = Path(self._folder.name)
        env = {
            "ROOST_ADMIN_TOKEN": TOKEN, "ROOST_OPERATORS": OPERATORS, "ROOST_RESTLESS": "1" if restless else "",
            "ROOST_LOOPBACK": "1",
        }  # fmt: skip
        more = [folder("roost_chat")] if self.thinks else []
        dependencies = modules((), quiet, self.thinks)
        what = Stage(ENTRY.format(module=self._module), [*packages(), *more, *self._packages], env, dependencies)
        self._workerd = Workerd(stage(what, at), at)
        await self._workerd.start()
        self.url = self._workerd.url
        await self._warm()

    async def _warm(self) -> None:
        """A first turn loads pydantic-ai, which keeps the isolate from all else: the first cases would measure that."""
        if not self.thinks:
            return
        async with Client(self.url, token=TOKEN, timeout=WARM) as client, asyncio.timeout(WARM):
            agent = client.agent("chatter", "warm")
            await agent.call("send", "hello")
            while True:
                session = await agent.call("session")
                if session["turn"] is None:
                    return
                await asyncio.sleep(0.1)

    @property
    def log(self) -> str:
        """The last lines of workerd and of the agents in it."""
        return "" if self._workerd is None else self._workerd.log

    @property
    def pid(self) -> int:
        """Of workerd."""
        assert self._workerd is not None
        return self._workerd.pid

    @property
    def booted(self) -> float:
        """Seconds the last start took."""
        return 0.0 if self._workerd is None else self._workerd.booted

    async def evict(self, address: Address) -> None:
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
            answer = await client.post(f"{self.url}/v1/agents/{address.path}/hibernate")
            assert answer.status_code == 200, answer.text

    async def crash(self) -> None:
        assert self._workerd is not None
        await self._workerd.kill()
        await self._workerd.start()
        await self._warm()

    async def stop(self) -> None:
        if self._workerd is not None:
            await self._workerd.stop()
        if self._folder is not None:
            self._folder.cleanup()
