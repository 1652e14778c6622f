"""Requests of agents into networks that are not theirs to reach."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx
import pytest

from roost import Agent, App, action
from roost.contract.egress import Egress, entry, literal
from roost.contract.errors import AgentError
from roost_http.fetch import HttpFetch
from roost_http.guard import Guard
from roost_local.backend import LocalBackend
from tests.core.http.agents import Counter

pytestmark = pytest.mark.anyio
PUBLIC = ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946")
INSIDE = (
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200",
    "168.63.129.16", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
)  # fmt: skip
SPELLED = (
    "2130706433", "0x7f000001", "017700000001", "0x7f.1", "127.1", "127.0.1", "0177.0.0.1", "0xA9.0xFE.0xA9.0xFE",
    "2852039166", "0", "127.0.0.1.", "LOCALHOST", "localhost.", "a.localhost", "metadata.google.internal",
    "printer.local", "instance-data.ec2.internal", "[::1]", "[::ffff:7f00:1]", "fe80::1%eth0",
)  # fmt: skip


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("host", [*INSIDE, *SPELLED])
def test_nothing_inside_is_reached_by_default(host: str) -> None:
    for names in (None, ["*"], ["*", "api.example.com"]):
        with pytest.raises(AgentError, match=r"App\(egress=\[") as refused:
            Egress(names, private=False).check(host, 80)
        assert refused.value.code == "egress-refused"
    Egress(None, private=True).check(host, 80)


@pytest.mark.parametrize("host", ["1.2.3.4.5", "256.1.1.1", "0x100000000", "09.1.1.1", "1..1"])
def test_what_looks_like_an_address_and_is_none_is_refused(host: str) -> None:
    with pytest.raises(AgentError, match="no address and no name"):
        Egress(None, private=False).check(host, 80)


def test_public_hosts_are_reached_by_default() -> None:
    for host in (*PUBLIC, "api.example.com", "localhost.example.com", "xn--bcher-kva.example", "1.example.com"):
        Egress(None, private=False).check(host, 443)
    for address in PUBLIC:
        Egress(None, private=False).check_address("api.example.com", 443, ipaddress.ip_address(address))


def test_a_list_is_all_there_is() -> None:
    for private in (False, True):
        listed = Egress(["api.example.com", "*.example.net", "93.184.216.34", "one.example:8443"], private=private)
        for host in ("api.example.com", "API.example.com.", "a.b.example.net", "93.184.216.34"):
            listed.check(host, 443)
        listed.check("one.example", 8443)
        for host in (
            "example.com", "evil-api.example.com", "api.example.com.evil", "example.net", "evilexample.net",
            "93.184.216.35", "one.example", "127.0.0.1",
        ):  # fmt: skip
            with pytest.raises(AgentError, match="not in the app's list"):
                listed.check(host, 443)


def test_what_is_written_is_meant_but_for_a_name_that_leads_to_a_metadata_service() -> None:
    some = Egress(["*", "db.internal", "10.0.0.0/8", "[::1]:8080"], private=False)
    some.check("db.internal", 5432)
    some.check_address("db.internal", 5432, ipaddress.ip_address("192.168.0.7"))
    some.check("10.1.1.1", 80)
    some.check_address("any.example", 80, ipaddress.ip_address("10.1.1.1"))
    some.check("::1", 8080)
    for host, port, address in (
        ("db.internal", 80, "169.254.169.254"), ("db.internal", 80, "fd00:ec2::254"),
        ("any.example", 80, "192.168.0.7"),
        ("::1", 80, "::1"), ("any.example", 80, "::ffff:192.168.0.7"),
    ):  # fmt: skip
        with pytest.raises(AgentError, match="not a public address"):
            some.check_address(host, port, ipaddress.ip_address(address))
    Egress(["169.254.169.254"], private=False).check("169.254.169.254", 80)


@pytest.mark.parametrize("line", ["", "http://example.com", "a b", "*.", "exa*mple.com", "127.1", "example.com/path"])
def test_a_line_that_means_nothing_is_refused_with_the_app(line: str) -> None:
    with pytest.raises((ValueError, AgentError)):
        App([Counter], egress=[line])
    with pytest.raises(TypeError, match="a list of hosts"):
        App([Counter], egress="example.com")


def test_spellings() -> None:
    assert {str(literal(h)) for h in ("2130706433", "0x7f.1", "017700000001", "127.1")} == {"127.0.0.1"}
    assert literal("example.com") is None and literal("0x7f.example") is None
    assert entry("example.com:443").port == 443 and entry("[::1]:8080").port == 8080 and entry("::1").port is None


class Wire(httpcore.AsyncNetworkBackend):
    """Connects nowhere, and says where it was sent."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.asked.append(host)
        raise httpcore.ConnectError("nobody there")


