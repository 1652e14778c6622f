"""A link to PostgreSQL that can be cut: before what is sent arrives, or before the answer does."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Literal

Cut = Literal["", "asked", "answered"]


class Proxy:
    """Listens in `folder` as a server would. `cut`: what becomes of the next statement that mentions `needle`."""

    def __init__(self, behind: Path, folder: Path) -> None:
        self.dsn_host = folder
        self._behind = behind / ".s.PGSQL.5432"
        self._mine = folder / ".s.PGSQL.5432"
        self._server: asyncio.Server | None = None
        self._tasks = set[asyncio.Task[None]]()
        self.cut: Cut = ""
        self.needle = b""
        self.cuts = 0

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_unix_server(self._serve, str(self._mine))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, back = await asyncio.open_unix_connection(str(self._behind))
        dead = asyncio.Event()

        async def answers() -> None:
            while data := await there.read(1 << 16):
                if dead.is_set():
                    break
                writer.write(data)
            writer.close()

        answering = asyncio.create_task(answers())
        with suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(1 << 16):
                if self.cut and self.needle in data:
                    how, self.cut = self.cut, ""
                    self.cuts += 1
                    dead.set()
                    if how == "answered":
                        back.write(data)
                        await asyncio.wait({answering})
                    break
                back.write(data)
        back.close()
        writer.close()
        answering.cancel()
        self._tasks.discard(task)
