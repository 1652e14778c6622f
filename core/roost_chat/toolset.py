"""The tools of a chat agent as pydantic-ai's agent sees them. They run in the body, which makes a step of each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_ai.tools import RunContext, ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, ToolsetTool
from pydantic_core import SchemaValidator, core_schema

if TYPE_CHECKING:
    from .turn import Turn

ANY = SchemaValidator(core_schema.any_schema())
"""Arguments are checked where the call's outcome is kept: what is wrong with them is its outcome."""


class Tools(AbstractToolset[None]):
    """Of one turn."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    @property
    def id(self) -> str:
        return "roost-chat"

    async def get_tools(self, ctx: RunContext[None]) -> dict[str, ToolsetTool[None]]:
        agent = self._turn.agent
        return {
            name: ToolsetTool(
                toolset=self,
                tool_def=ToolDefinition(
                    name=name, description=tool.description, parameters_json_schema=tool.schema(),
                    sequential=False,
                ),
                max_retries=0,
                args_validator=ANY,
            )
            for name, tool in agent.chat_tools.items()
            if agent.policy.of(name) != "deny"
        }  # fmt: skip

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[None], tool: ToolsetTool[None]
    ) -> Any:
        return await self._turn.use(name, ctx.tool_call_id or "")
