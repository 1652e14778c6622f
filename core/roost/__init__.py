"""Roost: stateful Python agents that behave identically on every backend."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from .author.asking import Answer
    from .author.job import JobDone, job
    from .author.job_errors import Fatal, QuestionExpired, StepFailed, StepUnknown
    from .author.job_method import JobRef
    from .author.job_stream import JobStream
    from .author.run import Cancelled, Run
    from .author.step import step

__version__ = "0.1.0"

__all__ = [
    "ANONYMOUS", "KV", "PUBLIC", "UNLIMITED", "Address", "Agent", "AgentError", "Answer", "App", "Caller", "Cancelled",
    "Conflict", "Connection", "Credentials", "Cron", "Empty", "Event", "Every", "Fatal", "JobDone", "JobRef",
    "JobStream", "LimitExceeded", "Limits", "NotFound", "NotSupported", "Quarantined", "QuestionExpired", "Quotas",
    "Rate", "Rejected", "Request", "Resource", "Response", "Retry", "RoostError", "Run", "StepFailed", "StepUnknown",
    "Tenants", "TransientError", "Trigger", "When", "action", "job", "resource", "step",
]  # fmt: skip

_JOBS = {
    "Answer": "asking", "Cancelled": "run", "Fatal": "job_errors", "JobDone": "job", "JobRef": "job_method",
    "JobStream": "job_stream",
    "QuestionExpired": "job_errors", "Run": "run", "StepFailed": "job_errors", "StepUnknown": "job_errors",
    "job": "job", "step": "step",
}  # fmt: skip
"""Names that only apps with jobs load."""


def __getattr__(name: str) -> Any:
    module = _JOBS.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".author.{module}", __name__), name)
    return found
