"""The conformance harness: the template, deployed into ministack with the suite's own app, driven over HTTP and
WebSocket like any deployment.

A crash is `kill -9` of every execution environment; the next invocation gets a new one. Connections are API
Gateway's and outlive it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random

import httpx

from roost.contract.address import Address
from roost.hosting.platform import Project
from roost.ports import Capabilities
from roost_conformance.operators import OPERATORS

from .backend import LAMBDA
from .bundle import write
from .emulator.environment import environments
from .emulator.process import Ministack
from .emulator.stack import deploy

TOKEN = "conformance-operator"
WARM = 4
CLAIM = "15"
"""Seconds that an executor has a job here: a death shows after half as many more, and not after 45."""
APP = "roost.testing.app:app"


class LambdaHarness:
    """Fills roost_conformance.harness.Harness. `log_level`: what the functions print. `project`: another app than the
    suite's, without what warms it."""

    admin_token = TOKEN
    base_path: str | None = "prod"
    capabilities: Capabilities = LAMBDA
    thinks = False
    patience = 90.0
    pause = 0.25
    """Each look is an invocation, and every one of a case's at the same time a process of its own."""
    beside = 3

    def __init__(self, log_level: str = "WARNING", project: Project | None = None) -> None:
        self._level = log_level
        self._project = project or Project(APP, Path.cwd())
        self._emulator: Ministack | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.url = ""

    @property
    def log(self) -> str:
        """What ministack and the functions printed last."""
        return "" if self._emulator is None else self._emulator.log

    @property
    def emulator(self) -> Ministack:
        assert self._emulator is not None
        return self._emulator

    async def start(self, *, restless: bool) -> None:
        found = await asyncio.to_thread(environments, _say)
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="roost-lambda-")
            if self.thinks:
                self._project = replace(self._project, thinks=True)
            await asyncio.to_thread(write, self._project, "here", Path(self._folder.name) / "app", _say)
        self._emulator = Ministack(found, snapshots=True)
        await self._emulator.start()
        parameters = {"App": self._project.app, "AdminToken": TOKEN, "Operators": OPERATORS}
        template = Path(self._folder.name) / "app" / "template.yaml"
        environment = {
            "ROOST_RESTLESS": "1" if restless else "", "ROOST_LOG_LEVEL": self._level, "ROOST_JOB_CLAIM": CLAIM,
        }  # fmt: skip
        self.stack = await asyncio.to_thread(
            deploy, self._emulator, template, found.runtime, parameters, environment=environment
        )
        self.url = self._emulator.url
        if self._project.app == APP:
            await self._warm()

    async def _warm(self) -> None:
        """Execution environments as a deployment in use has them: one costs a second of this machine to start, and
        many at once would be measured by the first cases instead."""
        from websockets.asyncio.client import connect

        async def call() -> None:
            async with httpx.AsyncClient(timeout=120) as client:
                answer = await client.get(f"{self.url}/healthz")
                assert answer.status_code == 200, answer.text + self.log

        async def greet(n: int) -> None:
            url = f"{self.url.replace('http', 'ws', 1)}/prod?agent=counter&name=warm-{n}"
            async with asyncio.timeout(120), connect(url, open_timeout=120) as socket:
                while "cf_agent_mcp_servers" not in str(await socket.recv()):
                    pass

        await asyncio.gather(*(call() for _ in range(WARM)))
        await asyncio.gather(*(greet(n) for n in range(WARM)))

    async def evict(self, address: Address) -> None:
        async with httpx.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
            answer = await client.post(f"{self.url}/v1/agents/{address.path}/hibernate")
            assert answer.status_code == 200, answer.text

    async def crash(self) -> None:
        await self.emulator.kill_workers()
        async with asyncio.timeout(self.patience), httpx.AsyncClient(timeout=self.patience) as client:
            while (await client.get(f"{self.url}/healthz")).status_code != 200:
                """One was given to an environment that had just died."""

    async def crash_some(self, random: Random) -> int:
        """Kill some of the execution environments, at least one if there is any; how many. The others go on."""
        running = self.emulator.workers()
        return await self.emulator.kill_workers(
            random.sample(running, random.randint(min(1, len(running)), len(running)))
        )

    async def stop(self) -> None:
        if self._emulator is not None:
            await self._emulator.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
