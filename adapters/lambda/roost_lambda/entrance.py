"""Where the stack has a domain, only what came through it is answered: CloudFront adds a secret to each request.

AWS's own addresses of the Function URL and the WebSocket API stay reachable, past a WAF and limits of the domain.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic_core import to_json

from roost.contract.errors import Rejected, problem

HEADER: Final = "x-roost-origin-secret"
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def passed(headers: Mapping[str, str], secret: str | None) -> dict[str, str]:
    """The headers without the secret, which no app needs to see. `secret` None: there is no domain. Rejected 403."""
    rest = {name: value for name, value in headers.items() if name != HEADER}
    if secret is not None and not hmac.compare_digest(headers.get(HEADER, "").encode(), secret.encode()):
        raise Rejected("this deployment answers at its own domain only", code="bad-entrance", status=403)
    return rest


def viewer(headers: Mapping[str, str], source: str) -> str:
    """The remote address of who came through the domain. `source`: that of the edge, which AWS may have added too; what
    stands before the last address that is not it, the client may have written itself."""
    hops = [hop.strip() for hop in headers.get("x-forwarded-for", "").split(",")]
    return next((hop for hop in reversed(hops) if hop and hop != source), source)


def guarded(handle: Handler, secret: str | None) -> Handler:
    """A handler of Function URL events that looks first."""
    if secret is None:
        return handle

    def looking(event: dict[str, Any], context: Any) -> dict[str, Any]:
        try:
            headers = passed(event.get("headers") or {}, secret)
        except Rejected as error:
            kept = {"content-type": "application/problem+json", "cache-control": "no-store"}
            kept["x-content-type-options"] = "nosniff"
            return {"statusCode": error.status, "headers": kept, "body": to_json(problem(error)).decode()}
        return handle({**event, "headers": headers, **_context(event, headers)}, context)

    return looking


def _context(event: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """The event's context with the viewer for its client: quotas and the auth hook go by that address."""
    found: Mapping[str, Any] = event.get("requestContext") or {}
    http: Mapping[str, Any] = found.get("http") or {}
    if "sourceIp" not in http:
        return {}
    client = viewer(headers, str(http["sourceIp"]))
    return {"requestContext": {**found, "http": {**http, "sourceIp": client}}}
