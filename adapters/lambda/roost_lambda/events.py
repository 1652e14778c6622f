"""The events of a WebSocket API, and the one that Connect sends on. Standard library only: $connect is answered
before anything else is loaded.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

OURS: Final = ("agent", "name", "_pk", "__agents_transport")
"""As in roost.sockets.admission, which is not loaded for it."""
GREET: Final = "roost.greet"
"""Marks the asynchronous invocation that follows $connect."""
RESUME: Final = "roost.resume"
"""Marks the one that follows an invocation which ran out of time before its frames."""


@dataclass(frozen=True, slots=True)
class Opened:
    """$connect. Header names are lower-case, values of a repeated one joined by commas; of a repeated query parameter
    the last counts."""

    cid: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    client: str
    doubled: Sequence[str] = ()
    """Fields of the query that are ours and were given twice."""


@dataclass(frozen=True, slots=True)
class Framed:
    """$default: one text frame."""

    cid: str
    text: str
    opened: float = 0.0
    """When its connection was, in epoch seconds; 0: not said."""


@dataclass(frozen=True, slots=True)
class Closed:
    """$disconnect."""

    cid: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Frames of this connection wait for an invocation."""

    cid: str


def opened(event: Mapping[str, Any]) -> Opened:
    """The handshake of a CONNECT event."""
    context = event["requestContext"]
    sent: Mapping[str, Any] = event.get("headers") or {}
    asked: Mapping[str, Any] = event.get("queryStringParameters") or {}
    headers = {k.lower(): str(v) for k, v in sent.items()}
    several: Mapping[str, Any] = event.get("multiValueHeaders") or {}
    headers |= {k.lower(): ", ".join(map(str, v)) for k, v in several.items() if len(v) > 1}
    query = {k: str(v) for k, v in asked.items()}
    many: Mapping[str, Any] = event.get("multiValueQueryStringParameters") or {}
    doubled = tuple(name for name in OURS if len(many.get(name) or ()) > 1)
    source = str(context.get("identity", {}).get("sourceIp", ""))
    return Opened(context["connectionId"], query, headers, source, doubled)


def follow_up(handshake: Opened) -> dict[str, Any]:
    """The event of the invocation that greets."""
    return {"type": GREET, "opened": asdict(handshake)}


def resume(cid: str) -> dict[str, Any]:
    """The event of the invocation that runs what waits."""
    return {"type": RESUME, "cid": cid}


def decode(event: Mapping[str, Any]) -> Opened | Framed | Resumed | Closed:
    """What happened. ValueError: an event of another kind."""
    if event.get("type") == GREET:
        handshake: dict[str, Any] = {**event["opened"], "doubled": tuple(event["opened"].get("doubled", ()))}
        return Opened(**handshake)
    if event.get("type") == RESUME:
        return Resumed(event["cid"])
    context: Mapping[str, Any] = event.get("requestContext") or {}
    kind, cid = context.get("eventType"), str(context.get("connectionId", ""))
    if kind == "MESSAGE":
        return Framed(cid, str(event.get("body") or ""), float(context.get("connectedAt") or 0) / 1000)
    if kind == "DISCONNECT":
        code, reason = context.get("disconnectStatusCode"), context.get("disconnectReason")
        return Closed(cid, int(code or 1005), str(reason or ""))
    if kind == "CONNECT":
        return opened(event)
    raise ValueError(f"not an event of a WebSocket API: {sorted(event)}")
