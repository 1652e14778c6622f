"""Roost: stateful Python agents that behave identically on every backend."""

from .action import Retry, action
from .address import Address
from .agent import Agent
from .app import App, Credentials
from .connection import Connection
from .errors import (
    AgentError,
    Conflict,
    LimitExceeded,
    NotFound,
    NotSupported,
    Quarantined,
    Rejected,
    RoostError,
    TransientError,
)
from .event import Event
from .kind import Empty
from .kv import KV
from .limits import Limits
from .resource import Resource, resource
from .response import Response
from .schedule import Cron, Every, When
from .trigger import Caller, Request, Trigger

__version__ = "0.1.0"

__all__ = [
    "KV", "Address", "Agent", "AgentError", "App", "Caller", "Conflict", "Connection", "Credentials", "Cron", "Empty",
    "Event", "Every", "LimitExceeded", "Limits", "NotFound", "NotSupported", "Quarantined", "Rejected", "Request",
    "Resource", "Response", "Retry", "RoostError", "TransientError", "Trigger", "When", "action", "resource",
]  # fmt: skip
