"""`roost dev --on aws-emulator`: the author's app, deployed from the template into ministack on loopback."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any, Final

from roost.hosting.folders import private
from roost.hosting.platform import Project, Serving

from .bundle import write
from .emulator.environment import environments
from .emulator.process import Ministack
from .emulator.stack import deploy

PORT: Final = "port.json"
"""The port of the AWS APIs: the addresses of queues hold it, so it stays."""


class AwsEmulator:
    """Fills roost.platform.Emulator. ministack writes all it holds to `serving.data` when it stops."""

    def __init__(self, project: Project, serving: Serving) -> None:
        self._project = project
        self._serving = serving
        self._emulator: Ministack | None = None

    async def start(self) -> str:
        """Stage, deploy, and say where it is."""
        say, data = self._serving.log, self._serving.data
        found = await asyncio.to_thread(environments, say)
        with tempfile.TemporaryDirectory(prefix="roost-aws-") as temporary:
            folder = Path(temporary) / "app"
            await asyncio.to_thread(write, self._project, "here", folder, say)
            private(data)
            emulator = Ministack(found, self._log, self._serving.port, _port(data / PORT), data)
            self._emulator = emulator
            try:
                await emulator.start()
                (data / PORT).write_text(json.dumps(int(emulator.endpoint.rpartition(":")[2])))
                environment = {"ROOST_LOG_LEVEL": "INFO", **self._serving.environment}
                # A parameter, as it is deployed: only functions that need these have them.
                parameters = {
                    "App": self._project.app, "AdminToken": self._serving.admin_token,
                    "Operators": environment.pop("ROOST_OPERATORS", ""),
                    "ExportKeys": environment.pop("ROOST_EXPORT_KEYS", ""),
                }  # fmt: skip
                template = folder / "template.yaml"
                await asyncio.to_thread(deploy, emulator, template, found.runtime, parameters, environment=environment)
            except BaseException:
                await self.stop()
                raise
        say(f"WebSockets: {emulator.url.replace('http', 'ws', 1)}/prod?agent=KIND&name=KEY")
        say(f"AWS APIs: {emulator.endpoint} (AWS_ACCESS_KEY_ID={emulator.key}, any secret)")
        return emulator.url

    def _log(self, line: str) -> None:
        """What the functions print, and why one can't start; not what else ministack says of itself."""
        if (line.startswith("roost-") and '"_aws"' not in line) or "ERROR [lambda]" in line:
            self._serving.log(line)

    async def stop(self) -> None:
        emulator, self._emulator = self._emulator, None
        if emulator is not None:
            await emulator.stop()

    async def ended(self) -> None:
        """Returns when ministack ended by itself."""
        if self._emulator is not None:
            await self._emulator.wait()


def _port(path: Path) -> int:
    """The port of the last time; 0 = any."""
    try:
        found: Any = json.loads(path.read_text())
    except (OSError, ValueError):
        return 0
    return found if isinstance(found, int) else 0
