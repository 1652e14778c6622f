"""How connections end: whoever closes first, `closed` is heard once, last, and with the right code."""

from __future__ import annotations

import logging
import socket as net
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.sync.client import connect

from roost_server.socket import Socket, SocketLimits

from .socket_server import WAIT, Door, Server, close_frame, frame, serving


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def running(request: pytest.FixtureRequest) -> Iterator[Server]:
    limits = SocketLimits(close_timeout=0.3, max_buffer=256 * 1024, ping_interval=None)
    with serving(limits, loop=request.param) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    yield running
    fresh = Door()
    running.door.gate.set()
    running.door.answer, running.door.welcome = fresh.answer, fresh.welcome


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (4400, "€" * 41)])
def test_the_peer_closes(server: Server, code: int, reason: str) -> None:
    peer, ear = server.pair()
    with peer:
        peer.send(frame("last") + close_frame(code, reason) + frame("too late"))
        assert peer.read() == (Opcode.TEXT, b"last")
        assert peer.read_close() == (code, reason)
        assert peer.ended()
    assert ear.next() == ("text", "last")
    assert ear.next() == ("closed", code, reason)
    assert ear.heard.empty()


def test_the_peer_closes_without_a_code(server: Server) -> None:
    peer, ear = server.pair()
    with peer:
        peer.send(close_frame())
        assert peer.read() == (Opcode.CLOSE, b"")
        assert peer.ended()
    assert ear.next() == ("closed", 1005, "")


def test_we_close(server: Server) -> None:
    peer, ear = server.pair()
    with peer:
        ear.do(lambda: ear.socket.close(4401, "é" * 100))
        ear.do(lambda: ear.socket.close(4402, "twice"))
        ear.do(lambda: ear.socket.send("too late"))
        assert peer.read_close() == (4401, "é" * 61)
        peer.send(frame("dropped") + close_frame(4401))
        assert peer.ended()
    assert ear.next() == ("closed", 4401, "é" * 61)
    assert ear.heard.empty()


def test_we_close_and_the_peer_does_not_answer(server: Server) -> None:
    peer, ear = server.pair()
    with peer:
        ear.do(ear.socket.close)
        assert ear.next() == ("closed", 1000, "")  # after close_timeout


def test_both_close_at_once(server: Server) -> None:
    peer, ear = server.pair()

    def cross() -> None:  # within one turn of the loop: neither has read the other's
        peer.send(close_frame(1001))
        ear.socket.close(4000, "ours")

    with peer:
        ear.do(cross)
        assert peer.read_close() == (4000, "ours")
        assert peer.ended()
    assert ear.next() == ("closed", 4000, "ours")
    assert ear.heard.empty()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_codes_no_one_may_send(server: Server, code: int) -> None:
    peer, ear = server.pair()
    with peer, pytest.raises(ValueError, match=str(code)):
        ear.socket.close(code)


def test_closing_from_within_a_message(server: Server) -> None:
    server.door.answer = lambda socket, message: socket.close(4001, "enough")
    peer, ear = server.pair()
    with peer:
        peer.send(frame("1") + frame("2") + close_frame(1000))
        peer.read_close()
        assert peer.ended()
    assert ear.next() == ("text", "1")
    assert ear.next() == ("closed", 4001, "enough")
    assert ear.heard.empty()


def test_refused_by_open(server: Server) -> None:
    def refuse(socket: Socket) -> None:
        socket.send('{"type":"error"}')
        socket.close(4403, "no")

    server.door.welcome = refuse
    with connect(f"ws://127.0.0.1:{server.port}/agents/room/refused") as client:
        assert client.recv() == '{"type":"error"}'
        with pytest.raises(ConnectionClosed) as error:
            client.recv()
        assert error.value.rcvd is not None
        assert (error.value.rcvd.code, error.value.rcvd.reason) == (4403, "no")


def test_reset(server: Server) -> None:
    peer, ear = server.pair()
    peer.reset()
    assert ear.next() == ("closed", 1006, "")
    ear.do(lambda: ear.socket.send("to no one"))
    ear.do(ear.socket.close)
    ear.do(ear.socket.pause)
    assert ear.socket.closing
    assert ear.socket.buffered == 0
    assert ear.heard.empty()


def test_half_close_without_a_close_frame(server: Server) -> None:
    peer, ear = server.pair()
    with peer:
        peer.send(frame("last") + frame("cut")[:4])
        peer.net.shutdown(net.SHUT_WR)
        assert ear.next() == ("text", "last")
        assert ear.next() == ("closed", 1006, "")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_gone_before_open_returned(server: Server, how: str) -> None:
    server.door.gate.clear()
    peer, ear = server.pair()
    with peer:
        peer.send(frame("heard"))
        if how == "close":
            peer.send(close_frame(1001))
            assert peer.read_close() == (1001, "")
            assert peer.ended()
    if how == "reset":
        peer.net.close()
    assert ear.heard.empty()
    server.door.gate.set()
    assert ear.next() == ("text", "heard")
    assert ear.next()[:2] == ("closed", 1001 if how == "close" else 1006)
    assert ear.heard.empty()


def test_a_slow_reader(server: Server) -> None:
    peer, ear = server.pair()
    peer.net.setsockopt(net.SOL_SOCKET, net.SO_RCVBUF, 4096)
    with peer:

        def flood() -> None:
            for _ in range(1000):
                ear.socket.send("x" * 65536)

        ear.do(flood)
        assert ear.next() == ("closed", 1013, "too slow")
        assert ear.heard.empty()


def test_a_slow_reader_that_catches_up_learns_why(server: Server) -> None:
    peer, ear = server.pair()
    with peer:

        def flood() -> None:
            while not ear.socket.closing:
                ear.socket.send("x" * 65536)

        ear.do(flood)
        frames = iter(peer.read, None)
        last = next(got for got in frames if got[0] is Opcode.CLOSE)
        assert last[1][:2] == (1013).to_bytes(2)


@pytest.mark.parametrize("where", ["open", "message"])
def test_a_failure_of_ours(server: Server, where: str, caplog: pytest.LogCaptureFixture) -> None:
    def fail(socket: Socket, message: str | bytes = "") -> None:
        raise RuntimeError("broken")

    if where == "open":
        server.door.welcome = fail
    else:
        server.door.answer = fail
    with caplog.at_level(logging.ERROR, "roost.socket"):
        peer, ear = server.pair()
        with peer:
            peer.send(frame("x"))
            assert peer.read_close() == (1011, "")
            peer.send(close_frame(1011))
            assert peer.ended()
    heard = [ear.next() for _ in range(1 if where == "open" else 2)]
    assert heard[-1] == ("closed", 1011, "")
    assert "broken" in caplog.text


def test_the_server_stops() -> None:
    with serving() as server:
        peer, ear = server.pair()
        with peer:
            server.uvicorn.should_exit = True
            assert peer.read_close()[0] == 1012
            peer.send(close_frame(1012))
            assert peer.ended()
        assert ear.heard.get(timeout=WAIT)[:2] == ("closed", 1012)
