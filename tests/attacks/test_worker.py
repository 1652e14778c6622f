"""What one client may cost a Worker's objects: bodies that do not come, sockets of clients without a name."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from roost_cloudflare.harness import CloudflareHarness

from .raw import code, dial, read_answer, request

APP = """
from roost import ANONYMOUS, Agent, App, Quotas, action
from roost_cloudflare import patience

patience.BODY = 3.0

class Door(Agent):
    @action
    async def knock(self, text: str = "") -> int:
        return len(text)

async def auth(credentials):
    return ANONYMOUS

app = App([Door], auth=auth, quotas=Quotas(calls=None, tells=None, bytes=None, keys=None, created=None, sockets=2))
"""
KNOCK = "/v1/agents/door/d/call/knock"
JSON = "Content-Type: application/json"
LATE = 50.0
"""Seconds: far more than a body has here, far less than an attack takes."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    module = tmp_path_factory.mktemp("worker") / "attacked_worker.py"
    module.write_text(APP)
    harness = CloudflareHarness("attacked_worker", [module])
    with asyncio.Runner() as runner:
        try:
            runner.run(harness.start(restless=False))
            yield harness.url
        finally:
            runner.run(harness.stop())


def drip(url: str, attack: tuple[str, str, bytes]) -> tuple[int, bytes]:
    """Send a piece ten times a second until there is an answer, or the connection is cut (0)."""
    path, head, piece = attack
    with dial(url) as peer:
        peer.sendall(request(f"POST {path}", "Host: localhost", JSON, head))
        peer.settimeout(0.1)
        began, gone = time.monotonic(), False
        while time.monotonic() - began < LATE:
            try:
                if not peer.recv(1, socket.MSG_PEEK):
                    return 0, b""
                break
            except TimeoutError:
                pass
            except ConnectionError:
                return 0, b""
            if piece and not gone:
                try:
                    peer.sendall(piece)
                except OSError:
                    gone = True
        peer.settimeout(LATE)
        status, _, body = read_answer(peer)
        assert time.monotonic() - began < LATE, "it was taken in for as long as it came"
        return status, body


def test_bodies_that_do_not_come(url: str) -> None:
    """Said and not sent, said and dripping, chunked and dripping, chunked and silent: each is told so, all at once."""
    attacks = [
        (path, head, piece)
        for path in (KNOCK, "/v1/agents/door/d/tell/knock", "/v1/agents/door/e/call/knock", "/v1/tickets")
        for head, pieces in (("Content-Length: 1000", b" "), ("Transfer-Encoding: chunked", b"1\r\n \r\n"))
        for piece in (b"", pieces)
    ]
    with ThreadPoolExecutor(len(attacks)) as pool:
        found = [*pool.map(partial(drip, url), attacks)]
    for attack, (status, body) in zip(attacks, found, strict=True):
        assert (status, status and code(body)) == (408, "body-timeout"), (attack, body)
    assert httpx.post(url + KNOCK, json={"args": ["still"]}, timeout=LATE).json() == {"result": 5}


def test_a_body_that_was_refused_is_not_taken_for_ever(url: str) -> None:
    status, body = drip(url, (KNOCK, f"Content-Length: {50 << 20}", b" "))
    assert (status, code(body)) == (413, "limit-http-body")


def test_a_body_that_is_slow_but_goes_on(url: str) -> None:
    """For longer than a body that does not go on has."""
    status, body = 0, b""
    for _ in range(5):
        with dial(url) as peer:
            peer.sendall(request(f"POST {KNOCK}", "Host: localhost", JSON, "Transfer-Encoding: chunked"))
            for n in range(45):
                part = b'{"args":["' if n == 0 else b'"]}' if n == 44 else b"x" * 300
                peer.sendall(b"%x\r\n%b\r\n" % (len(part), part))
                time.sleep(0.08)
            peer.sendall(b"0\r\n\r\n")
            peer.settimeout(LATE)
            status, _, body = read_answer(peer)
        if status == 200:
            break
        assert (status, code(body)) == (408, "body-timeout")  # this machine stood still
    assert (status, body) == (200, b'{"result":12900}')


def until_closed(opened: ClientConnection) -> tuple[list[str], int]:
    """All that is said to a client, and the close code."""
    said: list[str] = []
    with opened as one:
        try:
            while True:
                said.append(str(one.recv(timeout=LATE)))
        except ConnectionClosed as closed:
            return said, 1006 if closed.rcvd is None else closed.rcvd.code


def test_sockets_of_a_client_without_a_name_are_counted(url: str) -> None:
    def dialed(client: str) -> ClientConnection:
        return connect(f"{url.replace('http', 'ws', 1)}/agents/door/s", additional_headers={"CF-Connecting-IP": client})

    with ExitStack() as stack:
        for client in ("192.0.2.7", "192.0.2.7", "2001:db8:1:2::3", "2001:db8:1:2::4"):
            assert "cf_agent" in str(stack.enter_context(dialed(client)).recv(timeout=LATE))
        for client in ("192.0.2.7", "2001:db8:1:2::5"):
            said, ended = until_closed(dialed(client))
            assert ended == 4429 and "limit-quota-sockets" in said[-1], said
        other = stack.enter_context(dialed("192.0.2.8"))
        other.send('{"type":"rpc","id":"1","method":"knock","args":["in"]}')
        while '"rpc"' not in (frame := str(other.recv(timeout=LATE))):
            pass
        assert '"result":2' in frame
