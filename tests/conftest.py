"""Async tests run on anyio's own pytest plugin: mark a module with `pytestmark = pytest.mark.anyio`."""

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
