"""Chat agents: models, tools, approvals and sessions, each turn a job."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent import ChatAgent
    from .budget import Budget, Standing
    from .builtin import FetchTools, NotifyTools
    from .calls import source
    from .definitions.kinds import defined
    from .directory import ChatSessions
    from .durability import RoostDurability
    from .events import Event
    from .limits import ChatLimits
    from .may import session_may
    from .memory import Memories, MemoryTools
    from .models import CONFIGURED, Models, Provider, model
    from .policy import Policy
    from .purses import ChatBudgets
    from .records import Approval, Delegated, Message, Sent, SessionView, Settlement, TurnDone, Usage
    from .tools import Calling, run, tool

__all__ = [
    "CONFIGURED", "Approval", "Budget", "Calling", "ChatAgent", "ChatBudgets", "ChatLimits", "ChatSessions",
    "Delegated", "Event",
    "FetchTools", "Memories", "MemoryTools", "Message", "Models", "NotifyTools", "Policy", "Provider",
    "RoostDurability", "Sent", "SessionView", "Settlement", "Standing", "TurnDone", "Usage", "defined", "model", "run",
    "session_may", "source", "tool",
]  # fmt: skip

_WHERE = {
    "Approval": "records", "Budget": "budget", "CONFIGURED": "models", "Calling": "tools", "ChatAgent": "agent",
    "ChatBudgets": "purses", "ChatLimits": "limits", "Standing": "budget",
    "ChatSessions": "directory", "Delegated": "records", "Event": "events", "FetchTools": "builtin",
    "Memories": "memory", "MemoryTools": "memory", "Message": "records", "Models": "models", "NotifyTools": "builtin",
    "Policy": "policy", "Provider": "models", "RoostDurability": "durability", "Sent": "records",
    "SessionView": "records", "Settlement": "records", "TurnDone": "records", "Usage": "records",
    "defined": "definitions.kinds", "model": "models", "run": "tools", "session_may": "may",
    "source": "calls", "tool": "tools",
}  # fmt: skip
"""Names -> their modules: none of them is loaded before it is asked for, and pydantic-ai by turns alone."""


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return found
