"""The conformance harness: `roost serve --store` as a user runs it, over a PostgreSQL of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from roost_conformance.process import APP, ServeHarness

from .backend import POSTGRES
from .scratch import scratch


class PostgresHarness(ServeHarness):
    """One worker. `crash` is kill -9 and another process, which waits until the first is marked dead."""

    capabilities = POSTGRES

    def __init__(self, environment: Mapping[str, str] | None = None, *, app: str = APP, version: int = 18) -> None:
        super().__init__(environment, app=app)
        self._version = version
        self._stack = ExitStack()
        self.dsn = ""

    def stored(self) -> Sequence[str]:
        return "--store", self.dsn

    async def start(self, *, restless: bool) -> None:
        self.dsn = self._stack.enter_context(scratch(self._version, "fsync=off")).dsn
        await super().start(restless=restless)

    async def stop(self) -> None:
        try:
            await super().stop()
        finally:
            self.free()

    def free(self) -> None:
        """End its PostgreSQL."""
        self._stack.close()
        self._stack = ExitStack()
