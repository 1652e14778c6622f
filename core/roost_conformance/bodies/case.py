"""The body of a job on the host's own interpreter: CPython and Pyodide alike, it takes the same path again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

from .again import every_life

PROGRAMS: Final = range(0, 300, 15)


async def body_replays() -> None:
    """A random asyncio program, killed after any fact, goes on by the same path."""
    loop = asyncio.get_running_loop()
    noise = Random(33)
    for seed in PROGRAMS:
        done: asyncio.Future[int] = loop.create_future()

        def run(seed: int = seed, done: asyncio.Future[int] = done) -> None:
            try:
                done.set_result(every_life(seed, noise))
            except BaseException as error:
                done.set_exception(error)

        loop.call_soon(run)
        assert await done > 0


BODY_CASES: Final[dict[str, Callable[[], Awaitable[None]]]] = {"body-replays": body_replays}
"""What an interpreter must do for the bodies of jobs, whatever the store: by name, as the port suite has its cases."""
