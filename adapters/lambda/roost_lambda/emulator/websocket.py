"""API Gateway's WebSocket APIs as AWS has them. ministack runs the frames of a function one after the other,
takes any size and kind of frame and never ends a connection; here every frame is an invocation of its own, at
once, and the quotas hold.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import parse_qs

from . import inside

FRAME: Final = 32 << 10
"""Bytes of a frame from the client; a server behind ASGI sees whole messages, so one of many frames counts too."""
MESSAGE: Final = 128 << 10
"""Bytes of a message to the client."""
AT_ONCE: Final = 8
"""Frames whose invocations run at once, and handshakes; the rest wait in the order they came. AWS runs a thousand; each
of ours is a process on this machine."""
EACH: Final = 4
"""Of them, frames of one connection: many of one don't keep those of another waiting."""
TOO_BIG: Final = 1009
BINARY: Final = 1003
GOING_AWAY: Final = 1001


@dataclass(slots=True)
class Quotas:
    """Seconds a connection may be idle, and live."""

    idle: float = 600.0
    life: float = 7200.0


class Connection:
    """One client of a WebSocket API."""

    def __init__(self, api: str, stage: str, scope: dict[str, Any], receive: Any, send: Any, quotas: Quotas) -> None:
        self._api, self._stage, self._scope = api, stage, scope
        self._receive, self._send = receive, send
        self._quotas = quotas
        self._id = uuid.uuid4().hex[:15] + "="
        self._opened = time.time()
        self._running: set[asyncio.Future[None]] = set()
        self._turns = asyncio.Semaphore(EACH)
        _, self._account, self._region = inside.apigateway._api_owner(api)
        self._source = (scope.get("client") or ("127.0.0.1", 0))[0]
        self._all: dict[str, list[str]] = {}
        for k, v in scope["headers"]:
            self._all.setdefault(k.decode("latin-1").lower(), []).append(v.decode("latin-1"))
        self._headers = {k: v[-1] for k, v in self._all.items()}
        self._row: dict[str, Any] = {}

    async def serve(self) -> None:
        await self._receive()
        account = inside.responses._request_account_id.set(self._account)
        region = inside.responses._request_region.set(self._region)
        try:
            status = await self._connect()
            if not 200 <= status < 300:
                await self._refuse(status)
                return
            await self._send({"type": "websocket.accept"})
            await self._live()
        finally:
            inside.responses._request_region.reset(region)
            inside.responses._request_account_id.reset(account)

    async def _connect(self) -> int:
        query = parse_qs(self._scope.get("query_string", b"").decode(), keep_blank_values=True)
        event = {
            "headers": self._headers, "multiValueHeaders": self._all,
            "queryStringParameters": {k: v[-1] for k, v in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
        }  # fmt: skip
        async with _door:
            return _status(await self._invoke("$connect", "CONNECT", event))

    async def _refuse(self, status: int) -> None:
        if "websocket.http.response" not in (self._scope.get("extensions") or {}):
            await self._send({"type": "websocket.close", "code": 1008})
            return
        body = json.dumps({"message": "Forbidden" if status == 403 else "Internal server error"}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self._send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await self._send({"type": "websocket.http.response.body", "body": body})

    async def _live(self) -> None:
        ended = asyncio.Event()
        outbox: asyncio.Queue[str | None] = asyncio.Queue()
        self._row = {
            "apiId": self._api, "accountId": self._account, "stage": self._stage, "connectedAt": int(self._opened),
            "lastActiveAt": self._opened, "identity": {"sourceIp": self._source}, "outbox": outbox,
            "close_event": ended,
        }  # fmt: skip
        inside.apigateway._ws_connections[self._id] = self._row  # from now on @connections finds it
        sending = asyncio.ensure_future(self._drain(outbox))
        deleted = asyncio.ensure_future(ended.wait())
        receiving: asyncio.Future[Any] = asyncio.ensure_future(self._receive())
        code, theirs, reason = 1000, False, ""
        try:
            while True:
                await asyncio.wait({receiving, deleted}, timeout=self._left(), return_when=asyncio.FIRST_COMPLETED)
                if receiving.done():
                    message = receiving.result()
                    if message["type"] == "websocket.disconnect":
                        code, theirs, reason = message.get("code") or 1005, True, message.get("reason") or ""
                        break
                    wrong = self._wrong(message)
                    if wrong:
                        code = wrong
                        break
                    self._row["lastActiveAt"] = time.time()
                    task = asyncio.ensure_future(self._message(message["text"]))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
                    receiving = asyncio.ensure_future(self._receive())
                elif deleted.done():
                    break
                elif self._left() <= 0:
                    code = GOING_AWAY
                    break
        finally:
            inside.apigateway._ws_connections.pop(self._id, None)
            await outbox.put(None)
            await sending
            receiving.cancel()
            deleted.cancel()
            if not theirs:
                await self._send(
                    {"type": "websocket.close", "code": code, "reason": "Going away" if code == 1001 else ""}
                )
        told = {"disconnectStatusCode": code, "disconnectReason": reason}
        await self._invoke("$disconnect", "DISCONNECT", {}, told)

    def _left(self) -> float:
        """Seconds until a quota ends the connection."""
        now = time.time()
        active: float = self._row["lastActiveAt"]
        return min(active + self._quotas.idle, self._opened + self._quotas.life) - now

    def _wrong(self, message: dict[str, Any]) -> int | None:
        text = message.get("text")
        if text is None:
            return BINARY
        return TOO_BIG if len(text.encode()) > FRAME else None

    async def _drain(self, outbox: asyncio.Queue[str | None]) -> None:
        while (text := await outbox.get()) is not None:
            self._row["lastActiveAt"] = time.time()
            await self._send({"type": "websocket.send", "text": text})

    async def _message(self, text: str) -> None:
        """One invocation of $default. Nothing is awaited before it: frames overtake each other, as on AWS."""
        message = {"messageId": uuid.uuid4().hex[:15] + "="}
        async with self._turns, _gate:
            result = await self._invoke("$default", "MESSAGE", {"body": text}, message)
        if not 200 <= _status(result) < 300:
            failure = {"message": "Internal server error", "connectionId": self._id, "requestId": str(uuid.uuid4())}
            await self._row["outbox"].put(json.dumps(failure))

    async def _invoke(
        self, route: str, kind: str, event: dict[str, Any], more: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        found = inside.apigateway._match_ws_route(self._api, route)
        target = found["target"].rpartition("/")[2]
        integration = inside.apigateway._integrations.get(self._api, {})[target]
        ref = inside.apigateway._extract_lambda_ref_from_integration_uri(integration["integrationUri"])
        code, config, _ = inside.functions._get_func_record_for_ref_in_scope(
            ref, account_id=self._account, region=self._region
        )
        now = time.time()
        context = {
            "routeKey": route, "eventType": kind, "messageDirection": "IN", "stage": self._stage, "apiId": self._api,
            "connectionId": self._id, "connectedAt": int(self._opened * 1000), "requestId": str(uuid.uuid4()),
            "extendedRequestId": str(uuid.uuid4()), "requestTimeEpoch": int(now * 1000),
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "domainName": f"{self._api}.execute-api.{self._region}.amazonaws.com",
            "identity": {"sourceIp": self._source, "userAgent": self._headers.get("user-agent", "")}, **(more or {}),
        }  # fmt: skip
        return await inside.invoke((code, config), {"requestContext": context, "isBase64Encoded": False, **event})


def _status(result: dict[str, Any]) -> int:
    """The status that a function answered; 502: it answered none."""
    answer: Any = result.get("body")
    if result.get("error") or result.get("throttle") or not isinstance(answer, dict):
        return 502
    return int(cast("dict[str, Any]", answer).get("statusCode", 502))


_gate, _door = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AT_ONCE)


async def serve(api: str, stage: str, scope: dict[str, Any], receive: Any, send: Any, quotas: Quotas) -> None:
    """Serve one connection to the WebSocket API with that id."""
    if scope["path"].strip("/") != stage:
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await Connection(api, stage, scope, receive, send, quotas).serve()
