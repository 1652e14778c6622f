"""A deployment that is one process of `roost serve`, on this machine; `crash` is kill -9 and a new process."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from roost.contract.address import Address
from roost.ports import Capabilities

from .operators import OPERATORS

TOKEN = "conformance-operator"  # of a server on loopback that lives for one run
APP = "roost.testing.app:app"


class ServeHarness:
    """Fills `Harness` but for `capabilities` and `stored`."""

    base_path: str | None = None
    admin_token = TOKEN
    log = ""  # on our own stderr
    capabilities: Capabilities

    def __init__(self, environment: Mapping[str, str] | None = None, *, app: str = APP) -> None:
        """`environment`: variables of the server beside ours."""
        self._app = app
        self.environment = dict(environment or {})
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._restless = False
        self._port = 0
        self.url = ""

    @property
    def folder(self) -> Path:
        """Of this run, once started."""
        assert self._folder is not None
        return Path(self._folder.name)

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The one that serves, or did."""
        assert self._process is not None
        return self._process

    def stored(self) -> Sequence[str]:
        """The arguments that say where agents are kept."""
        raise NotImplementedError

    async def start(self, *, restless: bool) -> None:
        self._restless = restless
        self._folder = tempfile.TemporaryDirectory(prefix="roost-conformance-")
        self._port = 0
        await self.up()

    async def up(self) -> None:
        """A new process on what there is."""
        command = [
            sys.executable, "-m", "roost_cli", "serve", self._app, "--port", str(self._port), *self.stored(),
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
        self.process.kill()
        await self.process.wait()

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
