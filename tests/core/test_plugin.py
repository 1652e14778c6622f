"""The pytest plugin, as a project of its own runs it: plain pytest, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = """\
from pydantic import BaseModel
from roost import Agent, App, action

class Tally(BaseModel):
    count: int = 0

class Counter(Agent[Tally]):
    @action
    async def increment(self, by: int = 1) -> int:
        self.state.count += by
        return self.state.count

    @action
    async def remind(self, seconds: float) -> None:
        self.schedule("bell", seconds, self.increment, 10)

app = App([Counter])
"""


def pytest_in(folder: Path, source: str, *args: str, project: str = '[tool.roost]\napp = "main:app"\n') -> str:
    (folder / "main.py").write_text(APP)
    (folder / "pyproject.toml").write_text(f"{project}\n[tool.pytest.ini_options]\nfilterwarnings = ['error']\n")
    (folder / "test_it.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "roost.testing.plugin", "--strict-markers", *args],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT / "core")}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_the_fixture_and_coroutine_tests_need_nothing_else(tmp_path: Path) -> None:
    said = pytest_in(
        tmp_path,
        """\
import pytest
from main import Counter, app
from roost.testing import World, world as make

async def test_time_passes(world: World) -> None:
    await world.agent(Counter, "a").remind(3600)
    await world.crash()
    await world.advance(hours=1)
    assert (await world.state(Counter, "a"))["count"] == 10

async def test_each_test_has_its_own(world: World) -> None:
    assert await world.agent(Counter, "a").increment() == 1

async def test_without_the_fixture() -> None:
    async with make(app) as w:
        assert await w.agent(Counter, "a").increment() == 1

@pytest.mark.roost(seed=3, start=1e9, restless=True)
@pytest.mark.parametrize("by", [1, 2])
async def test_options(world: World, by: int) -> None:
    assert world.now == 1e9
    assert await world.agent(Counter, "a").increment(by) == by

class TestClass:
    async def test_method(self, world: World) -> None:
        assert await world.agent(Counter, "a").increment() == 1

async def test_fails(world: World) -> None:
    assert await world.agent(Counter, "a").increment() == 2

def test_plain() -> None:
    pass
""",
    )
    assert "1 failed, 7 passed" in said, said
    assert "assert 1 == 2" in said


def test_an_app_of_ones_own(tmp_path: Path) -> None:
    source = """\
import pytest
from main import Counter, app

@pytest.fixture
def roost_app():
    return app

async def test_it(world):
    assert await world.agent(Counter, "a").increment() == 1
"""
    assert "1 passed" in pytest_in(tmp_path, source, project="")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    said = pytest_in(tmp_path, "async def test_it(world):\n    pass\n", project="")
    assert "no app is named for `world`" in said and "1 error" in said
    said = pytest_in(tmp_path, "def test_it(world):\n    pass\n")
    assert "for coroutine tests" in said and "1 error" in said


def test_tests_of_other_plugins_are_theirs(tmp_path: Path) -> None:
    source = """\
import pytest

@pytest.mark.anyio
async def test_on_trio_or_asyncio(anyio_backend_name):
    assert anyio_backend_name == "asyncio"

@pytest.fixture
async def number():
    yield 5

@pytest.mark.anyio
async def test_with_a_fixture_of_theirs(number):
    assert number == 5

async def test_ours():
    import asyncio
    await asyncio.sleep(0)
"""
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    )
    assert "3 passed" in pytest_in(tmp_path, source)
    said = pytest_in(tmp_path, "import pytest\n\n@pytest.mark.anyio\nasync def test_it(world):\n    pass\n")
    assert "for coroutine tests that no other plugin runs" in said, said
