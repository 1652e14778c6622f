"""Errors the client itself finds: nobody there, no answer in time, an answer that is not Roost's.

Errors of httpx and websockets stop here. What the server says arrives as a problem document and becomes the
error it stands for; an answer of something else on the way (a proxy, a gateway) is judged by its status.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

import httpx

from roost.contract.errors import RETRYABLE, RoostError, TransientError, from_problem

CODES: Final[Mapping[int, str]] = {
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    423: "quarantined",
    500: "internal",
    501: "not-supported",
}
"""Codes of answers that carry none."""


def lost(message: str) -> TransientError:
    """The connection broke under a request: it may have run. A repeat needs an idempotency key."""
    return TransientError(message, code="connection-lost", retry_after=0.0)


def unreachable(message: str) -> TransientError:
    """Nobody answers at the address: nothing was sent."""
    return TransientError(message, code="unreachable", retry_after=0.0)


def timed_out(message: str) -> TransientError:
    """No answer in time: the request may have run, or run still."""
    return TransientError(message, code="timeout", retry_after=0.0)


def bad_answer(message: str) -> RoostError:
    """An answer that breaks the protocol; most likely something else listens at this address."""
    return RoostError(message, code="bad-answer", status=502)


def from_httpx(error: httpx.HTTPError, what: str) -> RoostError:
    """The error that stands for one of httpx's."""
    text = f"{what}: {error}" if str(error) else f"{what}: {type(error).__name__}"
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout() | httpx.ProxyError():
            return unreachable(text)
        case httpx.TimeoutException():
            return timed_out(text)
        case httpx.TransportError():
            return lost(text)
        case _:
            return bad_answer(text)


def from_status(status: int, headers: Mapping[str, str], body: bytes) -> RoostError:
    """The error of an HTTP answer that is no success. `Retry-After` counts if the document names no delay."""
    doc: dict[str, Any] = {}
    if "json" in headers.get("content-type", ""):
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if isinstance(found, dict):
            doc = cast("dict[str, Any]", found)
    if not isinstance(doc.get("code"), str):
        doc["code"] = code_of(status)
    if not (isinstance(doc.get("detail"), str) or isinstance(doc.get("title"), str)):
        text = body[:200].decode("utf-8", "replace").strip()
        doc["detail"] = f"HTTP {status}: {text}" if text else f"HTTP {status}"
    doc["status"] = status
    if doc.get("retry_after") is None:
        doc["retry_after"] = _seconds(headers.get("retry-after"))
    return from_problem(doc)


def code_of(status: int) -> str:
    """The code of an error known by its HTTP status only."""
    if status in CODES:
        return CODES[status]
    return f"http-{status}" if status < 500 or status in RETRYABLE else "internal"


def _seconds(text: str | None) -> float | None:
    """`Retry-After` in seconds; the date form is not used by Roost and counts as absent."""
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None
