"""What an agent is given besides its state: config and resources."""

from __future__ import annotations

import asyncio

from ..case import case
from ..probes.refusal import refusal
from ..stage import Stage


@case("resource", "config and resources are there in on_start, in actions and in readonly ones; secrets don't show")
async def config_and_resources_are_there(stage: Stage) -> None:
    async with stage.agent("furnished") as furnished:
        assert await furnished.call("glance") is True
        seen = await furnished.call("tour")
        assert seen == ["hello True", "hello", "**********", True], seen
        await stage.evict("furnished", furnished.address.key)
        assert await furnished.call("tour") == seen


@case("resource", "a resource that can't be opened fails each call, and hangs none")
async def broken_resource_fails_the_call(stage: Stage) -> None:
    async with stage.agent("unfurnished") as unfurnished:
        async with asyncio.timeout(10):
            for action in ("tour", "glance", "tour"):
                error = await refusal(unfurnished.call(action, timeout=3))
                assert error.code == "agent-error" and error.id and "hunter2" not in error.message, repr(error)
            await refusal(unfurnished.state(), "no-agent")
