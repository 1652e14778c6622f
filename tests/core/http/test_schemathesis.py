"""The document is kept: schemathesis tries every operation of it, and each answer is as documented."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .rig import ADMIN, rig, served

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
BY_DESIGN = {"counter.crash", "counter.busy", "counter.slow"}
"""Actions that answer 500 or 503, or never."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server in a thread: schemathesis is not async."""
    from roost.ports import Capabilities

    found: list[str] = []
    ready, done = threading.Event(), threading.Event()

    async def run() -> None:
        async with served(capabilities=Capabilities("test", sse_window=0.0)) as s:
            for path in ("counter/a", "named/a", "quiet/a"):
                action = {"counter": "increment", "named": "rename?", "quiet": "ping"}[path.partition("/")[0]]
                await s.http.post(f"/v1/agents/{path}/call/{action.rstrip('?')}", json={})
            found.append(s.url)
            ready.set()
            while not done.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    yield found[0]
    done.set()
    thread.join()


async def _document() -> dict[str, object]:
    async with rig() as r:
        found: dict[str, object] = (await r.http.get("/openapi.json")).json()
        return found


schema = schemathesis.openapi.from_dict(asyncio.run(_document()))


@schema.parametrize()
@settings(
    max_examples=12, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_every_operation(case: schemathesis.Case, url: str) -> None:
    operation = case.operation.definition.raw["operationId"]
    if operation in BY_DESIGN:
        return
    for headers in ({}, ADMIN):
        response = case.call(base_url=url, headers=headers, timeout=10)
        case.validate_response(response, checks=CHECKS)