async def test_the_address_that_was_judged_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that leads inside, also one that does so only beside a public address, or only the second time."""
    answers = [["169.254.169.254"], ["127.0.0.1", PUBLIC[0], "::1"], [PUBLIC[0]], ["127.0.0.1"]]

    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", (address, port)) for address in answers.pop(0)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    wire = Wire()
    guard = Guard(wire, Egress(None, private=False))
    found: list[str] = []
    for _ in range(4):
        try:
            await guard.connect_tcp("rebind.example", 80)
        except (AgentError, httpcore.ConnectError) as error:
            found.append(type(error).__name__)
    assert found == ["AgentError", "ConnectError", "ConnectError", "AgentError"]
    assert wire.asked == [PUBLIC[0], PUBLIC[0]], "only public addresses were connected to"


class Outgoing:
    """As of a tick without keys."""

    judged = True

    def check(self) -> None: ...

    def key(self, method: str, url: str, body: bytes | None) -> None:
        return None

    def ended(self, key: str, status: int | None = None) -> None: ...


async def test_over_a_real_connection() -> None:
    """A server of this machine is not reached, by name or address, nor by a redirect; where it is written it is."""
    hits: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        hits.append(head.split(b" ")[1].decode())
        writer.write(b"HTTP/1.1 302 No\r\nlocation: http://localhost:%d/x\r\ncontent-length: 0\r\n\r\n" % port)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    async with server:
        for names, url, seen in (
            (None, f"http://127.0.0.1:{port}/", 0), (None, f"http://localhost:{port}/", 0),
            (["*", "127.0.0.1"], f"http://127.0.0.1:{port}/a", 1), (["localhost"], f"http://localhost:{port}/b", 1),
        ):  # fmt: skip
            hits.clear()
            fetch = HttpFetch(Egress(names, private=False))
            try:
                async with fetch.client(Outgoing(), float("inf")) as client:
                    client.follow_redirects = True
                    client.max_redirects = 0
                    with pytest.raises((AgentError, httpx.TooManyRedirects)):
                        await client.get(url)
            finally:
                await fetch.close()
            assert len(hits) == seen, (names, url, hits)


async def test_the_apps_own_hook_sends_where_its_author_wrote() -> None:
    """A key server in a private network; what an agent sends never shares its connections."""

    class Own(Outgoing):
        judged = False

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://localhost:{server.sockets[0].getsockname()[1]}/"
    fetch = HttpFetch(Egress(["api.example.com"], private=False))
    async with server:
        async with fetch.client(Own(), float("inf")) as client:
            assert (await client.get(url)).text == "ok"
        async with fetch.client(Outgoing(), float("inf")) as client:
            with pytest.raises(AgentError, match="egress"):
                await client.get(url)
        await fetch.close()


class Curious(Agent):
    @action
    async def ask(self, url: str) -> str:
        return (await self.http.get(url)).text


async def test_dev_reaches_this_machine_and_serve_does_not() -> None:
    from roost.hosting.memory import MemoryStore

    for private in (False, True):
        backend = LocalBackend(App([Curious]), MemoryStore(), private=private)
        guarded = backend.fetch._egress is not None  # pyright: ignore[reportPrivateUsage]
        assert guarded is not private
        await backend.stop()
