"""/agents/{kind}/{key}: the author's own HTTP, and CORS."""

from __future__ import annotations

import logging

import pytest

from .rig import make_app, refused, rig

pytestmark = pytest.mark.anyio
AGENT = "/agents/counter/a"
HERE, THERE = "https://front.example", "https://elsewhere.example"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
async def test_any_method_reaches_the_agent(method: str) -> None:
    async with rig() as r:
        answer = await r.http.request(method, f"{AGENT}/x%20y/%C3%BC/?q=%20&q=2", content=b"\x00\xff")
        assert answer.status_code == 200
        assert answer.json() == {
            "method": method, "path": "/x y/ü/", "query": "q=%20&q=2", "body": "\x00ÿ",
            "agent": "python-httpx/0.28.1", "caller": None,
        }  # fmt: skip
        assert (await r.http.get("/v1/agents/counter/a/state")).json()["state"]["count"] == 1


@pytest.mark.parametrize(("rest", "path"), [("", ""), ("/", "/"), ("//x", "//x"), ("/a/b", "/a/b"), ("/%2F", "//")])
async def test_the_rest_of_the_path(rest: str, path: str) -> None:
    async with rig() as r:
        assert (await r.http.get(AGENT + rest)).json()["path"] == path


async def test_status_headers_and_body_are_the_authors() -> None:
    async with rig() as r:
        answer = await r.http.get(f"{AGENT}/teapot")
        assert (answer.status_code, answer.text) == (418, "short and stout")
        assert answer.headers["x-pot"] == "yes"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["content-length"] == "15"
        head = await r.http.head(f"{AGENT}/teapot")
        assert (head.content, head.headers["content-length"]) == (b"", "15")
        answer = await r.http.get(f"{AGENT}/nothing")
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-length" not in answer.headers


async def test_no_header_can_be_smuggled_out(caplog: pytest.LogCaptureFixture) -> None:
    async with rig() as r:
        answer = await r.http.get(f"{AGENT}/split")
        doc = refused(answer, 500, "agent-error")
        assert "set-cookie" not in answer.headers
        assert doc["id"] in caplog.text
        assert caplog.records[0].levelno == logging.ERROR


@pytest.mark.parametrize(
    ("path", "status", "code", "words"),
    [
        ("/agents", 404, "no-route", "/agents/{kind}/{key}"),
        ("/agents/", 404, "no-route", ""),
        ("/agents/counter", 404, "no-route", ""),
        ("/agents/counter/", 404, "no-route", ""),
        ("/agents//a", 404, "no-route", ""),
        ("/agents/nothing/a", 400, "unknown-kind", "Invalid request"),
        ("/agents/Counter/a", 400, "unknown-kind", "Invalid request"),
        ("/agents/counter/%ff", 400, "bad-key", ""),
        ("/agents/counter/a/%ff", 400, "bad-path", "UTF-8"),
        (f"/agents/counter/{'k' * 513}", 414, "limit-key", ""),
        ("/agents/quiet/a", 404, "no-on-request", "quiet"),
    ],
)
async def test_refused_requests_change_nothing(path: str, status: int, code: str, words: str) -> None:
    async with rig() as r:
        doc = refused(await r.http.post(path), status, code, words)
        if status == 400 and code == "unknown-kind":
            assert doc["detail"].startswith("Invalid request")
        assert await r.frozen() == []


async def test_a_body_that_is_too_large() -> None:
    async with rig() as r:
        limit = r.runtime.limits.http_body
        answer = await r.http.post(AGENT, content=b"x" * (limit + 1))
        refused(answer, 413, "limit-http-body", str(limit))
        assert await r.frozen() == []
        # At the limit it is taken; only the answer, which holds it, is too large then.
        refused(await r.http.post(AGENT, content=b"x" * limit), 500, "limit-http-body", "response")


# CORS


