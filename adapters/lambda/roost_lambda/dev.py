"""`roost dev --on aws-emulator`: the author's app, deployed from the template into ministack on loopback."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from roost.platform import Project, Serving

from .bundle import write
from .emulator.environment import environments
from .emulator.process import Ministack
from .emulator.stack import deploy


class AwsEmulator:
    """Fills roost.platform.Emulator. The agents live as long as it: ministack keeps them in memory, and a changed
    app is deployed into the same one."""

    def __init__(self, project: Project, serving: Serving) -> None:
        self._project = project
        self._serving = serving
        self._emulator: Ministack | None = None

    async def start(self) -> str:
        """Stage, deploy, and say where it is."""
        say = self._serving.log
        found = await asyncio.to_thread(environments, say)
        with tempfile.TemporaryDirectory(prefix="roost-aws-") as temporary:
            folder = Path(temporary) / "app"
            await asyncio.to_thread(write, self._project, "here", folder, say)
            if self._emulator is None:
                self._emulator = Ministack(found, say, self._serving.port)
                await self._emulator.start()
            environment = {**self._serving.environment, "ROOST_LOG_LEVEL": "INFO"}
            parameters = {"App": self._project.app, "AdminToken": self._serving.admin_token}
            await asyncio.to_thread(
                deploy, self._emulator, folder / "template.yaml", found.runtime, parameters, environment=environment
            )
        say(f"WebSockets: {self._emulator.url.replace('http', 'ws', 1)}/prod?agent=KIND&name=KEY")
        return self._emulator.url

    async def stop(self) -> None:
        if self._emulator is not None:
            await self._emulator.stop()
            self._emulator = None

    async def ended(self) -> None:
        assert self._emulator is not None
        await self._emulator.wait()
