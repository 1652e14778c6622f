"""The local server in this process, over a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from roost import App
from roost.hosting.memory import MemoryStore
from roost_http import Surface
from roost_local.backend import LocalBackend
from roost_local.server import server
from roost_server.listen import Listen
from roost_server.server import AgentServer

TOKEN = "test"


@asynccontextmanager
async def inside(app: App, *, exposed: bool = False, **options: Any) -> AsyncGenerator[tuple[int, AgentServer], None]:
    """(port of loopback, server). `options`: of the server; `exposed`: as if others could reach it."""
    backend = LocalBackend(app, MemoryStore())
    if exposed:
        backend.runtime.expose()
    surface = Surface(app, backend.runtime, admin_token=TOKEN, loopback=not exposed)
    running = server(backend, surface, TOKEN, loopback=not exposed, **options)
    running.install_signals = False
    sock = Listen(port=0).bind()
    backend.start()
    task = asyncio.create_task(running.serve(sockets=[sock]))
    try:
        async with asyncio.timeout(10):
            while not running.started:
                assert not task.done(), task.result()
                await asyncio.sleep(0.005)
        yield sock.getsockname()[1], running
    finally:
        running.should_exit = True
        async with asyncio.timeout(20):
            await task
        await backend.stop()
        sock.close()
