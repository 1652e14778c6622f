"""The document is kept: schemathesis tries every operation of it, and each answer is as documented."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUntypedFunctionDecorator=false
# pyright: reportUnknownParameterType=false, reportMissingTypeArgument=false, reportArgumentType=false
# (schemathesis leaves its types open)

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

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

from roost.ports import Capabilities

from .rig import ADMIN, rig, served

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
BY_DESIGN = {"counter.crash", "counter.busy", "counter.reject", "counter.slow"}
"""Actions that may answer 500 or 503."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server in a thread: schemathesis is not async."""
    found: list[str] = []
    ready = threading.Event()
    stop: list[Callable[[], object]] = []

    async def run() -> None:
        async with served(capabilities=Capabilities("test", sse_window=0.0, jobs=True)) as s:
            loop, done = asyncio.get_running_loop(), asyncio.Event()
            stop.append(lambda: loop.call_soon_threadsafe(done.set))
            found.append(s.url)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert ready.wait(10)
    yield found[0]
    stop[0]()
    thread.join()


async def _document() -> dict[str, object]:
    async with rig() as r:
        found: dict[str, object] = (await r.http.get("/openapi.json")).json()
        return found


schema = schemathesis.openapi.from_dict(asyncio.run(_document()))


@schema.parametrize()
@settings(
    max_examples=5, derandomize=True, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
def test_every_operation(case: schemathesis.Case[Any], url: str) -> None:
    operation = case.operation.definition.raw["operationId"]
    if operation in BY_DESIGN:
        return
    for headers in ({}, ADMIN):
        response = case.call(base_url=url, headers=headers, timeout=10)
        case.validate_response(response, checks=CHECKS)
