"""Handshakes: whose path it is, what the endpoint is told, what is refused before it is asked."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any, cast

import pytest
from websockets.exceptions import InvalidStatus
from websockets.frames import Opcode
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from roost_server.socket import Handshake
from roost_server.upgrade import Upgrade

from .socket_server import WAIT, Peer, Server, close_frame, frame, serving


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(loop=request.param) as running:
        yield running


def told(server: Server, path: str) -> Handshake:
    while True:
        handshake, _ = server.door.opened.get(timeout=WAIT)
        if handshake.path == path:
            return handshake


def test_what_the_endpoint_is_told(server: Server) -> None:
    with server.peer("/agents/my-room/a%20b%2F%E2%82%AC?_pk=1&q=%20", "X-Thing: One\r\nX-Thing: tw\xf6\r\n"):
        handshake = told(server, "/agents/my-room/a%20b%2F%E2%82%AC")
    assert handshake.query == "_pk=1&q=%20"
    assert [value for name, value in handshake.headers if name == b"x-thing"] == [b"One", "tw\xf6".encode()]
    assert (b"host", b"127.0.0.1:%d" % server.port) in handshake.headers
    assert (handshake.client, handshake.scheme) == ("127.0.0.1", "ws")


@pytest.mark.parametrize(
    ("version", "headers", "status"),
    [
        (None, "", 426),
        ("12", "", 426),
        ("13, 8", "", 426),
        ("13", "Sec-WebSocket-Version: 13\r\n", 426),
        ("13", "Sec-WebSocket-Key: short\r\n", 400),
        ("13", "Sec-WebSocket-Key: !!!!\r\n", 400),
        ("13", "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\nSec-WebSocket-Key: x\r\n", 400),
        ("13", "Content-Length: 3\r\n", 400),
        ("13", "Bad Name: 3\r\n", 400),
    ],
)
def test_refused(server: Server, version: str | None, headers: str, status: int) -> None:
    with Peer(server.port) as peer:
        head = peer.handshake("/agents/room/1", headers, version=version)
        assert head.startswith(b"HTTP/1.1 %d " % status)
        if status == 426:
            assert b"sec-websocket-version: 13\r\n" in head.lower()


def test_only_get(server: Server) -> None:
    with Peer(server.port) as peer:
        head = peer.handshake("/agents/room/1", method="POST")
        assert head.split()[1] in (b"405", b"400")  # 400 before websockets 16


def test_no_subprotocol_is_agreed_on(server: Server) -> None:
    url = f"ws://127.0.0.1:{server.port}/agents/room/1"
    with connect(url, subprotocols=[Subprotocol("chat")]) as client:
        assert client.subprotocol is None


def test_the_web_side_keeps_its_paths(server: Server) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/web/echo") as client:
        for i in range(3):
            client.send(str(i))
            assert client.recv() == f"web:{i}"
    with pytest.raises(InvalidStatus) as error, connect(f"ws://127.0.0.1:{server.port}/nowhere"):
        pass
    assert error.value.response.status_code == 403


def test_both_sides_in_one_server(server: Server) -> None:
    with (
        connect(f"ws://127.0.0.1:{server.port}/web/echo") as web,
        connect(f"ws://127.0.0.1:{server.port}/agents/room/1") as agent,
    ):
        web.send("a")
        agent.send("a")
        assert (web.recv(), agent.recv()) == ("web:a", "a")


def test_frames_right_behind_the_answer(server: Server) -> None:
    """The new protocol gets the transport one turn of the loop after the 101; nothing may fall between."""
    for _ in range(50):
        with server.peer(path := server.path()) as peer:
            peer.send(frame("1"))
            peer.send(frame("2"))
            assert [peer.read() for _ in range(2)] == [(Opcode.TEXT, b"1"), (Opcode.TEXT, b"2")]
            peer.send(close_frame(1000))
            ear = server.door.ear(path)
            assert [ear.next()[1] for _ in range(2)] == ["1", "2"]
        assert ear.next() == ("closed", 1000, "")


def test_reset_right_behind_the_answer(server: Server) -> None:
    for _ in range(50):
        peer = server.peer(path := server.path())
        peer.reset()
        ear = server.door.ear(path)
        assert ear.next() == ("closed", 1006, "")


def test_nothing_stays_behind(server: Server) -> None:
    peer, ear = server.pair()
    gc.collect()
    known = cast("set[object]", server.uvicorn.server_state.connections)
    tasks: list[set[asyncio.Task[Any]]] = []
    with peer:
        ear.do(lambda: tasks.append(asyncio.all_tasks(ear.loop)))
        assert len(tasks[0]) == 1  # uvicorn's own
        assert not [held for held in gc.get_objects() if isinstance(held, Upgrade)]
        assert ear.socket in known
    assert ear.next()[0] == "closed"
    assert ear.socket not in known
    assert ear.socket.receiver is None
