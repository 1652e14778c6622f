"""Until triggers stand in an agent's line."""

from __future__ import annotations

from roost_client import AgentHandle

from ..stage import Stage


async def waiting(stage: Stage, agent: AgentHandle, count: int) -> None:
    """Return once so many triggers wait for the agent, which exists and is busy."""

    async def probe() -> bool:
        return bool((await agent.status())["mailbox"] >= count)

    await stage.until(probe)
