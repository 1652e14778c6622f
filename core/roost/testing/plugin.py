"""For pytest: coroutine tests run as they are, and `world` is the project's app under a virtual clock.

    async def test_counts(world: World) -> None:
        assert await world.agent(Counter, "a").increment() == 1

A coroutine test is run here only if nobody else has claimed it: not those of anyio, pytest-asyncio or trio, whose marks
and modes go first. `@pytest.mark.roost(seed=3, restless=True)` hands options of `roost.testing.world` to the fixture.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
import tomllib
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from ..author.app import App
    from .world import World

OTHERS: Final = ("anyio", "asyncio", "trio", "tornado_asyncio", "twisted")
"""Marks of plugins that run coroutine tests themselves."""
MARK: Final = (
    "roost(seed=0, start=..., restless=False, config=None, http=None, idle_after=10.0, faults=None): options of the "
    "fixture `world`, as of roost.testing.world"
)
_RUNNER: Final = pytest.StashKey[asyncio.Runner]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)


def is_ours(item: pytest.Item) -> bool:
    """Whether a test is a coroutine that no other plugin runs."""
    return (
        type(item) is pytest.Function  # a subclass is the sign of another plugin: of pytest-asyncio, of unittest
        and inspect.iscoroutinefunction(item.obj)
        and all(item.get_closest_marker(name) is None for name in OTHERS)
    )


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test on the loop of its world, or on one of its own."""
    if not is_ours(pyfuncitem):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    test = pyfuncitem.obj(**{name: value for name, value in pyfuncitem.funcargs.items() if name in names})
    runner = pyfuncitem.stash.get(_RUNNER, None)
    if runner is not None:
        runner.run(test)
    else:
        asyncio.run(test)
    return True


@pytest.fixture
def roost_app(request: pytest.FixtureRequest) -> App:
    """The app of `world`: [tool.roost] app of the project. A project with several has a fixture of this name."""
    from ..author.app import App

    root = request.config.rootpath
    path = root / "pyproject.toml"
    table: Any = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    named = table.get("tool", {}).get("roost", {}).get("app")
    if not isinstance(named, str):
        pytest.fail(f"no app is named for `world`: write [tool.roost] app in {path}, or a fixture `roost_app`", False)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    module, _, attribute = named.partition(":")
    found: Any = importlib.import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, App):
        pytest.fail(f"[tool.roost] app: {named} is no App", False)
    return found


@pytest.fixture
def world(request: pytest.FixtureRequest, roost_app: App) -> Iterator[World]:
    """All of Roost under a virtual clock, for one coroutine test."""
    from .world import world as make

    item: Any = request.node
    if not is_ours(item):
        pytest.fail(
            "`world` is for coroutine tests that no other plugin runs: write `async def`, without a mark or mode of "
            "anyio or pytest-asyncio; or make one there: `async with roost.testing.world(app) as w:`",
            False,
        )
    mark = item.get_closest_marker("roost")
    options: dict[str, Any] = {} if mark is None else mark.kwargs
    with asyncio.Runner() as runner:
        item.stash[_RUNNER] = runner
        context: AbstractAsyncContextManager[World] = make(roost_app, **options)
        yield runner.run(_enter(context))
        runner.run(_leave(context))


async def _enter(context: AbstractAsyncContextManager[World]) -> World:
    return await context.__aenter__()


async def _leave(context: AbstractAsyncContextManager[World]) -> None:
    await context.__aexit__(None, None, None)
