"""Chat agents: models, tools, approvals and sessions, each turn a job."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent import ChatAgent
    from .calls import source
    from .directory import ChatSessions
    from .durability import RoostDurability
    from .events import Event
    from .may import session_may
    from .models import CONFIGURED, Models, Provider, model
    from .policy import Policy
    from .records import Approval, Delegated, Message, Sent, SessionView, Settlement, TurnDone, Usage
    from .tools import Calling, run, tool

__all__ = [
    "CONFIGURED", "Approval", "Calling", "ChatAgent", "ChatSessions", "Delegated", "Event",
    "Message", "Models", "Policy", "Provider", "RoostDurability", "Sent", "SessionView",
    "Settlement", "TurnDone", "Usage", "model", "run", "session_may", "source", "tool",
]  # fmt: skip

_WHERE = {
    "Approval": "records", "CONFIGURED": "models", "Calling": "tools",
    "ChatAgent": "agent", "ChatSessions": "directory", "Delegated": "records", "Event": "events", "Message": "records",
    "Models": "models", "Provider": "models", "model": "models",
    "Policy": "policy", "RoostDurability": "durability", "Sent": "records", "SessionView": "records",
    "Settlement": "records", "TurnDone": "records", "Usage": "records", "run": "tools", "source": "calls",
    "session_may": "may", "tool": "tools",
}  # fmt: skip
"""Names -> their modules: none of them is loaded before it is asked for, and pydantic-ai by turns alone."""


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return found