@pytest.mark.parametrize("origins", [[HERE], ["*"], [HERE, THERE]])
@pytest.mark.parametrize("path", [AGENT, "/v1/agents/counter/a/call/increment", "/v1/agents"])
async def test_a_preflight(origins: list[str], path: str) -> None:
    async with rig(make_app(origins=origins)) as r:
        headers = {"origin": HERE, "access-control-request-method": "POST"}
        answer = await r.http.options(path, headers=headers)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == HERE
        assert answer.headers["access-control-allow-methods"] == "GET, POST, PUT, DELETE, HEAD, OPTIONS"
        assert answer.headers["access-control-allow-headers"].startswith("*")
        assert answer.headers["access-control-max-age"] == "86400"
        assert answer.headers["vary"] == "origin"
        assert await r.frozen() == []


async def test_a_foreign_preflight() -> None:
    async with rig(make_app(origins=[HERE])) as r:
        headers = {"origin": THERE, "access-control-request-method": "POST"}
        for path in (AGENT, "/v1/agents/counter/a/call/increment"):
            answer = await r.http.options(path, headers=headers)
            refused(answer, 403, "bad-origin", THERE)
            assert "access-control-allow-origin" not in answer.headers
        assert await r.frozen() == []


async def test_allowed_origins_are_echoed_even_on_errors() -> None:
    async with rig(make_app(origins=[HERE])) as r:
        cases = [
            ("GET", AGENT, 200), ("GET", f"{AGENT}/teapot", 418), ("GET", "/agents/nothing/a", 400),
            ("POST", "/v1/agents/counter/a/call/increment", 200), ("POST", "/v1/agents/counter/a/call/reject", 409),
            ("POST", "/v1/agents/counter/a/tell/increment", 202), ("GET", "/v1/agents/counter/a/state", 200),
            ("GET", "/v1/agents/counter/a/events?follow=false", 200), ("PUT", "/v1/agents", 405),
            ("GET", "/v1/agents/counter/a/none", 404),
        ]  # fmt: skip
        for method, path, status in cases:
            answer = await r.http.request(method, path, headers={"origin": HERE})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == HERE
            assert answer.headers["access-control-expose-headers"] == "*"
            answer = await r.http.request(method, path)
            assert "access-control-allow-origin" not in answer.headers
            assert answer.headers["vary"] == "origin"


async def test_foreign_origins_may_read_nothing_and_change_nothing_under_v1() -> None:
    async with rig(make_app(origins=[HERE])) as r:
        for path in ("/v1/agents/counter/a/call/increment", "/v1/agents/counter/a/tell/increment"):
            for origin in (THERE, "null", "http://roost.test:81"):
                answer = await r.http.post(path, headers={"origin": origin})
                refused(answer, 403, "bad-origin")
                assert "access-control-allow-origin" not in answer.headers
        assert await r.frozen() == []
        answer = await r.http.post("/v1/agents/counter/a/call/increment", headers={"origin": "http://roost.test"})
        assert answer.status_code == 200
        for given in (
            {"origin": THERE}, {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
            {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "object"},
        ):  # fmt: skip
            for path in ("", "/state", "/events?follow=false"):
                answer = await r.http.get(f"/v1/agents/counter/a{path}", headers=given)
                refused(answer, 403, "bad-origin")
                assert "access-control-allow-origin" not in answer.headers
        for given in (
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, {"sec-fetch-site": "none"},
        ):  # fmt: skip
            assert (await r.http.get("/v1/agents/counter/a/state", headers=given)).status_code == 200


async def test_authors_may_do_their_own_cors() -> None:
    async with rig() as r:
        answer = await r.http.get(f"{AGENT}/own-cors", headers={"origin": HERE})
        assert answer.headers.get_list("access-control-allow-origin") == ["https://theirs.example"]
        headers = {"origin": HERE, "access-control-request-method": "POST"}
        assert (await r.http.options(AGENT, headers=headers)).json()["method"] == "OPTIONS"
    async with rig(make_app(origins=[HERE])) as r:
        answer = await r.http.get(f"{AGENT}/own-cors", headers={"origin": HERE})
        assert answer.headers.get_list("access-control-allow-origin") == [HERE]
