"""One origin in front of a deployed stack, as CloudFront is where the stack has a domain: HTTP goes to the Function
URL, WebSockets at /{stage} to the WebSocket API.

Control, on ministack's own port: `PUT /_edge` with {"url", "function", "api", "stage"} says what stands behind it;
with "idle" and "life" too, the quotas of connections. That port is for who knows the secret of the run (gate.py).
"""

from __future__ import annotations

import json
from typing import Any

from . import function_url, gate, websocket


class Edge:
    """An ASGI application: everything at `port` is the stack's, the rest is `beside`'s (ministack's own)."""

    def __init__(self, beside: Any, port: int) -> None:
        self._beside = beside
        self._port = port
        self._behind: dict[str, str] = {}
        self._quotas = websocket.Quotas()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._beside(scope, receive, send)
        elif (scope.get("server") or ("", 0))[1] != self._port:
            await self._own(scope, receive, send)
        elif not gate.is_here([v.decode("latin-1") for k, v in scope["headers"] if k.lower() == b"host"]):
            await self._foreign(kind, receive, send)
        elif not self._behind:
            await self._nothing(kind, receive, send)
        elif kind == "http":
            await function_url.serve(self._behind["url"], self._behind["function"], scope, receive, send)
        else:
            await websocket.serve(self._behind["api"], self._behind["stage"], scope, receive, send, self._quotas)

    async def _own(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ministack's own port: the AWS APIs, and control."""
        if scope["type"] != "http":  # the sockets of a stack are at its own port
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        why = gate.refusal(scope["headers"])
        if why is not None:
            await gate.refuse(send, 403, "not-signed", why)
        elif scope["path"] == "/_edge" and scope["method"] == "PUT":
            await self._set(receive, send)
        else:
            await self._beside(scope, receive, gate.without_cors(send))

    async def _foreign(self, kind: str, receive: Any, send: Any) -> None:
        if kind == "http":
            why = "the emulator answers to this machine's own names only: localhost, *.localhost, 127.0.0.1, [::1]"
            await gate.refuse(send, 421, "bad-host", why)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _set(self, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        given = json.loads(body)
        self._behind = {k: given[k] for k in ("url", "function", "api", "stage")}
        self._quotas.idle = given.get("idle", self._quotas.idle)
        self._quotas.life = given.get("life", self._quotas.life)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def _nothing(self, kind: str, receive: Any, send: Any) -> None:
        if kind == "http":
            headers = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": b"nothing is deployed yet\n"})
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1013})
