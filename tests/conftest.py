"""What all tests share.

Async tests run on anyio's own pytest plugin: mark a module with `pytestmark = pytest.mark.anyio`. With `-n` each
process starts the servers that its tests ask for.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is.
settings.register_profile("roost", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("roost")

TESTS = Path(__file__).parent
LONGEST = ("cloudflare", "lambda", "kills", "conformance", "simulation")
"""Begun first, so that no process is left with a long one at the end."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def folder(item: pytest.Item) -> str:
        return item.path.relative_to(TESTS).parts[0]

    items.sort(key=lambda item: LONGEST.index(folder(item)) if folder(item) in LONGEST else len(LONGEST))
