"""The port suite: what every `Store` does, as plain coroutines with bare asserts.

No pytest, no clock, no sleep: it runs inside the runtime under test (workerd, a Lambda) as well as under pytest.
Give it a store with nothing in it of kinds that start with `port-`; where listings lag, one that waits them out.
"""

from . import (
    bells,
    commits,
    inbox,
    job_moves,
    job_races,
    job_streams,
    jobs,
    letters,
    lists,
    lives,
    log,
    outbox,
    races,
    rows,
    sides,
    values,
)
from .case import JOURNAL_CASES, PORT_CASES, PortCase, journal_case, port_case

__all__ = [
    "JOURNAL_CASES",
    "PORT_CASES",
    "PortCase",
    "bells",
    "commits",
    "inbox",
    "job_moves",
    "job_races",
    "job_streams",
    "jobs",
    "journal_case",
    "letters",
    "lists",
    "lives",
    "log",
    "outbox",
    "port_case",
    "races",
    "rows",
    "sides",
    "values",
]
