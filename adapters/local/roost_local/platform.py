"""The local server as the command line sees it: alone, over memory, and under the rules of a platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from roost.hosting.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from roost.author.app import App
    from roost_conformance.harness import Harness
    from roost_server.options import Options


class LocalPlatform(Platform):
    """`roost serve` over one SQLite file."""

    name = "local"

    def serve(self, app: App, options: Options, ready: Callable[[str], None]) -> Coroutine[Any, Any, None]:
        """Serve until SIGTERM or SIGINT. `ready` gets the URL once requests are taken."""
        from .serve import serve

        return serve(app, options, ready)

    def harness(self) -> Harness:
        from .harness import LocalHarness

        return LocalHarness()


class MemoryPlatform(Platform):
    """The same server over a store that lives as long as it; `emulate`: under the rules of that platform."""

    def __init__(self, name: str, emulate: str | None = None) -> None:
        self.name = name
        self._emulate = emulate

    def harness(self) -> Harness:
        from .harness import MemoryHarness

        return MemoryHarness(self._emulate)


LOCAL: Final = LocalPlatform()
MEMORY: Final = MemoryPlatform("memory")
EMULATED_CLOUDFLARE: Final = MemoryPlatform("emulated-cloudflare", "cloudflare")
EMULATED_LAMBDA: Final = MemoryPlatform("emulated-lambda", "lambda")
