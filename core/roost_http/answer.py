"""Answers: one status, a few headers, one body; and problem documents (RFC 9457) for every error."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final, cast

from pydantic_core import to_json

from roost.contract.errors import LimitExceeded, RoostError
from roost.contract.quotas import Rate, left, policy
from roost.contract.result import problem_bytes
from roost.ports import Host

from .asgi import Header, Send

JSON: Final[Header] = (b"content-type", b"application/json")
PROBLEM: Final[Header] = (b"content-type", b"application/problem+json")
EVENTS: Final[Header] = (b"content-type", b"text/event-stream")
NO_STORE: Final[Header] = (b"cache-control", b"no-store")
NO_SNIFF: Final[Header] = (b"x-content-type-options", b"nosniff")
REFUSED_TOKEN: Final = frozenset({"invalid-token", "expired"})
"""Codes of a 401 that is about a token that was sent."""
_SAYABLE: Final = frozenset(map(chr, range(0x20, 0x7F))) - {'"', "\\"}
BODILESS: Final = frozenset({204, 304})
"""Statuses that have no body and no content-length (RFC 9110, 8.6)."""


@dataclass(slots=True)
class Answer:
    """What is sent, the content-length left out."""

    status: int
    body: bytes
    headers: list[Header] = field(default_factory=lambda: [JSON, NO_STORE, NO_SNIFF])


def as_json(data: Any, status: int = 200) -> Answer:
    """`data` as compact JSON."""
    return Answer(status, to_json(data, inf_nan_mode="null"))


def as_problem(error: RoostError, allow: Sequence[str] = ()) -> Answer:
    """The problem document of an error, with the headers its status asks for."""
    if not 400 <= error.status <= 599:  # an author may reject with any number
        error = RoostError(error.message, code=error.code, data=error.data, id=error.id, retry_after=error.retry_after)
    headers: list[Header] = [PROBLEM, NO_STORE, NO_SNIFF]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % max(0, ceil(error.retry_after))))
    if isinstance(error, LimitExceeded) and error.limit.startswith("quota_"):
        headers += rate_fields(error)
    if error.status == 401:
        headers.append((b"www-authenticate", _challenge(error)))
    if allow:
        headers.append((b"allow", ", ".join(allow).encode()))
    return Answer(error.status, problem_bytes(error), headers)


def _challenge(error: RoostError) -> bytes:
    """RFC 6750, 3: who sent no token is told only that one is wanted; who sent one that does not hold, why."""
    if error.code not in REFUSED_TOKEN:
        return b"Bearer"
    why = "".join(c for c in error.message[:200] if c in _SAYABLE)
    return f'Bearer error="invalid_token", error_description="{why}"'.encode()


def rate_fields(error: LimitExceeded) -> list[Header]:
    """RateLimit-Policy and RateLimit of a quota that is used up."""
    found: Any = error.data
    if not isinstance(found, dict) or "seconds" not in found:
        return []
    given, name = cast("dict[str, Any]", found), error.limit.removeprefix("quota_")
    rate = Rate(given["limit"], given["seconds"])
    used_up = left(name, 0, error.retry_after or 0)
    return [(b"ratelimit-policy", policy(name, rate).encode()), (b"ratelimit", used_up.encode())]


async def reply(send: Send, answer: Answer, more: Sequence[Header] = (), *, head: bool = False) -> None:
    """Send an answer whole; of one to HEAD the head only. Nobody minds when the client has left."""
    headers = [*answer.headers, *more]
    body = answer.body
    if answer.status in BODILESS:
        body = b""
    else:
        headers.append(length(body))
    try:
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if head else body})
    except OSError:  # ASGI: "servers should raise a subclass of OSError" when the client has gone
        pass


def length(body: bytes) -> Header:
    """The header Content-Length."""
    return b"content-length", b"%d" % len(body)


def fault(host: Host, error: BaseException, what: str) -> RoostError:
    """An error nobody foresaw: the log gets it all, the caller an id."""
    id = f"{host.entropy():016x}"
    logging.getLogger("roost").error("%s failed [%s]", what, id, exc_info=error)
    return RoostError(f"the server failed; its log has the details under {id}", id=id)
