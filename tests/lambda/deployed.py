"""Apps deployed in an emulator of their own; the conformance app once a test session, when first asked for."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from anyio.from_thread import start_blocking_portal

from roost.hosting.platform import Project
from roost_lambda.harness import LambdaHarness


@pytest.fixture(scope="session")
def deployed() -> Iterator[LambdaHarness]:
    """The template with the conformance app."""
    with deployment() as harness:
        yield harness


@contextmanager
def deployment(project: Project | None = None) -> Generator[LambdaHarness]:
    """The template with an app; None: the conformance app."""
    harness = LambdaHarness(project=project)
    with start_blocking_portal() as portal:

        async def start() -> None:
            await harness.start(restless=False)

        try:
            portal.call(start)
            yield harness
        finally:
            portal.call(harness.stop)
