"""Resources: opened once for all who wake together, held and closed in one task, and no reason to hang."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import anyio
import anyio.abc
import pytest
from pydantic import BaseModel

from roost import Agent, App, action, resource
from roost.contract.errors import AgentError, TransientError
from roost.testing import world

pytestmark = pytest.mark.anyio
seen: list[str] = []


class Slow:
    """What takes a while to open."""


@resource
async def slow() -> AsyncIterator[Slow]:
    seen.append("opening")
    await asyncio.sleep(0)
    if "fails" in seen:
        raise SystemExit("not today")
    yield Slow()
    seen.append("closed")


@resource
async def group() -> AsyncIterator[anyio.abc.TaskGroup]:
    async with anyio.create_task_group() as found:
        yield found
        found.cancel_scope.cancel()
    seen.append("group closed")


@resource
async def never() -> AsyncIterator[Slow]:
    await asyncio.Event().wait()
    yield Slow()


@resource
async def sticky() -> AsyncIterator[Slow]:
    yield Slow()
    await asyncio.Event().wait()


class Limits(BaseModel):
    names: list[str] = ["one"]
    step: int = 1


class User(Agent):
    slow = slow

    @action
    async def use(self) -> bool:
        return type(self.slow) is Slow


class Grouped(Agent):
    group = group

    @action
    async def begin(self, fails: bool = False) -> None:
        async def work() -> None:
            seen.append("worked")
            if fails:
                raise ValueError("a child of the group")

        self.group.start_soon(work)


class Hopeless(Agent):
    never = never

    @action
    async def use(self) -> None:
        """Is never reached."""


class Sticky(Agent):
    sticky = sticky

    @action
    async def use(self) -> bool:
        return type(self.sticky) is Slow


class Nothing(BaseModel):
    pass


class Configured(Agent[Nothing, Limits]):
    @action
    async def change(self) -> list[str]:
        self.config.names.append("two")
        self.config.step = 5
        return self.config.names

    @action
    async def look(self) -> list[object]:
        return [self.config.names, self.config.step]


@pytest.fixture(autouse=True)
def fresh() -> None:
    seen.clear()


async def test_agents_that_wake_together_open_it_once() -> None:
    async with world(App([User])) as w:
        assert all(await asyncio.gather(*(w.agent(User, f"{i}").use() for i in range(5))))
        assert seen == ["opening"]
    assert seen == ["opening", "closed"]


async def test_a_failure_is_tried_again() -> None:
    seen.append("fails")
    async with world(App([User])) as w:
        for found in await asyncio.gather(*(w.agent(User, f"{i}").use() for i in range(3)), return_exceptions=True):
            assert isinstance(found, AgentError) and found.id, found
        assert seen == ["fails", "opening"]
        seen.clear()
        assert await w.agent(User, "0").use()


async def test_a_task_group_is_left_in_the_task_that_entered_it() -> None:
    async with world(App([Grouped])) as w:
        await w.agent(Grouped, "a").begin()
        await w.settle()
        assert seen == ["worked"]
    assert seen == ["worked", "group closed"]


async def test_a_resource_that_died_is_opened_anew() -> None:
    async with world(App([Grouped])) as w:
        agent = w.agent(Grouped, "a")
        await agent.begin(fails=True)
        await w.settle()
        with pytest.raises(AgentError, match="not open"):
            await agent.begin()
        await agent.begin()
        await w.settle()
        assert seen == ["worked", "worked"]


async def test_one_that_never_opens_or_closes_holds_nobody_for_ever() -> None:
    async with world(App([Hopeless, Sticky])) as w:
        assert await w.agent(Sticky, "a").use()
        waiting = asyncio.ensure_future(w.agent(Hopeless, "a").use())
        await w.advance(seconds=60)
        with pytest.raises(TransientError):
            await waiting


async def test_a_config_is_an_agents_own() -> None:
    async with world(App([Configured])) as w:
        assert await w.agent(Configured, "a").change() == ["one", "two"]
        assert await w.agent(Configured, "b").look() == [["one"], 1]
