"""Lambda Function URLs as AWS has them: the path and the query as they were sent, payload format 2.0.

ministack decodes both and so loses what a key may hold ("/", "?", "%2F").
Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from typing import Any, Final, cast

from . import inside

LIMIT: Final = 6 << 20
"""Bytes of a request or a response: Lambda's payload quota."""
AT_ONCE: Final = 20
"""Requests whose invocations run at once; the rest wait. AWS runs a thousand; each of ours is a process here."""
TEXT: Final = ("application/json", "application/xml", "application/javascript")
HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"})


async def serve(url: str, function: str, scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer one request of the Function URL with that id."""
    body = await _read(receive)
    if body is None:
        await _answer(send, 413, {"content-type": "application/json"}, [], b'{"Message":"Request must be smaller"}')
        return
    region = "us-east-1"  # of every stack here; ministack forgets Function URLs when it is restored, so not by `url`
    code, config, _ = inside.functions._get_func_record_for_ref_in_scope(
        function, account_id="000000000000", region=region
    )
    async with _gate:
        result = await inside.invoke((code, config), event(url, region, scope, body))
    if result.get("throttle"):
        await _answer(send, 429, {"content-type": "application/json"}, [], b'{"Reason":"Rate exceeded"}')
        return
    if result.get("error"):
        await _answer(send, 502, {"content-type": "text/plain"}, [], b"Internal Server Error")
        return
    returned: Any = result.get("body")
    answer: dict[str, Any] = cast("dict[str, Any]", returned) if isinstance(returned, dict) else {}
    if "statusCode" not in answer:  # whatever else is returned is the body, as JSON
        answer = {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(returned)}
    text: str = answer.get("body") or ""
    data = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
    if len(json.dumps(answer)) > LIMIT:
        await _answer(send, 502, {"content-type": "text/plain"}, [], b"Internal Server Error")
        return
    given: dict[str, Any] = answer.get("headers") or {}
    headers = {k.lower(): str(v) for k, v in given.items()}
    await _answer(send, int(answer["statusCode"]), headers, answer.get("cookies") or [], data)


def event(url: str, region: str, scope: dict[str, Any], body: bytes) -> dict[str, Any]:
    """The event of one request."""
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name not in HOP or name == "content-length":
            text = value.decode("latin-1")
            headers[name] = f"{headers[name]},{text}" if name in headers else text
    cookies = [c.strip() for c in headers.pop("cookie", "").split(";") if c.strip()]
    domain = f"{url}.lambda-url.{region}.on.aws"
    source = (scope.get("client") or ("127.0.0.1", 0))[0]
    headers |= {"x-forwarded-for": source, "x-forwarded-port": "443", "x-forwarded-proto": "https"}
    path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
    now = time.time()
    made: dict[str, Any] = {
        "version": "2.0", "routeKey": "$default", "rawPath": path,
        "rawQueryString": scope["query_string"].decode("latin-1"), "headers": headers,
        "requestContext": {
            "accountId": "anonymous", "apiId": url, "domainName": domain, "domainPrefix": url,
            "http": {
                "method": scope["method"], "path": path, "protocol": "HTTP/1.1", "sourceIp": source,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()), "routeKey": "$default", "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)), "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }  # fmt: skip
    if cookies:
        made["cookies"] = cookies
    if body:
        kind = headers.get("content-type", "").split(";", 1)[0].strip().lower()
        plain = kind.startswith("text/") or kind in TEXT
        try:
            text = body.decode() if plain else None
        except UnicodeDecodeError:
            text = None
        made["isBase64Encoded"] = text is None
        made["body"] = base64.b64encode(body).decode() if text is None else text
    return made


_gate = asyncio.Semaphore(AT_ONCE)


async def _read(receive: Any) -> bytes | None:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        size += len(message.get("body", b""))
        if size <= LIMIT:
            parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts) if size <= LIMIT else None


async def _answer(send: Any, status: int, headers: dict[str, str], cookies: list[str], body: bytes) -> None:
    fields = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items() if k not in HOP]
    fields += [(b"set-cookie", c.encode("latin-1")) for c in cookies]
    if status not in (204, 304):
        length = headers.get("content-length", str(len(body))) if not body else str(len(body))
        fields.append((b"content-length", length.encode()))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})
