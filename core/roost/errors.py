"""Every error that Roost raises, under its public name."""

from .contract.errors import (
    ERRORS,
    LIMIT_STATUS,
    PROBLEM_TYPE,
    RETRYABLE,
    TITLES,
    AgentError,
    Conflict,
    Fenced,
    LimitExceeded,
    NotFound,
    NotSupported,
    Quarantined,
    Rejected,
    RoostError,
    TransientError,
    Unknown,
    from_problem,
    problem,
)

__all__ = [
    "ERRORS", "LIMIT_STATUS", "PROBLEM_TYPE", "RETRYABLE", "TITLES", "AgentError", "Conflict", "Fenced",
    "LimitExceeded", "NotFound", "NotSupported", "Quarantined", "Rejected", "RoostError", "TransientError", "Unknown",
    "from_problem", "problem",
]  # fmt: skip
