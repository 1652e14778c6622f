"""PostgreSQL as the command line sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from roost.hosting.platform import Platform, lacking

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from roost.author.app import App
    from roost_conformance.harness import Harness
    from roost_server.options import Options


class PostgresPlatform(Platform):
    """`roost serve --store postgres://...`."""

    name = "postgres"

    def serve(self, app: App, options: Options, ready: Callable[[str], None]) -> Coroutine[Any, Any, None]:
        """Serve until SIGTERM or SIGINT. `ready` gets the URL once requests are taken."""
        try:
            from .serve import serve
        except ModuleNotFoundError as error:
            if error.name != "asyncpg":
                raise
            raise lacking(self.name, error.name) from error
        return serve(app, options, ready)

    def harness(self) -> Harness:
        try:
            from .harness import PostgresHarness
        except ModuleNotFoundError as error:
            if error.name != "asyncpg":
                raise
            raise lacking(self.name, error.name) from error
        return PostgresHarness()


POSTGRES: Final = PostgresPlatform()
