"""The case's side of a `ringer` agent: what is on its list, what has rung, and when."""

from __future__ import annotations

from typing import Any

from roost_client import AgentHandle

from ..stage import Stage


async def rings(stage: Stage, ringer: AgentHandle, count: int) -> list[str]:
    """What has rung, once it is that many."""

    async def probe() -> list[str]:
        found: list[str] = (await ringer.state())["rings"]
        return found if len(found) >= count else []

    found: list[str] = await stage.until(probe)
    return found


async def schedule(ringer: AgentHandle, key: str) -> dict[str, Any]:
    """One line of the agent's list of schedules; {} when it is not there."""
    lines: list[dict[str, Any]] = (await ringer.status())["schedules"]
    return next((line for line in lines if line["key"] == key), dict[str, Any]())


async def rung_at(ringer: AgentHandle) -> list[float]:
    """The time of the tick of each ring."""
    return [event.data["now"] async for event in ringer.events(kinds=["ring"], follow=False)]
