"""The emulator of a test session, and the conformance app deployed in it: each started once, when first asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal

from roost_lambda.emulator.environment import environments
from roost_lambda.emulator.process import Ministack
from roost_lambda.harness import LambdaHarness


@pytest.fixture(scope="session")
def aws() -> Iterator[Ministack]:
    """An empty ministack."""
    emulator = Ministack(environments(print))
    with start_blocking_portal() as portal:
        portal.call(emulator.start)
        try:
            yield emulator
        finally:
            portal.call(emulator.stop)


@pytest.fixture(scope="session")
def aws_endpoint(request: pytest.FixtureRequest) -> str:
    """Where the AWS APIs are; ROOST_AWS names an emulator that runs already."""
    found = os.environ.get("ROOST_AWS")
    if found is None:
        aws: Ministack = request.getfixturevalue("aws")
        found = os.environ["ROOST_AWS"] = aws.endpoint  # for the hosts that tests start
    return found


@pytest.fixture(scope="session")
def deployed() -> Iterator[LambdaHarness]:
    """The template with the conformance app, in an emulator of its own."""
    harness = LambdaHarness()
    with start_blocking_portal() as portal:

        async def start() -> None:
            await harness.start(restless=False)

        portal.call(start)
        try:
            yield harness
        finally:
            portal.call(harness.stop)
