"""One workerd for all tests here: the conformance app, with a look into the objects' counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from roost_cloudflare.harness import ENTRY, TOKEN, packages
from roost_cloudflare.host import Workerd
from roost_cloudflare.stage import Stage, stage

COUNTED = """
from roost_cloudflare import interop
from roost_cloudflare.object import AwakeObject

class RoostAgent(RoostAgent):
    born = 0

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        type(self).born += 1

    async def fetch(self, request):
        if interop.url_of(request).endswith("/counts"):
            r = self._awake()
            text = f"{r.sql.statements} {r.sql.written} {r.alarms.sets} {type(self).born}"
            return interop.response(200, [], text.encode())
        if interop.url_of(request).endswith("/lose-alarm"):
            await interop.set_alarm(self.ctx, None)
            return interop.response(200, [], b"")
        return await super().fetch(request)
"""


@pytest.fixture(scope="session")
def workerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workerd]:
    folder = tmp_path_factory.mktemp("workerd")
    what = Stage(ENTRY.format(module="roost.testing.app") + COUNTED, packages(), {"ROOST_ADMIN_TOKEN": TOKEN})
    process = Workerd(stage(what, Path(folder)), Path(folder))
    with asyncio.Runner() as runner:
        try:
            runner.run(process.start())
            yield process
        finally:
            runner.run(process.stop())
