"""Runs inside the emulator's environment: `serve.py FD EDGE_FD`, two listening sockets that the parent bound.

The first is ministack's own port (the AWS APIs), the second the deployed stack's.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import socket
import sys
from typing import Any


async def serve(own: int, front: int) -> None:
    """Until SIGTERM."""
    with socket.socket(fileno=os.dup(front)) as probe:
        port: int = probe.getsockname()[1]
    ministack: Any = importlib.import_module("ministack.app")
    from . import shims
    from .edge import Edge

    shims.install()
    config = importlib.import_module("hypercorn.config").Config()
    config.bind = [f"fd://{own}", f"fd://{front}"]
    config.keep_alive_timeout = 75
    config.backlog = 1024
    config.graceful_timeout = 1
    config.loglevel = "WARNING"
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    run = importlib.import_module("hypercorn.asyncio").serve
    await run(Edge(ministack.app, port), config, shutdown_trigger=ended.wait)


def main() -> None:
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
