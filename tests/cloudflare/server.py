"""Any app in workerd for tests, from the folder that `roost bundle cloudflare` would deploy."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from roost.hosting.platform import Serving
from roost_cli.gather import gather
from roost_cli.project import Project
from roost_cloudflare.emulator import WorkerdEmulator

ROOT = Path(__file__).parents[2]


@contextmanager
def serve(app: str, data: Path) -> Generator[str]:
    """The URL of `module:app` below this repository; its last lines are printed when the block fails."""
    said: deque[str] = deque(maxlen=50)
    serving = Serving(0, data, "operator-of-these-tests", {}, said.append)
    emulator = WorkerdEmulator(gather(Project(ROOT), app), serving)
    with asyncio.Runner() as runner:
        try:
            yield runner.run(emulator.start())
        except BaseException:
            print("\n".join(said))  # noqa: T201
            raise
        finally:
            runner.run(emulator.stop())
