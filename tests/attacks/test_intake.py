"""What one client may cost before anybody knows who it is: heads, bodies, handshakes, connections."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.local.server import PATHS, ROOT

from .raw import UPGRADE, code, dial, read_answer, request

CALL = "/v1/agents/counter/intake/call/add"
HOST = "Host: localhost"
MIB = 1 << 20


class Attacked:
    """A `roost serve` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def rss(self) -> int:
        """Bytes of memory it holds."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def lives(self) -> None:
        """It answers others."""
        assert httpx.get(f"{self.url}/healthz", timeout=10).status_code == 200


@contextmanager
def attacked(files: int | None = None, head: float = 0.6) -> Generator[Attacked]:
    """`files`: how many it may have open. `head`: seconds that it waits for one."""

    command = [sys.executable, "-m", "tests.attacks.served", str(head)]
    if files is not None:
        command = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PATHS))}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://[\d.]+:\d+", line)
        assert found, line
        yield Attacked(process, found[0])
    finally:
        process.terminate()
        process.communicate(timeout=40)


@pytest.fixture(scope="module")
def server() -> Generator[Attacked]:
    with attacked() as found:
        yield found


def flood(peer: socket.socket, chunk: bytes, total: int) -> int:
    """Send until it is cut off; how many bytes went out."""
    sent = 0
    with suppress(OSError):
        while sent < total:
            peer.sendall(chunk)
            sent += len(chunk)
    return sent


@pytest.mark.parametrize("chunk", [b"X-Many: 1\r\n" * 1000, b"x" * MIB, b"X: \r\n y\r\n" * 1000, b"\r\n" * 1000])
@pytest.mark.parametrize("path", ["/healthz", CALL, "/agents/counter/intake"])
def test_a_head_without_end(server: Attacked, path: str, chunk: bytes) -> None:
    before = server.rss()
    with dial(server.url) as peer:
        start = b"" if chunk.isspace() else f"GET {path} HTTP/1.1\r\n{HOST}\r\nX-Long: ".encode()
        peer.sendall(start)
        sent = flood(peer, chunk, 200 * MIB)
        assert sent < 16 * MIB
        status, _, body = read_answer(peer)
        if status and status != 400:  # 0: it was cut, 400: lines that HTTP does not have
            assert (status, code(body)) in ((431, "head-too-large"), (408, "head-timeout"))
    assert server.rss() - before < 8 * MIB
    server.lives()


@pytest.mark.parametrize(
    "head",
    [
        [HOST, *(f"X-{n}: 1" for n in range(100))], [HOST, "X: " + "x" * (64 << 10)],
        [HOST, *(f"X-{n}: {'y' * 1000}" for n in range(70))], [HOST, "x" * (65 << 10) + ": 1"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/healthz", "/agents/counter/intake", "/" + "p" * (64 << 10)])
def test_heads_that_are_too_large(server: Attacked, path: str, head: list[str]) -> None:
    for more in ((), UPGRADE):
        with dial(server.url) as peer:
            with suppress(ConnectionError):
                peer.sendall(request(f"GET {path}", *head, *more))
            status, headers, body = read_answer(peer)
            assert (status, code(body)) == (431, "head-too-large")
            assert headers["connection"] == "close"


def test_a_head_that_just_fits(server: Attacked) -> None:
    with dial(server.url) as peer:
        for _ in range(3):  # on one connection: each head is measured on its own
            peer.sendall(request("GET /healthz", HOST, *(f"X-{n}: {'y' * 600}" for n in range(99))))
            assert read_answer(peer)[0] == 200


@pytest.mark.parametrize("start", [b"", b"GET", b"GET /healthz HTTP/1.1\r\nHost: local", b"\r\n\r\n"])
def test_silent_and_half_sent_connections_end(server: Attacked, start: bytes) -> None:
    with dial(server.url) as peer:
        peer.sendall(start)
        began = time.monotonic()
        status, _, body = read_answer(peer)
        assert time.monotonic() - began < 5
        assert status == 0 if not start.strip() else (status, code(body)) == (408, "head-timeout")
        assert peer.recv(1) == b""


def test_a_head_that_drips(server: Attacked) -> None:
    with dial(server.url) as peer:
        began = time.monotonic()
        with suppress(OSError):
            for byte in request("GET /healthz", HOST, "X-Drip: " + "x" * 1000):
                peer.sendall(bytes([byte]))
                time.sleep(0.02)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("path", [CALL, "/v1/agents/counter/intake/tell/add", "/agents/counter/intake"])
@pytest.mark.parametrize("form", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
def test_a_body_that_stops(server: Attacked, path: str, form: str) -> None:
    with dial(server.url) as peer:
        peer.sendall(request(f"POST {path}", HOST, "Content-Type: application/json", form) + b"5\r\n{")
        began = time.monotonic()
        status, headers, body = read_answer(peer)
        assert (status, code(body)) == (408, "body-timeout")
        assert headers["connection"] == "close"
        assert time.monotonic() - began < 5
    server.lives()


@pytest.mark.parametrize("path", [CALL, "/agents/counter/intake"])
def test_a_body_that_drips(server: Attacked, path: str) -> None:
    with dial(server.url) as peer:
        peer.sendall(request(f"POST {path}", HOST, "Content-Type: application/json", "Content-Length: 1000"))
        began = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - began < 5:
                peer.sendall(b" ")
                time.sleep(0.05)
        assert time.monotonic() - began < 5
    server.lives()


def test_a_body_that_is_slow_and_goes_on(server: Attacked) -> None:
    with dial(server.url) as peer:
        peer.sendall(request("POST /agents/counter/slow", HOST, "Content-Length: 3000"))
        for _ in range(30):
            peer.sendall(b" " * 100)
            time.sleep(0.08)
        assert read_answer(peer)[0] == 200


def test_an_answer_that_is_sipped(server: Attacked) -> None:
    for _ in range(20):
        httpx.post(f"{server.url}/v1/agents/counter/sipped/call/fill", json={"args": [40, 20_000]}, timeout=10)
    before = server.files()
    with dial(server.url) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.sendall(request("GET /v1/agents/counter/sipped/events?follow=false", HOST, "Accept: text/event-stream"))
        edge = time.monotonic() + 15
        while server.files() > before or edge - time.monotonic() > 14:
            peer.recv(1)
            assert time.monotonic() < edge
            time.sleep(0.02)


@pytest.mark.parametrize(
    "chunk",
    [b"1;" + b"x" * 60_000, b"0\r\n" + b"X-Trailer: 1\r\n" * 8000, b"0\r\nX-Trailer: " + b"x" * MIB],
    ids=["extension", "trailers", "one trailer"],
)
def test_a_chunked_body_of_everything_but_body(server: Attacked, chunk: bytes) -> None:
    before = server.rss()
    with dial(server.url) as peer:
        peer.sendall(request(f"POST {CALL}", HOST, "Content-Type: application/json", "Transfer-Encoding: chunked"))
        peer.sendall(chunk)
        assert flood(peer, chunk.partition(b"\n")[2] or chunk, 200 * MIB) < 16 * MIB
    assert server.rss() - before < 8 * MIB
    server.lives()


@pytest.mark.parametrize("path", [CALL, "/v1/agents/counter/intake/tell/add", "/agents/counter/intake"])
def test_a_body_without_end(server: Attacked, path: str) -> None:
    before = server.rss()
    with dial(server.url) as peer:
        peer.sendall(request(f"POST {path}", HOST, "Content-Type: application/json", "Transfer-Encoding: chunked"))
        chunk = b"%x\r\n%b\r\n" % (MIB, b" " * MIB)
        flood(peer, chunk, 8 * MIB)
        status, _, body = read_answer(peer)
        assert (status, code(body)) == (413, "limit-http-body")
        assert flood(peer, chunk, 200 * MIB) < 32 * MIB
    assert server.rss() - before < 16 * MIB


def test_a_refused_body_is_not_taken_for_ever(server: Attacked) -> None:
    """The answer is 413 at once; whoever goes on, a byte at a time, is cut off."""
    with dial(server.url) as peer:
        peer.sendall(request(f"POST {CALL}", HOST, "Content-Type: application/json", f"Content-Length: {50 * MIB}"))
        assert read_answer(peer)[0] == 413
        began = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - began < 5:
                peer.sendall(b" ")
                time.sleep(0.05)
        assert time.monotonic() - began < 5


def test_a_reader_that_reads_nothing_is_cut_off(server: Attacked) -> None:
    for _ in range(20):
        httpx.post(f"{server.url}/v1/agents/counter/full/call/fill", json={"args": [40, 20_000]}, timeout=10)
    before = server.files()
    with ExitStack() as stack:
        peers = [stack.enter_context(dial(server.url)) for _ in range(5)]
        for peer in peers:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.sendall(request("GET /v1/agents/counter/full/events", HOST, "Accept: text/event-stream"))
        for low, high in ((before + 3, before + 5), (0, before)):
            edge = time.monotonic() + 10
            while not low <= server.files() <= high:
                assert time.monotonic() < edge, server.files() - before
                time.sleep(0.05)


def test_connections_stay_below_the_limit_of_open_files() -> None:
    with attacked(200, head=60) as server, ExitStack() as stack:
        peers = [stack.enter_context(dial(server.url)) for _ in range(300)]  # the server's backlog takes them all
        assert server.files() < 190
        server.lives()
        for peer in peers:
            peer.close()
        server.lives()
        server.process.terminate()
        _, said = server.process.communicate(timeout=40)
        assert said.count("connections are open, which is the limit") == 1, said
        assert "Too many open files" not in said


def test_sockets_count_too() -> None:
    with attacked(files=200) as server, ExitStack() as stack:
        opened = 0
        for n in range(300):
            peer = stack.enter_context(dial(server.url))
            with suppress(OSError):
                peer.sendall(request(f"GET /agents/counter/socket-{n % 9}", HOST, *UPGRADE))
                opened += peer.recv(1024).startswith(b"HTTP/1.1 101")
        assert 50 < opened <= 168
        assert server.files() < 190
