"""What all tests share.

Async tests run on anyio's own pytest plugin: mark a module with `pytestmark = pytest.mark.anyio`. With `-n` each
process starts the servers that its tests ask for.
"""

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from .lanes import Lanes, folder_of, place
from .patience import bounded, limit_of

# How long an example takes says how busy the machine is.
settings.register_profile("roost", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("roost")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    with bounded(limit_of(item)):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, Any]:
    with bounded(limit_of(item)):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    with bounded(limit_of(item)):
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, so that no process is left with a long one at the end."""
    items.sort(key=lambda item: place(folder_of(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    return Lanes(config, log)
