"""One life of a local host over a data file, which dies after some row of a journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from roost import Address, App
from roost.contract.trigger import Call, Trigger
from roost.testing.jobs import JobState, job_state
from roost_local.backend import LocalBackend
from roost_local.store import SqliteStore


class Process:
    """See the file's head. `dying` is set when it dies."""

    def __init__(self, app: App, file: Path, dies_after: int = 0, **options: Any) -> None:
        self.store = SqliteStore.open(file)
        self.backend = LocalBackend(app, self.store, private=True, **options)
        self.dying = asyncio.Event()
        self.rows = 0
        executor = self.backend.runtime.executor()
        assert executor is not None

        def wrote(*_: object) -> None:
            self.rows += 1
            if self.rows == dies_after:
                self.dying.set()
                raise asyncio.CancelledError

        executor.wrote = wrote
        self.backend.start()

    async def call(self, address: Address, name: str, *args: Any) -> Any:
        return (await self.backend.wake(address, Trigger("call", Call(name, args), None))).get()

    async def ended(self, address: Address, id: str) -> JobState:
        async with asyncio.timeout(30):
            while True:
                found = await job_state(self.store.journal, address, id)
                if found.status == "ended":
                    return found
                await asyncio.sleep(0.005)

    async def die(self) -> None:
        self.backend.halt()
        await self.backend.loop_host.close()
        await self.backend.fetch.close()
        await self.store.close()


@asynccontextmanager
async def process(app: App, file: Path, dies_after: int = 0, **options: Any) -> AsyncGenerator[Process, None]:
    made = Process(app, file, dies_after, **options)
    try:
        yield made
    finally:
        await made.die()
