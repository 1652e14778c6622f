"""Calls past ASGI answer byte for byte what they answer through it, and go past it exactly where they may."""

from __future__ import annotations

import asyncio
import re
from random import Random
from typing import Any

import pytest
from pydantic import BaseModel

from roost import Agent, App, action
from roost.author.app import Credentials
from roost.contract.errors import LimitExceeded, Rejected
from roost.contract.trigger import Caller
from roost_http.call import Calls
from roost_server import server as servers
from roost_server.direct import Direct

from .inside import inside


class Tally(BaseModel):
    count: int = 0


class Counted(Agent[Tally]):
    kind = "counted"

    @action
    async def add(self, by: int = 1) -> int:
        self.state.count += by
        return self.state.count

    @action
    async def nothing(self) -> None:
        self.state.count = 0

    @action
    async def slow(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "slow"

    @action
    async def add_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.state.count += 1

    @action(readonly=True)
    async def get(self) -> int:
        return self.state.count

    @action
    async def echo(self, value: Any) -> Any:
        return value

    @action
    async def fails(self) -> None:
        raise ValueError("not this")

    @action
    async def refuses(self, status: int) -> None:
        raise Rejected("no", code="no-such-luck", status=status, data={"why": "ünïcode"})

    @action
    async def busy(self) -> None:
        raise LimitExceeded("too much", limit="busy", retry_after=1.5)

    @action(timeout=0.05)
    async def late(self) -> None:
        await asyncio.sleep(5)


def request(
    what: str, body: bytes = b"{}", *lines: str, verb: str = "POST", version: str = "1.1", host: str = "127.0.0.1",
    root: str = "/v1/agents/counted",
) -> bytes:  # fmt: skip
    head = [f"{verb} {root}/{what} HTTP/{version}", f"Host: {host}", f"Content-Length: {len(body)}", *lines]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


JSON = "Content-Type: application/json"
REQUESTS = {
    "a call": request("a/call/add", b'{"args":[2]}', JSON),
    "again": request("a/call/add", b'{"args":[2]}', JSON),
    "without a body": request("a/call/add", b""),
    "by name": request("a/call/add", b'{"kwargs":{"by":5}}'),
    "None": request("a/call/nothing"),
    "read": request("a/call/get"),
    "waits": request("a/call/slow", b'{"args":[0.01]}'),
    "text": request("a/call/echo", '{"args":["☃ \\u2603"]}'.encode()),
    "a key": request("a/call/add", b'{"args":[1]}', "Idempotency-Key: one"),
    "the key again": request("a/call/add", b'{"args":[1]}', "Idempotency-Key: one"),
    "the key, other arguments": request("a/call/add", b'{"args":[2]}', "Idempotency-Key: one"),
    "no key": request("a/call/add", b"{}", "Idempotency-Key: \xff"),
    "two keys": request("a/call/add", b"{}", "Idempotency-Key: a", "Idempotency-Key: b"),
    "fails": request("a/call/fails"),
    "refuses": request("a/call/refuses", b'{"args":[418]}'),
    "no status": request("a/call/refuses", b'{"args":[9]}'),
    "401": request("a/call/refuses", b'{"args":[401]}'),
    "busy": request("a/call/busy"),
    "late": request("a/call/late"),
    "unknown action": request("a/call/none"),
    "no action": request("a/call/state"),
    "unknown kind": request("a/call/add", root="/v1/agents/nobody"),
    "no such key": request("%00/call/add"),
    "a long key": request("k" * 3000 + "/call/add"),
    "an escaped key": request("a%2Fb/call/add"),
    "half a character": request("%ff/call/add"),
    "wrong arguments": request("a/call/add", b'{"args":["x"]}'),
    "too many arguments": request("a/call/add", b'{"args":[1,2]}'),
    "no JSON": request("a/call/add", b"{"),
    "NaN": request("a/call/add", b'{"args":[NaN]}'),
    "an array": request("a/call/add", b"[]"),
    "another member": request("a/call/add", b'{"arg":[]}'),
    "no object": request("a/call/add", b'{"kwargs":[]}'),
    "deep": request("a/call/echo", b'{"args":[' + b"[" * 300 + b"]" * 300 + b"]}"),
    "long": request("a/call/echo", b'{"args":["' + b"x" * 300_000 + b'"]}'),
    "too long": request("a/call/echo", b'{"args":["' + b"x" * 6_000_000 + b'"]}'),
    "a form": request("a/call/add", b"{}", "Content-Type: application/x-www-form-urlencoded"),
    "XML": request("a/call/add", b"{}", "Content-Type: text/xml"),
    "a foreign page": request("a/call/add", b"{}", "Origin: https://evil.example"),
    "a page that may": request("a/call/add", b"{}", "Origin: https://good.example"),
    "a page that may, refused": request("a/call/none", b"{}", "Origin: https://good.example"),
    "cross-site": request("a/call/add", b"{}", "Sec-Fetch-Site: cross-site"),
    "another host": request("a/call/add", host="evil.example"),
    "two hosts": request("a/call/add", b"{}", "Host: other"),
    "a token": request("a/call/add", b"{}", "Authorization: Bearer test"),
    "a wrong token": request("a/call/add", b"{}", "Authorization: Bearer wrong"),
    "a time": request("a/call/slow", b'{"args":[5]}', "Roost-Timeout: 0.05"),
    "no time": request("a/call/add", b"{}", "Roost-Timeout: soon"),
    "a stream": request("a/call/add", b"{}", "Accept: text/event-stream"),
    "a type beside": request("a/call/add", b"{}", "Accept: */*"),
    "a query": request("a/call/add?x=1"),
    "GET": request("a/call/add", b"", verb="GET"),
    "HEAD": request("a/call/add", b"", verb="HEAD"),
    "OPTIONS": request("a/call/add", b"", "Origin: https://good.example", "Access-Control-Request-Method: POST",
                       verb="OPTIONS"),
    "tell": request("a/tell/add"),
    "close": request("a/call/add", b"{}", "Connection: close"),
    "HTTP/1.0": request("a/call/add", b"{}", version="1.0"),
    "no length": b"POST /v1/agents/counted/a/call/add HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "in chunks": b"POST /v1/agents/counted/a/call/add HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"2\r\n{}\r\n0\r\n\r\n",
    "absolute": b"POST http://127.0.0.1/v1/agents/counted/a/call/add HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                b"Content-Length: 0\r\n\r\n",
    "an empty key": request("/call/add"),
    "a longer path": request("a/call/add/more"),
}  # fmt: skip
ANOTHER = re.compile(rb"[0-9a-f]{16}|0\.0[0-9]+")
"""What is another each time: the id of an error, the time that was left."""


async def conversation(port: int, pieces: list[bytes], answers: int) -> bytes:
    """What one connection is answered until it has been answered so often, or closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    out = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.002 if len(pieces) > 1 else 0)
        async with asyncio.timeout(10):
            while answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head)
                if b"text/event-stream" in head:
                    body = await reader.readuntil(b"0\r\n\r\n")
                else:
                    body = await reader.readexactly(int(length[1])) if length else b""
                out += head + body
                answers -= 1
    except (asyncio.IncompleteReadError, ConnectionError) as error:
        out += getattr(error, "partial", b"") + b"<closed>"
    finally:
        writer.close()
    return ANOTHER.sub(b"?", out)


def app(**options: Any) -> App:
    return App([Counted], origins=["https://good.example"], **options)


async def asked(what: App, monkeypatch: pytest.MonkeyPatch, *, past: bool, pieces: bool = False) -> dict[str, bytes]:
    """{name of a request: its answer}."""
    random = Random(7)
    with monkeypatch.context() as patched:
        if not past:
            patched.setattr(servers, "_calls", _none)
        async with inside(what) as (port, _):
            out: dict[str, bytes] = {}
            for name, data in REQUESTS.items():
                cut = sorted(random.sample(range(1, min(len(data), 400)), 2)) if pieces else []
                parts = [data[a:b] for a, b in zip([0, *cut], [*cut, len(data)], strict=True)]
                # to HEAD the length of a body that does not come
                out[name] = await conversation(port, parts, 0 if name == "HEAD" else 1)
            everything = [data for name, data in REQUESTS.items() if len(data) < 9000 and name not in _LAST]
            out["one after the other on a connection"] = await conversation(port, [b"".join(everything)], 3)
            return out


def _none(_: object) -> None: ...


_LAST = frozenset({"close", "HTTP/1.0", "HEAD", "a stream"})


@pytest.mark.parametrize("pieces", [False, True])
async def test_the_answers_are_the_same(monkeypatch: pytest.MonkeyPatch, pieces: bool) -> None:
    plain = await asked(app(), monkeypatch, past=False)
    direct = await asked(app(), monkeypatch, past=True, pieces=pieces)
    for name, answer in plain.items():
        assert direct[name] == answer, name
    assert b" 200 OK" in plain["a call"]
    assert plain["one after the other on a connection"].count(b"HTTP/1.1 ") == 3


async def hook(credentials: Credentials) -> Caller:
    if credentials.headers.get("authorization") != "Bearer me":
        raise Rejected("who are you?", code="unauthorized", status=401)
    return Caller("me")


async def test_who_is_asked_for_a_name_is_never_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bool] = []
    at_once = Calls.at_once

    def watched(self: Calls, *given: Any) -> bool:
        taken.append(at_once(self, *given))
        return taken[-1]

    monkeypatch.setattr(Calls, "at_once", watched)
    async with inside(app(auth=hook)) as (port, _):
        assert b" 401 " in await conversation(port, [request("a/call/add")], 1)
        assert b" 200 " in await conversation(port, [request("a/call/add", b"{}", "Authorization: Bearer me")], 1)
    assert taken == [False, False]
    taken.clear()
    async with inside(app(), exposed=True) as (port, _):  # quotas hold there
        assert b"ratelimit" in await conversation(port, [request("a/call/add")], 1)
    assert taken == [False]
    taken.clear()
    async with inside(app()) as (port, _):
        assert b" 200 " in await conversation(port, [request("a/call/add")], 1)
    assert taken == [True]


async def test_who_leaves_has_its_call_carried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    answered: asyncio.Future[Direct] = asyncio.get_running_loop().create_future()
    answer = Direct.answer

    def watched(self: Direct, *given: Any) -> None:
        answer(self, *given)
        if not answered.done():
            answered.set_result(self)

    monkeypatch.setattr(Direct, "answer", watched)
    async with inside(app()) as (port, _):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("a/call/add_later", b'{"args":[0.2]}'))
        await asyncio.sleep(0.05)
        writer.close()
        async with asyncio.timeout(5):
            found = await answered
        assert found.disconnected
        assert not found.response_complete
        assert (await conversation(port, [request("a/call/get")], 1)).endswith(b'{"result":1}')


async def test_a_server_that_stops_answers_and_closes() -> None:
    async with inside(app()) as (port, running):
        call = asyncio.create_task(conversation(port, [request("a/call/slow", b'{"args":[0.2]}')], 2))
        await asyncio.sleep(0.05)
        running.should_exit = True
        found = await call
    assert b'{"result":"slow"}' in found
    assert found.endswith(b"<closed>")
