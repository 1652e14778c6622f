"""The committed state of an agent that need not exist."""

from __future__ import annotations

from typing import Any

from roost.contract.errors import RoostError
from roost_client import AgentHandle


async def committed(agent: AgentHandle) -> Any:
    """The state as last committed; None where there is no agent."""
    try:
        return await agent.state()
    except RoostError as error:
        if error.code != "no-agent":
            raise
        return None
