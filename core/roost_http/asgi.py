"""The ASGI types, and reading a request's body.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol, TypeAlias

from roost.contract.errors import LimitExceeded

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]


class Whole(Protocol):
    """A server's own way for an answer that is there as a whole: an attribute of what `send` is a method of, so that
    whoever wraps `send` still sees all that is sent."""

    def __call__(self, status: int, headers: Sequence[Header], body: bytes, /) -> bool:
        """The headers say the length, in lower case, and hold nothing that a client gave. False: nothing was sent."""
        ...


def whole(send: Send) -> Whole | None:
    """None: the server has no such way."""
    found: Whole | None = getattr(getattr(send, "__self__", None), "answer_whole", None)
    return found


class Left(Exception):
    """The client went away before its request was whole. Nothing happened, nobody waits for an answer."""


async def read(receive: Receive, limit: int, length: bytes | None, name: str = "http_body") -> bytes:
    """The body. LimitExceeded `name` as soon as it is known to be too long; the rest is not read."""
    if length is not None and len(length) < 20 and length.isdigit() and int(length) > limit:
        raise too_long(limit, name)
    at_once: Callable[[], bytes | None] | None = getattr(getattr(receive, "__self__", None), "body_at_once", None)
    if at_once is not None and (whole_body := at_once()) is not None:  # a server's own way, as `Whole` for answers
        if len(whole_body) > limit:
            raise too_long(limit, name)
        return whole_body
    message = await receive()
    if message["type"] != "http.request":
        raise Left
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > limit:
            raise too_long(limit, name)
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        if size > limit:
            raise too_long(limit, name)
        message = await receive()
        if message["type"] != "http.request":
            raise Left
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    if size > limit:
        raise too_long(limit, name)
    return b"".join(parts)


def too_long(limit: int, name: str) -> LimitExceeded:
    return LimitExceeded(f"the body has more than {limit} bytes, which is the limit", limit=name, status=413)
