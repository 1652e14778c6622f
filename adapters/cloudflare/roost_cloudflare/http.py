"""HTTP: a request of the platform through the shared ASGI surface.

The SDK's own bridge (`workers.asgi`) makes a queue, a task and a lifespan round for every request; on a call
that is one durable row, that costs more than the call. This does the same for what Roost needs: one crossing for
the head, one for the body when it is asked for, one for the answer.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from roost_http.answer import as_problem
from roost_http.asgi import ASGIApp

from . import interop
from .patience import Patience

PULSE = 4.0
"""Seconds between two comments."""
DRAIN = 16 << 20
"""Bytes of a refused body that are taken in; who sends more is cut off."""
WHOLE = 64 << 10
"""Bytes of a body whose length was said, up to which it is read in one crossing. Longer ones, and those without a
length, come piece by piece: whoever reads them stops at its limit, and the rest never enters memory; and it is seen
whether they go on."""
BODILESS = frozenset({101, 204, 205, 304})


class Head:
    """The first part of a request."""

    __slots__ = ("fields", "headers", "host", "method", "path", "query", "request", "scheme", "upgrade")

    def __init__(self, request: interop.Js) -> None:
        self.request = request
        self.method, url, found = interop.head_of(request)
        self.headers: list[tuple[str, str]] = [(k, v) for k, v in found]
        self.fields = fields = dict(self.headers)
        self.scheme, _, rest = url.partition("://")
        rest = rest.partition("#")[0]
        front, _, self.query = rest.partition("?")
        self.host, slash, path = front.partition("/")
        self.path = slash + path or "/"
        self.upgrade = fields.get("upgrade", "").lower() == "websocket"

    @property
    def body(self) -> bool:
        """There may be one: asking for it costs a turn of the loop. That a body is chunked the platform hides."""
        return self.method not in ("GET", "HEAD") or self.fields.get("content-length", "0") != "0"

    @property
    def whole(self) -> bool:
        """The body is known to be small."""
        length = self.fields.get("content-length", "")
        return length.isdecimal() and len(length) < 10 and int(length) <= WHOLE

    @property
    def streams(self) -> bool:
        """The answer may have to go out while it is made: events, or whatever the author's own app does."""
        return (
            not self.path.startswith(("/v1/", "/agents/"))
            or "text/event-stream" in self.fields.get("accept", "")
            or self.path.endswith("/events")
        )

    def scope(self) -> dict[str, Any]:
        headers = [(k.encode("utf-8"), v.encode("utf-8")) for k, v in self.headers]
        client = self.fields.get("cf-connecting-ip")
        path = unquote(self.path) if "%" in self.path else self.path
        return {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1",
            "method": self.method, "scheme": self.scheme, "path": path, "raw_path": self.path.encode(),
            "query_string": self.query.encode(), "root_path": "", "headers": headers, "server": (self.host, None),
            "client": None if client is None else (client, 0),
        }  # fmt: skip


class RequestAnswer:
    """One request and its answer."""

    __slots__ = (
        "_asked", "_chunks", "_gone", "_head", "_headers", "_parts", "_patience", "_status", "_stream", "begun", "ready"
    )  # fmt: skip

    def __init__(self, head: Head) -> None:
        self._head = head
        self._asked = False
        """All of the body was read."""
        self._chunks: interop.Chunks | None = None
        self._patience: Patience | None = None
        """Once the body was waited for."""
        self._status = 500
        self._headers: list[tuple[str, str]] = []
        self._parts: list[bytes] = []
        self._stream: interop.Stream | None = None
        self._gone = interop.aborted(head.request) if head.streams else None
        self.ready: interop.Js = None
        """The platform's answer, once its head is known."""
        self.begun: asyncio.Future[None] | None = None
        """Somebody waits for that."""

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            try:
                body = await self._read()
            except OSError:
                self._asked = True
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": body, "more_body": not self._asked}
        if self._stream is not None:
            await self._stream.left(self._gone)
        elif self.begun is not None:
            await asyncio.shield(self.begun)
        return {"type": "http.disconnect"}

    async def _read(self) -> bytes:
        """The body, or its next piece."""
        head = self._head
        if not head.body:
            self._asked = True
            return b""
        patience = self._patience
        if patience is None:
            patience = self._patience = Patience(int(head.fields["content-length"]) if head.whole else 0)
        try:
            if self._chunks is None and head.whole:
                self._asked = True
                return await patience.wait(interop.body_of(head.request))
            if self._chunks is None:
                self._chunks = interop.Chunks(head.request)
            piece = await patience.wait(self._chunks.next())
            self._asked = piece is None
            patience.came(len(piece or b""))
            return piece or b""
        finally:
            if self._asked:
                patience.end()

    async def drain(self) -> None:
        """Take in a body that was refused unread: answered before it has come, the platform cuts the connection and
        a client that is still sending never sees why."""
        if self._asked or not self._head.body:
            if self._patience is not None:
                self._patience.end()
            return
        self._asked = True
        patience = self._patience = self._patience or Patience(0)
        size = 0
        with suppress(OSError):
            chunks = self._chunks or interop.Chunks(self._head.request)
            while size < DRAIN and (data := await patience.wait(chunks.next())) is not None:
                size += len(data)
                patience.came(len(data))
        patience.end()

    def answered(self) -> interop.Js:
        """The answer; where there is none because the body did not come, that."""
        if self.ready is not None:
            return self.ready
        if self._patience is None or not self._patience.late:
            raise RuntimeError("the app gave no answer")
        found = as_problem(self._patience.refusal())
        headers = [(k.decode(), v.decode()) for k, v in found.headers]
        return interop.response(found.status, headers, found.body)

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in message["headers"]]
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._stream is None and not more:
            bodiless = self._status in BODILESS or self._head.method == "HEAD"
            self._begin(interop.response(self._status, self._headers, None if bodiless else body))
            return
        if self.begun is None:  # nobody streams this: the pieces go out as one
            self._parts.append(body)
            if not more:
                self._begin(interop.response(self._status, self._headers, b"".join(self._parts)))
            return
        if self._stream is None:
            self._stream = interop.Stream(self._status, self._headers)
            self._begin(self._stream.response)  # pyright: ignore[reportUnknownMemberType]
            if ("content-type", "text/event-stream") in self._headers:
                keep(asyncio.ensure_future(self._pulse(self._stream)))
        if body:
            await self._stream.write(body)
        if not more:
            await self._stream.close()

    async def _pulse(self, stream: interop.Stream) -> None:
        """Comments between events: the platform sees that a reader has left only when something is sent to it."""
        with suppress(OSError):
            while stream.open:
                await interop.pause(PULSE)
                if stream.open:
                    await stream.write(b":\n\n")

    def _begin(self, response: interop.Js) -> None:
        self.ready = response
        if self.begun is not None and not self.begun.done():
            self.begun.set_result(None)


async def answer(app: ASGIApp, head: Head) -> interop.Js:
    """The app's answer to a request; one that streams goes on after this returns."""
    turn = RequestAnswer(head)
    if not head.streams:
        await app(head.scope(), turn.receive, turn.send)
        await turn.drain()
        return turn.answered()
    begun = turn.begun = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(app(head.scope(), turn.receive, turn.send))
    await asyncio.wait([task, begun], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    else:
        keep(task)
    return turn.answered()


def keep(task: asyncio.Future[None]) -> None:
    _running.add(task)
    task.add_done_callback(_running.discard)


_running: set[asyncio.Future[None]] = set()
"""Answers being streamed: the loop itself keeps no task alive."""
