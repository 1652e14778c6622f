"""Who the client is: a named proxy's word is taken, nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from roost import Agent, App, Caller, Credentials, Quotas, Rate, action
from roost.contract.errors import Rejected
from roost_server.proxies import Proxies, Seen
from tests.local.inside import inside

pytestmark = pytest.mark.anyio
NETWORKS = ("10.0.0.0/8", "2001:db8:1::/48", "192.0.2.7")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def xff(*values: str, **more: str) -> list[tuple[bytes, bytes]]:
    found = [(b"x-forwarded-for", value.encode()) for value in values]
    return [(b"host", b"inside"), *found, *((f"x-forwarded-{k}".encode(), v.encode()) for k, v in more.items())]


@pytest.mark.parametrize(
    ("peer", "headers", "seen"),
    [
        ("203.0.113.9", xff("1.1.1.1"), None),
        ("", xff("1.1.1.1"), None),
        ("10.1.2.3", xff(), None),
        ("10.1.2.3", xff("203.0.113.9"), Seen("203.0.113.9")),
        ("::ffff:10.1.2.3", xff("203.0.113.9:4711"), Seen("203.0.113.9")),
        ("2001:db8:1::2", xff("[2001:db8:9::1]:4711"), Seen("2001:db8:9::1")),
        ("10.1.2.3", xff("6.6.6.6, 203.0.113.9"), Seen("203.0.113.9")),
        ("10.1.2.3", xff("6.6.6.6", "203.0.113.9, 10.9.9.9"), Seen("203.0.113.9")),
        ("10.1.2.3", xff("10.6.6.6, 203.0.113.9, 192.0.2.7"), Seen("203.0.113.9")),
        ("10.1.2.3", xff("10.0.0.1, 10.0.0.2"), Seen("10.0.0.1")),
        (
            "10.1.2.3",
            xff("203.0.113.9", proto="https", host="example.com"),
            Seen("203.0.113.9", "https", "example.com"),
        ),
        (
            "10.1.2.3",
            xff("203.0.113.9, 10.0.0.2", proto="https, http", host="example.com, inside"),
            Seen("203.0.113.9", "https", "example.com"),
        ),
        ("10.1.2.3", xff("203.0.113.9", host="evil.example, example.com"), Seen("203.0.113.9", None, "example.com")),
        ("10.1.2.3", [(b"forwarded", b"for=6.6.6.6")], None),
    ],
)
def test_x_forwarded(peer: str, headers: list[tuple[bytes, bytes]], seen: Seen | None) -> None:
    assert Proxies(NETWORKS).seen(peer, headers) == seen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("for=203.0.113.9", Seen("203.0.113.9")),
        ('For="[2001:db8:9::1]:80";Proto=https;host="example.com"', Seen("2001:db8:9::1", "https", "example.com")),
        ("for=6.6.6.6, for=203.0.113.9;proto=http , for=10.1.1.1", Seen("203.0.113.9", "http")),
        ("for=unknown", Seen("unknown")),
        ("for=_gazonk", Seen("_gazonk")),
        ('for="203.0.113.9", evil', None),
        ('for="6.6.6.6', None),
        ("", None),
    ],
)
def test_forwarded(text: str, seen: Seen | None) -> None:
    headers = [(b"forwarded", text.encode()), (b"x-forwarded-for", b"6.6.6.6")]
    assert Proxies(NETWORKS, "forwarded").seen("10.1.2.3", headers) == seen
    assert Proxies(NETWORKS, "forwarded").seen("6.6.6.7", headers) is None


def test_a_socket_file_has_its_own_name() -> None:
    assert Proxies(["unix"]).seen("", xff("203.0.113.9")) == Seen("203.0.113.9")
    assert Proxies(["unix"]).seen("10.1.2.3", xff("203.0.113.9")) is None


@pytest.mark.parametrize("name", ["0.0.0.0/0", "::/0", "proxy.example", "10.0.0.0/64", ""])
def test_what_names_nobody_or_everybody_is_refused(name: str) -> None:
    with pytest.raises(Rejected, match="--proxy"):
        Proxies([name])


class Porch(Agent):
    @action(readonly=True)
    async def who(self) -> str:
        return self.caller.principal if self.caller else ""


async def by_address(credentials: Credentials) -> Caller | None:
    return Caller(f"at {credentials.client} for {credentials.headers.get('host')}")


async def who(port: int, headers: dict[str, str]) -> Any:
    async with httpx.AsyncClient(timeout=10) as http:
        return (await http.post(f"http://127.0.0.1:{port}/v1/agents/porch/a/call/who", headers=headers)).json()


async def test_requests_and_sockets_know_their_client() -> None:
    given = {"x-forwarded-for": "6.6.6.6, 203.0.113.9", "x-forwarded-host": "example.com"}
    told = "at 203.0.113.9 for example.com"
    app = App([Porch], auth=by_address, hosts=["example.com"])
    async with inside(app, proxies=Proxies(["127.0.0.1"])) as (port, _):
        assert await who(port, given) == {"result": told}
        async with connect(f"ws://127.0.0.1:{port}/agents/porch/a", additional_headers=given) as ws:
            await ws.send('{"type":"rpc","id":"1","method":"who","args":[]}')
            async with asyncio.timeout(10):
                while told not in (frame := str(await ws.recv())):
                    assert "error" not in frame, frame
        assert (await who(port, {**given, "x-forwarded-host": "evil.example"}))["code"] == "bad-host"
    async with inside(app) as (port, _):
        assert await who(port, given) == {"result": f"at 127.0.0.1 for 127.0.0.1:{port}"}, "nobody was named a proxy"


async def test_quotas_are_the_clients_not_the_proxys() -> None:
    app = App([Porch], quotas=Quotas(calls=Rate(2)))
    async with inside(app, proxies=Proxies(["127.0.0.1"])) as (port, _):
        for client in ("203.0.113.1", "203.0.113.2"):
            answers = [await who(port, {"x-forwarded-for": f"6.6.6.{n}, {client}"}) for n in range(3)]
            assert [a.get("code") for a in answers] == [None, None, "limit-quota-calls"], "a forged address has its own"
