"""The call route: what it answers, and everything it refuses without changing anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from .agents import Counter
from .rig import refused, rig

pytestmark = pytest.mark.anyio
CALL = "/v1/agents/counter/a/call"
FORM = "application/x-www-form-urlencoded"
NESTED = b"[" * 300 + b"]" * 300


async def test_arguments_by_position_by_name_and_none() -> None:
    async with rig() as r:
        assert await r.call("increment") == 1
        assert await r.call("increment", 2) == 3
        assert await r.call("increment", by=4) == 7
        assert await r.call("buy", {"name": "tea"}, count=1) == [{"name": "tea", "price": 0.0}]
        assert await r.call("positional", 2, "y") == "yy"
        assert await r.call("mixed", 2, b="z") == "zz"
        assert await r.call("many", 1, 2, x="1") == 4
        for text in ("", "{}", " {} "):
            answer = await r.http.post(f"{CALL}/get", content=text)
            assert answer.text == '{"result":7}'
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["content-length"] == "12"


async def test_values_survive_both_ways() -> None:
    async with rig() as r:
        values: list[Any] = [None, True, 0, -1.5, 10**30, "", "ü\u2028\U0001f642", "\x00", [], {"": [{}]}, "\\ud800"]
        for value in values:
            assert await r.call("echo", value, more=value) == [value, value]


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (b"{", 400, "bad-json", "EOF"),
        (b"{} x", 400, "bad-json", "trailing"),
        (b'{"args":[NaN]}', 400, "bad-json", "expected"),
        (b'{"args":[-Infinity]}', 400, "bad-json", ""),
        (b'{"args":[1e999]}', 400, "bad-json", "out of range"),
        (b'{"args":[-1' + b"0" * 400 + b".0]}", 400, "bad-json", "out of range"),
        (b'{"args":[{"a":{"b":1E+1000}}]}', 400, "bad-json", "out of range"),
        (b'{"args":["\xff"]}', 400, "bad-json", ""),
        (b'{"args":["\\ud800"]}', 400, "bad-json", ""),
        (b'{"args":["\\udc00\\ud800"]}', 400, "bad-json", ""),
        (b'{"args":[' + NESTED + b"]}", 422, "limit-depth", "40 levels"),
        (b'\xef\xbb\xbf{"args":[]}', 400, "bad-json", ""),
        (b"[]", 422, "bad-body", "object"),
        (b"null", 422, "bad-body", "object"),
        (b'"x"', 422, "bad-body", "object"),
        (b'{"arg":[1]}', 422, "bad-body", "'arg'"),
        (b'{"args":{}}', 422, "bad-body", "`args` must be an array"),
        (b'{"args":null}', 422, "bad-body", "`args` must be an array"),
        (b'{"kwargs":[]}', 422, "bad-body", "`kwargs` must be an object"),
        (b'{"kwargs":null}', 422, "bad-body", "`kwargs` must be an object"),
        (b'{"args":["one"]}', 422, "bad-arguments", "increment"),
        (b'{"args":[1,2]}', 422, "bad-arguments", "increment"),
        (b'{"kwargs":{"bye":1}}', 422, "bad-arguments", "bye"),
        (b'{"args":[1],"kwargs":{"by":1}}', 422, "bad-arguments", "by"),
    ],
)
async def test_bad_bodies_change_nothing(body: bytes, status: int, code: str, words: str) -> None:
    async with rig() as r:
        await r.call("increment")
        before = await r.frozen()
        for verb in ("call", "tell"):
            answer = await r.http.post(f"/v1/agents/counter/a/{verb}/increment", content=body)
            refused(answer, status, code, words)
            answer = await r.http.post(f"/v1/agents/counter/never/{verb}/increment", content=body)
            refused(answer, status, code, words)
        await r.world.settle()
        assert await r.frozen() == before


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/agents/nobody/a/call/increment", 404, "unknown-kind"),
        ("/v1/agents/Counter/a/call/increment", 404, "unknown-kind"),
        ("/v1/agents/counter/a/call/missing", 404, "unknown-action"),
        ("/v1/agents/counter/a/call/on_request", 404, "not-an-action"),
        ("/v1/agents/counter/a/call/on_start", 404, "not-an-action"),
        ("/v1/agents/counter/a/call/__init__", 404, "not-an-action"),
        ("/v1/agents/counter/a/call/%ff", 400, "bad-path"),
        ("/v1/agents/counter/%ff/call/increment", 400, "bad-key"),
        ("/v1/agents/counter/%2E%2E/call/increment", 400, "bad-key"),
        ("/v1/agents/counter/a%00b/call/increment", 400, "bad-key"),
        ("/v1/agents/counter/%ed%a0%80/call/increment", 400, "bad-key"),
        (f"/v1/agents/counter/{'k' * 513}/call/increment", 414, "limit-key"),
        ("/v1/agents/counter//call/increment", 404, "no-route"),
        ("/v1/agents//a/call/increment", 404, "no-route"),
        ("/v1/agents/counter/a/call/", 404, "no-route"),
        ("/v1/agents/counter/a/call", 404, "no-route"),
        ("/v1/agents/counter/a/call/increment/", 404, "no-route"),
        ("/v1/agents/counter/a/call/increment/more", 404, "no-route"),
        ("/v1/agents/counter/a/cell/increment", 404, "no-route"),
        ("/v1/agents/", 404, "no-route"),
        ("/v1/agents/counter", 404, "no-route"),
    ],
)
async def test_bad_paths_change_nothing(path: str, status: int, code: str) -> None:
    async with rig() as r:
        refused(await r.http.post(path, json={}), status, code)
        assert await r.frozen() == []


@pytest.mark.parametrize(
    "key", ["a/b", "/", "a b", "ü", "...", "%2F", "a?b#c", "k" * 512, "\U0001f642", "a+b", "\n", "call"]
)
async def test_any_text_is_a_key(key: str) -> None:
    segment = quote(key, safe="")
    async with rig() as r:
        for expected in (1, 2):
            answer = await r.http.post(f"/v1/agents/counter/{segment}/call/increment")
            assert answer.json() == {"result": expected}
        assert (await r.http.get("/v1/agents")).json()["agents"][0]["key"] == key
        assert (await r.http.get(f"/v1/agents/counter/{segment}/state")).json()["state"]["count"] == 2


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-type": "text/plain"}, 415, "bad-content-type"),
        ({"content-type": FORM, "origin": "http://roost.test"}, 415, "bad-content-type"),
        ({"content-type": FORM, "sec-fetch-site": "cross-site"}, 403, "bad-origin"),
        ({"content-type": FORM, "sec-fetch-mode": "no-cors"}, 415, "bad-content-type"),
        ({"content-type": f"{FORM}x"}, 415, "bad-content-type"),
        ({"content-type": "multipart/form-data; boundary=x"}, 415, "bad-content-type"),
        ({"content-type": "application/jsonp"}, 415, "bad-content-type"),
        ({"content-type": ""}, 415, "bad-content-type"),
        ({"idempotency-key": ""}, 400, "bad-idempotency-key"),
        ({"idempotency-key": "x" * 256}, 400, "bad-idempotency-key"),
        ({"idempotency-key": b"\xc3\xbc"}, 400, "bad-idempotency-key"),
        ({"idempotency-key": "a\tb"}, 400, "bad-idempotency-key"),
        ({"roost-timeout": "0"}, 400, "bad-timeout"),
        ({"roost-timeout": "-1"}, 400, "bad-timeout"),
        ({"roost-timeout": "soon"}, 400, "bad-timeout"),
        ({"roost-timeout": "1e3"}, 400, "bad-timeout"),
        ({"roost-timeout": "nan"}, 400, "bad-timeout"),
        ({"roost-timeout": ""}, 400, "bad-timeout"),
        ({"roost-timeout": "9999999999"}, 400, "bad-timeout"),
        ({"content-length": "99999999"}, 413, "limit-http-body"),
        ({"origin": "https://elsewhere.example"}, 403, "bad-origin"),
        ({"origin": "null"}, 403, "bad-origin"),
    ],
)
async def test_bad_headers_change_nothing(headers: dict[str, Any], status: int, code: str) -> None:
    async with rig() as r:
        refused(await r.http.post(f"{CALL}/increment", content=b"{}", headers=headers), status, code)
        assert await r.frozen() == []


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/problem+json",
        "application/json;x=1",
        FORM,
        f"{FORM}; charset=utf-8",
    ],
)
async def test_json_by_any_name(kind: str) -> None:
    async with rig() as r:
        answer = await r.http.post(f"{CALL}/increment", content=b"{}", headers={"content-type": kind})
        assert answer.status_code == 200


async def test_too_much_is_refused() -> None:
    async with rig() as r:
        limits = r.runtime.limits
        body = json.dumps({"args": ["x" * limits.http_body]})
        refused(await r.http.post(f"{CALL}/echo", content=body), 413, "limit-http-body")
        body = json.dumps({"args": ["x" * limits.arguments]})
        refused(await r.http.post(f"{CALL}/echo", content=body), 413, "limit-arguments")
        refused(await r.http.post("/v1/agents/counter/a/tell/echo", content=body), 413, "limit-arguments")
        assert await r.frozen() == []
        body = json.dumps({"args": [1]}) + " " * limits.arguments
        assert (await r.http.post(f"{CALL}/increment", content=body)).json() == {"result": 1}
        answer = await r.http.post(f"{CALL}/positional", json={"args": [limits.result]})
        refused(answer, 422, "limit-result")


async def test_the_body_may_come_in_pieces() -> None:
    async with rig() as r:

        async def pieces() -> AsyncGenerator[bytes, None]:
            for piece in (b'{"ar', b"", b'gs":[4', b"]}"):
                yield piece

        answer = await r.http.post(f"{CALL}/increment", content=pieces())
        assert answer.json() == {"result": 4}


async def test_errors_of_agents() -> None:
    async with rig() as r:
        doc = refused(await r.http.post(f"{CALL}/reject"), 409, "no-seat", "no such seat")
        assert doc["data"] == {"seat": 3}
        answer = await r.http.post(f"{CALL}/reject", json={"args": [401]})
        assert refused(answer, 401, "no-seat") and answer.headers["www-authenticate"] == "Bearer"
        for status in (99, 200, 302, 399, 600, 13414, -1):
            refused(await r.http.post(f"{CALL}/reject", json={"args": [status]}), 500, "agent-error")
        answer = await r.http.post(f"{CALL}/busy")
        assert refused(answer, 503, "transient")["retry_after"] == 1.2
        assert answer.headers["retry-after"] == "2"
        answer = await r.http.post(f"{CALL}/crash")
        doc = refused(answer, 500, "agent-error")
        assert doc["id"] in doc["detail"]
        assert "secret" not in answer.text
        assert await r.frozen() == []


async def test_a_defect_of_ours_tells_nothing_but_an_id(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig() as r:

        async def broken(*_: Any, **__: Any) -> Any:
            raise ZeroDivisionError("the inside")

        monkeypatch.setattr(r.runtime, "dispatch", broken)
        monkeypatch.setattr(r.runtime, "status", broken)
        for answer in (await r.http.post(f"{CALL}/increment"), await r.http.get("/v1/agents/counter/a")):
            doc = refused(answer, 500, "internal")
            assert "inside" not in answer.text and "Zero" not in answer.text
            assert doc["id"] in caplog.text
    assert "the inside" in caplog.text


async def test_an_idempotency_key_runs_once() -> None:
    async with rig() as r:
        key = {"idempotency-key": "~ a key!"}
        for _ in range(3):
            assert (await r.http.post(f"{CALL}/increment", headers=key)).json() == {"result": 1}
        answer = await r.http.post(f"{CALL}/increment", headers=key, json={"args": [2]})
        refused(answer, 422, "key-reused", "~ a key!")
        for _ in range(2):  # failures are kept too
            refused(await r.http.post(f"{CALL}/reject", headers={"idempotency-key": "r"}), 409, "no-seat")
        assert await r.call("get") == 1


async def test_a_timeout_cancels_the_tick() -> None:
    async with rig() as r:
        Counter.gate = asyncio.Event()
        task = asyncio.create_task(r.http.post(f"{CALL}/slow", headers={"roost-timeout": "2.5"}))
        await r.world.advance(seconds=2.4)
        assert not task.done()
        await r.world.advance(seconds=0.2)
        refused(await task, 503, "deadline")
        Counter.gate.set()
        assert await r.call("get") == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"])
async def test_other_methods(method: str) -> None:
    async with rig() as r:
        for verb in ("call", "tell"):
            answer = await r.http.request(method, f"/v1/agents/counter/a/{verb}/increment")
            assert answer.status_code == 405
            assert answer.headers["allow"] == "POST"
            if method != "HEAD":
                refused(answer, 405, "method-not-allowed", method)
        assert await r.frozen() == []


async def test_mounted_below_another_path() -> None:
    async with rig() as r:
        transport = httpx.ASGITransport(r.surface, root_path="/api v1")
        async with httpx.AsyncClient(transport=transport, base_url="http://roost.test") as http:
            assert (await http.post(f"/api%20v1{CALL}/increment")).json() == {"result": 1}


async def test_a_server_that_gives_no_raw_path() -> None:
    async with rig() as r:
        inner = r.surface

        async def without(scope: Any, receive: Any, send: Any) -> None:
            await inner({**scope, "raw_path": None}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(without), base_url="http://roost.test") as http:
            assert (await http.post("/v1/agents/counter/%C3%BC%20x/call/increment")).json() == {"result": 1}
        assert (await r.http.get("/v1/agents")).json()["agents"][0]["key"] == "ü x"


async def test_while_closing() -> None:
    async with rig() as r:
        await r.call("increment")
        await r.runtime.drain(0)
        answer = await r.http.post(f"{CALL}/increment")
        refused(answer, 503, "shutting-down")
        assert answer.headers["retry-after"] == "1"
        assert (await r.http.get("/healthz")).json() == {"status": "ok"}
        refused(await r.http.get("/readyz"), 503, "shutting-down")
