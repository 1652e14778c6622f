"""Chat agents: models, tools, approvals and sessions, each turn a job."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .durability import RoostDurability

__all__ = ["RoostDurability"]

_WHERE = {"RoostDurability": "durability"}
"""Names -> their modules, which load pydantic-ai: only who asks for them does."""


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return found
