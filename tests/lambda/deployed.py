"""The conformance app, deployed in an emulator of its own: once a test session, when first asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal

from roost_lambda.harness import LambdaHarness


@pytest.fixture(scope="session")
def deployed() -> Iterator[LambdaHarness]:
    """The template with the conformance app."""
    harness = LambdaHarness()
    with start_blocking_portal() as portal:

        async def start() -> None:
            await harness.start(restless=False)

        try:
            portal.call(start)
            yield harness
        finally:
            portal.call(harness.stop)
