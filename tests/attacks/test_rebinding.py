"""DNS rebinding: a page of evil.example has its own name resolve to this machine, and is of "the same origin" then."""

from __future__ import annotations

import httpx
import pytest

from roost import App
from roost.contract.errors import Rejected
from roost.contract.hosts import Hosts, checked_names

from .app import Counter
from .raw import ask, code, opening, request

CALL = "/v1/agents/counter/rebound/call/add"
JSON = "Content-Type: application/json"
EVIL = "evil.example:8787"


@pytest.mark.parametrize(
    ("line", "body"),
    [
        (f"POST {CALL}", b"{}"), ("GET /v1/agents", b""), ("GET /v1/agents/counter/rebound/state", b""),
        ("POST /v1/agents/counter/rebound/tell/add", b"{}"), ("GET /agents/counter/rebound", b""),
        ("GET /healthz", b""), ("GET /openapi.json", b""), ("GET /nowhere", b""),
        ("DELETE /v1/agents/counter/rebound", b""),
    ],
)  # fmt: skip
def test_a_rebound_page_is_told_nothing(url: str, line: str, body: bytes) -> None:
    status, headers, answer = ask(url, request(line, f"Host: {EVIL}", f"Origin: http://{EVIL}", JSON, body=body))
    assert (status, code(answer)) == (421, "bad-host")
    assert b"App(hosts=[...])" in answer
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", ["/agents/counter/rebound", "/agents?agent=counter&name=rebound"])
def test_a_rebound_page_gets_no_socket(url: str, path: str) -> None:
    status, frames, closed = opening(url, path, f"Host: {EVIL}", f"Origin: http://{EVIL}")
    assert (status, [f["type"] for f in frames], closed) == (101, ["roost_close"], 4421)


@pytest.mark.parametrize(
    "host",
    ["localhost.evil.example", "127.0.0.1.evil.example:80", "evil.localhost.example", "127.0.0.1.nip.io", "0.0.0.0:80",
     "2130706433", "127.1", "[::]:80", "[::ffff:127.0.0.1]", "10.0.0.1", "0x7f000001", "127.0.0.01"],
)  # fmt: skip
def test_names_that_only_look_like_this_machine(url: str, host: str) -> None:
    status, _, answer = ask(url, request("GET /v1/agents", f"Host: {host}"))
    assert (status, code(answer)) == (421, "bad-host")


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:1", "localhost.", "127.0.0.1:8787", "127.9.8.7", "[::1]:80", "app.localhost", "[::1]"],
)
def test_names_of_this_machine(url: str, host: str) -> None:
    assert ask(url, request("GET /healthz", f"Host: {host}"))[0] == 200
    assert opening(url, "/agents/counter/own", f"Host: {host}", f"Origin: http://{host}")[2] == 0


@pytest.mark.parametrize(
    "host", ["[", "]", "a b", "a@b", "a/b", "", "a:b", "[::1", "::1", "a:999999", "\xe4.example", "a,b", "a?b"]
)
def test_hosts_that_cannot_be_read(url: str, host: str) -> None:
    status, _, answer = ask(url, request("GET /v1/agents", f"Host: {host}"))
    assert (status, code(answer)) == (400, "bad-host")
    closed = opening(url, "/agents/counter/own", f"Host: {host}")
    assert closed[2] == 4400


@pytest.mark.parametrize(
    "origin",
    ["http://[", "http://]", "http://[::1", "[", "", "null", "http://", "://", "http:///", "\xff", "http://a@b:x"],
)
def test_origins_that_cannot_be_read(url: str, origin: str) -> None:
    for line in (f"POST {CALL}", "POST /agents/counter/rebound", "POST /v1/agents/counter/rebound/tell/add"):
        status, _, answer = ask(url, request(line, "Host: localhost", f"Origin: {origin}", JSON, body=b"{}"))
        assert (status, code(answer)) == (403, "bad-origin"), (line, origin)
    assert opening(url, "/agents/counter/own", "Host: localhost", f"Origin: {origin}")[2] == 4403


def test_nothing_of_it_ran(url: str) -> None:
    assert httpx.get(f"{url}/v1/agents/counter/rebound").status_code == 404


def test_hosts_of_a_deployment() -> None:
    hosts = Hosts(App([Counter], hosts=["Example.com", "*.example.net"]).hosts, loopback=False)
    for good in ("example.com", "EXAMPLE.com:443", "a.example.net", "a.b.example.net", None):
        hosts.check(good)
    for bad in ("a.example.com", "example.net", "localhost", "127.0.0.1", "example.com.evil.example"):
        with pytest.raises(Rejected, match="does not answer") as refused:
            hosts.check(bad)
        assert (refused.value.code, refused.value.status) == ("bad-host", 421)
    Hosts(["*"], loopback=True).check("evil.example")
    Hosts([], loopback=False).check("evil.example")
    Hosts(["example.com"], loopback=True).check("localhost")


@pytest.mark.parametrize("name", ["http://example.com", "example.com:80", "", "exa mple", "*.*.com", "a/b"])
def test_hosts_that_are_no_names(name: str) -> None:
    with pytest.raises(ValueError, match="App\\(hosts="):
        checked_names([name])
