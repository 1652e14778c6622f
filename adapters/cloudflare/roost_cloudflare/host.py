"""Runs a staged Worker in the real workerd, as a process of ours: started, watched, stopped by its id."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import deque
from pathlib import Path
from typing import Final

import httpx

from roost.hosting.platform import Say, quiet

BOOT: Final = 180.0
"""Seconds within which the first answer must come: a bound on failure, not a measurement."""
LINES: Final = 400


class Workerd:
    """One workerd process over a folder that `stage` wrote. Started again, it finds its data and its port.

    `port` on 127.0.0.1, 0 for any free one; `log` takes each line that it prints.
    """

    def __init__(self, binary: Path, folder: Path, port: int = 0, log: Say = quiet) -> None:
        self._binary = binary
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.logs: deque[str] = deque(maxlen=LINES)
        """What it printed last."""
        self.url = ""
        self._kept = port
        self._log = log
        self.booted = 0.0
        """Seconds from exec to the first answer."""

    async def start(self) -> None:
        """Start it and wait until it answers. RuntimeError with its log when it does not."""
        began = asyncio.get_running_loop().time()
        reading, writing = os.pipe()
        command = [
            str(self._binary), "serve", "config.capnp", "--experimental", f"--control-fd={writing}",
            f"--socket-addr=http=127.0.0.1:{self._kept}",
        ]  # fmt: skip
        self._process = await asyncio.create_subprocess_exec(
            *command, cwd=self._folder, pass_fds=(writing,), stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, limit=1 << 20,
        )  # fmt: skip
        os.close(writing)
        self._tasks = [asyncio.ensure_future(self._follow(self._process.stdout))]
        port = await self._port(reading)
        self._kept = port
        self.url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(timeout=BOOT) as client:
            try:
                answer = await client.get(f"{self.url}/healthz")
            except httpx.HTTPError as error:
                raise RuntimeError(f"workerd did not answer: {error!r}\n{self.log}") from error
        if answer.status_code != 200:
            raise RuntimeError(f"workerd answered {answer.status_code}: {answer.text}\n{self.log}")
        self.booted = asyncio.get_running_loop().time() - began

    async def _port(self, reading: int) -> int:
        """The port the system chose, from the control messages."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
        )
        try:
            async with asyncio.timeout(BOOT):
                while line := await reader.readline():
                    message = json.loads(line)
                    if message.get("event") == "listen" and message.get("socket") == "http":
                        return int(message["port"])
        except TimeoutError:
            pass
        finally:
            transport.close()
        await asyncio.sleep(0.1)
        raise RuntimeError(f"workerd did not listen\n{self.log}")

    async def _follow(self, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        while raw := await stream.readline():
            line = raw.decode(errors="replace").rstrip()
            self.logs.append(line)
            self._log(line)

    @property
    def log(self) -> str:
        """The last lines it printed."""
        return "\n".join(self.logs)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def ended(self) -> None:
        """Returns when the process is gone."""
        if self._process is not None:
            await self._process.wait()

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(number)
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        for task in self._tasks:
            await task
        self._tasks = []
