"""Who may speak to the emulator. Runs inside it, without Roost.

Whoever reaches the AWS APIs can run code as the developer, so they are for who knows the secret of this run: it is the
access key id that every request of an AWS SDK names. A page may know nothing and send requests all the same, which
browsers mark: a request with an Origin, a Sec-Fetch header or a host that is not this machine is none of ours.
"""

from __future__ import annotations

import hmac
import json
import os
import re
from collections.abc import Iterable
from typing import Any, Final

VARIABLE: Final = "ROOST_EMULATOR_KEY"
_HOST: Final = re.compile(
    r"(?:\[::1\]|127(?:\.[0-9]{1,3}){3}|(?:[a-z0-9_-]+\.)*localhost)\.?(?::[0-9]{1,5})?\Z", re.IGNORECASE
)
_CREDENTIAL: Final = re.compile(r"AWS4-HMAC-SHA256 +Credential=([^/,\s]+)/")
PAGE: Final = ("origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")


def key() -> str:
    """The access key id of this run."""
    return os.environ[VARIABLE]


def is_here(hosts: list[str]) -> bool:
    """Whether a request names this machine, and once."""
    return len(hosts) == 1 and _HOST.match(hosts[0]) is not None


def is_of_a_page(names: Iterable[str]) -> bool:
    """Whether a browser sent it for a page. `names`: of its headers, in lower case."""
    return not frozenset(PAGE).isdisjoint(names)


def refusal(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Why a request to the AWS APIs is refused; None: it is let in."""
    found = [(k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in headers]
    if is_of_a_page(name for name, _ in found):
        return "no page may speak to the emulator's AWS APIs"
    if not is_here([value for name, value in found if name == "host"]):
        return "the emulator's AWS APIs answer to this machine's own names only"
    given = [value for name, value in found if name == "authorization"]
    signed = _CREDENTIAL.match(given[0]) if len(given) == 1 else None
    if signed is None or not hmac.compare_digest(signed[1].encode(), key().encode()):
        return "sign the request with the access key id of this run, which `roost dev --on aws-emulator` prints"
    return None


async def refuse(send: Any, status: int, code: str, detail: str) -> None:
    """Answer with a problem document."""
    doc = {"type": f"urn:roost:error:{code}", "title": "Refused", "status": status, "detail": detail, "code": code}
    headers = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    body = json.dumps(doc).encode()
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def without_cors(send: Any) -> Any:
    """`send`, but no answer lets a page read it."""

    async def sent(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kept = [(k, v) for k, v in message.get("headers", ()) if not k.lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return sent
