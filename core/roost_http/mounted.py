"""ANY /agents/{kind}/{key}[/...]: the author's own HTTP, one tick a request."""

from __future__ import annotations

import re
from typing import Final

from roost.contract.caller import source_of
from roost.contract.errors import AgentError, NotFound
from roost.contract.trigger import Request, Trigger

from . import origin, path
from .answer import NO_SNIFF, Answer, fault
from .asgi import Header
from .exchange import Exchange

OURS: Final = frozenset(
    {"connection", "content-length", "date", "keep-alive", "server", "transfer-encoding", "upgrade"}
)
"""Headers that say how the answer is sent, which is the server's business."""
_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+\Z")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")


async def request(x: Exchange, raw: bytes) -> Answer:
    """Answer as `on_request` does."""
    parts = raw.split(b"/", 4)
    if len(parts) < 4 or not parts[2] or not parts[3]:
        raise path.no_route(raw)
    answer = origin.preflight(x.site.app, x.given)
    if answer is not None:
        return answer
    if x.method.encode() not in origin.SAFE:
        origin.refuse_foreign(x.site.app, x.given)
    x.address = path.mounted(x.site.app, parts[2], parts[3])
    rest = "/" + path.text(parts[4], "the path") if len(parts) == 5 else ""
    await x.admit("request")
    kind = x.site.app.kind(x.address.kind)
    if "on_request" not in kind.hooks:
        raise NotFound(f"{kind.name} does not answer HTTP requests: it has no on_request", code="no-on-request")
    payload = Request(
        x.method,
        rest,
        x.scope.get("query_string", b"").decode("latin-1"),
        tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in x.scope["headers"]),
        await x.body(x.runtime.limits.http_body),
    )
    result = await x.runtime.dispatch(x.address, Trigger("request", payload, None, source_of(x.caller), x.caller))
    result.raw()
    if result.response is None:
        raise fault(x.host, AssertionError("a request trigger without a response"), f"{x.address} on_request")
    status, headers, content = result.response
    try:
        return Answer(status, content, _headers(headers, keep_origin=not x.cors))
    except ValueError as error:
        hidden = fault(x.host, error, f"{x.address} on_request")
        raise AgentError(
            f"the agent's answer can't be sent; its log has the details under {hidden.id}", id=hidden.id
        ) from error


def _headers(given: list[tuple[str, str]], *, keep_origin: bool) -> list[Header]:
    out: list[Header] = []
    for name, value in given:
        name = name.lower()
        if not _NAME.match(name) or not _VALUE.match(value):
            raise ValueError(f"the header {name!r}: {value!r} is not one HTTP can carry")
        if name in OURS or (name == "access-control-allow-origin" and not keep_origin):
            continue
        out.append((name.encode("latin-1"), value.encode("latin-1")))
    if not any(name == NO_SNIFF[0] for name, _ in out):  # what an agent was given is not read as a page
        out.append(NO_SNIFF)
    return out
