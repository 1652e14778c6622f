"""What held when it was attacked, and must go on to: paths, smuggled requests, injected headers, digits and depth."""

from __future__ import annotations

import httpx
import pytest

from .raw import ask, code, opening, request

HOST = "Host: localhost"
JSON = "Content-Type: application/json"
CALL = "/v1/agents/counter/held/call/add"


@pytest.mark.parametrize(
    "path",
    ["/v1/agents/counter/../counter/held", "/v1//agents/counter/held", "//v1/agents/counter/held",
     "/V1/agents/counter/held",
     "/v1/agents/counter%2fheld", "/v1/agents/%63ounter%00/held", "/v1/./agents/counter/held",
     "/v1/agents/Counter/held",
     "/v1/agents/counter/held/", "/v1/agents/counter/held;x=1/state", "/agents/../v1/agents/counter/held",
     "/v1/agents/counter/held/state/", "/v1/agents/counter/%ff", "/v1\\agents\\counter\\held", "/.roost/admin-token",
     "/v1/agents/counter/held/call/__init__", "/v1/agents/counter/held/call/on_request", "/_roost/app",
     "/%2e%2e/v1/agents"],
)  # fmt: skip
def test_no_spelling_of_a_path_leads_elsewhere(url: str, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        status, _, _ = ask(url, request(f"{method} {path}", HOST, JSON, body=b"{}"))
        assert status in (400, 401, 403, 404, 405), (method, path, status)


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"), ("Transfer-Encoding: chunked", "Content-Length: 5"),
        ("Transfer-Encoding: xchunked",), ("Transfer-Encoding : chunked",), ("Content-Length: +5",),
        ("Content-Length: 5, 5",), ("Content-Length: 0x5",), ("Content-Length: -1",), ("Content-Length: 5\x0b",),
        ("Transfer-Encoding: chunked, identity",), ("X: a\rTransfer-Encoding: chunked",), ("\x00: a",),
        ("Content-Length: 99999999999999999999999",),
    ],
    ids=repr,
)  # fmt: skip
def test_no_request_hides_in_another(url: str, lines: tuple[str, ...]) -> None:
    hidden = request("POST /v1/agents/counter/smuggled/call/add", HOST, JSON, body=b"{}")
    ask(url, request("POST /v1/agents/counter/other/call/add", HOST, JSON, *lines) + b"0\r\n\r\n" + hidden)
    assert httpx.get(f"{url}/v1/agents/counter/smuggled").status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"args":' + b"[" * 300 + b"]" * 300 + b"}", b'{"args":[' + b"9" * 200_000 + b"]}",
     b'{"args":[1e999]}',
     b'{"args":[NaN]}', b'{"args":["\\ud800"]}', b"\xff\xfe{}", b'{"args":[1]}{"args":[2]}',
     b'{"kwargs":{"__class__":1}}'],
    ids=range(9),
)  # fmt: skip
def test_no_body_breaks_it(url: str, body: bytes) -> None:
    status, _, answer = ask(url, request(f"POST {CALL}", HOST, JSON, body=body))
    assert 400 <= status < 500, answer[:200]
    assert code(answer) != "internal"
    assert httpx.get(f"{url}/v1/agents/counter/held").status_code == 404


def test_the_operators_token_is_not_guessed_by_its_shape(url: str) -> None:
    for token in ("", "t", "tes", "test ", "testx", "TEST", "test\x00", "*", "null"):
        for scheme in ("Bearer", "bearer", "Basic", ""):
            if (scheme.lower(), token.strip()) == ("bearer", "test"):
                continue
            status, _, _ = ask(
                url, request("GET /v1/agents/counter/held/export", HOST, f"Authorization: {scheme} {token}")
            )
            assert status in (400, 401), (scheme, token)


def test_answers_are_of_one_kind_and_not_kept(url: str) -> None:
    for path in ("/v1/agents", "/healthz", "/openapi.json", "/nowhere", "/v1/agents/counter/held/events?follow=false"):
        answer = httpx.get(f"{url}{path}")
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert answer.headers["cache-control"] == "no-store", path
        assert "server" not in answer.headers


def test_a_handshake_to_nowhere_tells_nothing(url: str) -> None:
    for path in (
        "/agents/counter/../x",
        "/agents/nope/a",
        "/agents//a",
        "/agents?agent=counter",
        "/agents/counter/%ff",
    ):
        status, frames, closed = opening(url, path, HOST)
        assert (status, [f["type"] for f in frames]) == (101, ["roost_close"]) and 4400 <= closed < 4500, path
