"""Roost: stateful Python agents that behave identically on every backend."""

from .author.action import Retry, action
from .author.agent import Agent
from .author.app import PUBLIC, App, Credentials
from .author.connection import Connection
from .author.kind import Empty
from .author.kv import KV
from .author.resource import Resource, resource
from .author.response import Response
from .author.schedule import Cron, Every, When
from .contract.address import Address
from .contract.caller import ANONYMOUS
from .contract.errors import (
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
from .contract.event import Event
from .contract.limits import Limits
from .contract.quotas import UNLIMITED, Quotas, Rate
from .contract.tenants import Tenants
from .contract.trigger import Caller, Request, Trigger

__version__ = "0.1.0"

__all__ = [
    "ANONYMOUS", "KV", "PUBLIC", "UNLIMITED", "Address", "Agent", "AgentError", "App", "Caller", "Conflict",
    "Connection", "Credentials", "Cron", "Empty", "Event", "Every", "LimitExceeded", "Limits", "NotFound",
    "NotSupported", "Quarantined", "Quotas", "Rate", "Rejected", "Request", "Resource", "Response", "Retry",
    "RoostError", "Tenants", "TransientError", "Trigger", "When", "action", "resource",
]  # fmt: skip
