"""The routes under /v1, by the number of their segments and their verb."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from . import agents, events, jobs, operate, streams, tickets
from .answer import Answer
from .exchange import Exchange

Handler = Callable[[Exchange], Awaitable[Answer | None]]


@dataclass(frozen=True, slots=True)
class Route:
    """`admin`: for operators only; all others are for whom the auth hook lets in. `quiet`: the audit log does not name
    it: a look, or nothing durable changes. What monitors look at each minute must not push out what was done."""

    handler: Handler
    admin: bool = False
    quiet: bool = False

    @property
    def what(self) -> str:
        """As the audit log calls it."""
        return self.handler.__name__.replace("restore", "import").replace("_", "-")


async def _hot(x: Exchange) -> Answer:
    raise AssertionError("the surface answers calls itself")


Methods = Mapping[str, Route]

AUDIT: Final = Route(events.events, admin=True, quiet=True)

DEPLOYMENT: Final[Mapping[bytes, Methods]] = {
    b"audit": {"GET": AUDIT},
    b"tickets": {"POST": Route(tickets.ticket)},
}
"""/v1/{name}"""

LIST: Final[Methods] = {"GET": Route(agents.agents)}
"""/v1/agents"""

AGENT: Final[Methods] = {"GET": Route(agents.status), "DELETE": Route(operate.destroy, admin=True)}
"""/v1/agents/{kind}/{key}"""

VERBS: Final[Mapping[bytes, Methods]] = {
    b"state": {"GET": Route(agents.state)},
    b"events": {"GET": Route(events.events)},
    b"dead-letters": {
        "GET": Route(agents.dead_letters, admin=True, quiet=True),
        "POST": Route(agents.redrive, admin=True),
        "DELETE": Route(operate.purge_dead, admin=True),
    },
    b"jobs": {"GET": Route(jobs.jobs)},
    b"questions": {"GET": Route(jobs.questions)},
    b"letters": {"GET": Route(operate.letters, admin=True, quiet=True), "DELETE": Route(operate.purge, admin=True)},
    b"disconnect": {"POST": Route(operate.disconnect, admin=True)},
    b"hibernate": {"POST": Route(operate.hibernate, admin=True, quiet=True)},
    b"export": {"GET": Route(operate.export, admin=True), "PUT": Route(operate.restore, admin=True)},
    b"migrate": {"POST": Route(operate.migrate, admin=True)},
    b"reset": {"POST": Route(operate.reset, admin=True)},
}
"""/v1/agents/{kind}/{key}/{verb}"""

NAMED: Final[Mapping[bytes, Methods]] = {
    b"tell": {"POST": Route(agents.tell)},
    b"call": {"POST": Route(_hot)},
    b"start": {"POST": Route(jobs.start)},
    b"jobs": {"GET": Route(jobs.job)},
    b"questions": {"POST": Route(jobs.answer)},
    b"streams": {"GET": Route(streams.streams)},
}
"""/v1/agents/{kind}/{key}/{verb}/{name}: of an action, a job or a question. The surface
answers calls before it looks here."""

JOB: Final[Mapping[bytes, Methods]] = {
    b"cancel": {"POST": Route(jobs.cancel)},
    b"hold": {"POST": Route(jobs.hold, admin=True)},
    b"resume": {"POST": Route(jobs.resume, admin=True)},
    b"restart": {"POST": Route(jobs.restart, admin=True)},
}
"""/v1/agents/{kind}/{key}/jobs/{id}/{verb}"""

STREAM: Final[Methods] = {"GET": Route(streams.stream)}
"""/v1/agents/{kind}/{key}/streams/{job}/{name}"""

SIGNAL: Final[Methods] = {"POST": Route(jobs.signal)}
"""/v1/agents/{kind}/{key}/jobs/{id}/signals/{name}"""


def find(parts: list[bytes], more: Mapping[bytes, Methods]) -> Methods | None:
    """The methods of a path cut at its slashes (the first segment is empty); None when there is nothing there.
    `more`: verbs besides ours."""
    count = len(parts)
    if count == 3:
        return LIST if parts[2] == b"agents" else DEPLOYMENT.get(parts[2])
    if count < 5 or parts[2] != b"agents" or not parts[3] or not parts[4]:
        return None
    if count == 5:
        return AGENT
    if count == 6:
        return VERBS.get(parts[5]) or more.get(parts[5])
    if count == 7 and parts[6]:
        return NAMED.get(parts[5])
    if count == 8 and parts[5] == b"jobs" and parts[6]:
        return JOB.get(parts[7])
    if count == 8 and parts[5] == b"streams" and parts[6] and parts[7]:
        return STREAM
    if count == 9 and parts[5:8:2] == [b"jobs", b"signals"] and parts[6] and parts[8]:
        return SIGNAL
    return None


def is_call(raw: bytes) -> bool:
    """Has the path the segments of a call?"""
    parts = raw.split(b"/") if raw.startswith(b"/v1/agents/") else ()
    return len(parts) == 7 and parts[5] == b"call" and all(parts[3:])


def allow(methods: Methods) -> list[str]:
    """The header Allow."""
    found = set(methods)
    if "GET" in found:
        found.add("HEAD")
    return sorted(found)
