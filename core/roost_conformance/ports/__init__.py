"""The port suite: what every `Store` does, as plain coroutines with bare asserts.

No pytest, no clock, no sleep: it runs inside the runtime under test (workerd, a Lambda) as well as under pytest.
Give it a store with nothing in it of kinds that start with `port-`; where listings lag, one that waits them out.
"""

from . import commits, inbox, letters, lists, lives, log, outbox, races, sides, values
from .case import PORT_CASES, PortCase, port_case

__all__ = [
    "PORT_CASES",
    "PortCase",
    "commits",
    "inbox",
    "letters",
    "lists",
    "lives",
    "log",
    "outbox",
    "port_case",
    "races",
    "sides",
    "values",
]
