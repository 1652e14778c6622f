"""What a peer may not send: each breach is named by its close code and costs that connection only."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from websockets.frames import Opcode

from roost_server.socket import SocketLimits

from .socket_server import Server, close_frame, frame, serving

MAX = 1000


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(SocketLimits(max_message=MAX, close_timeout=0.5), loop=request.param) as running:
        yield running


def huge(size: int) -> bytes:
    """The header alone of a frame of `size` bytes."""
    return struct.pack("!BBQ", 0x82, 0x80 | 127, size) + b"mask"


BREACHES = {
    "unmasked": (b"\x81\x02hi", 1002),
    "rsv1": (b"\xc1" + frame("hi")[1:], 1002),
    "rsv2": (b"\xa1" + frame("hi")[1:], 1002),
    "rsv3": (b"\x91" + frame("hi")[1:], 1002),
    "unknown data opcode": (b"\x83" + frame("hi")[1:], 1002),
    "unknown control opcode": (b"\x8b" + frame("hi")[1:], 1002),
    "control too long": (b"\x89" + frame("x" * 126)[1:], 1002),
    "control in fragments": (b"\x09" + frame("x")[1:], 1002),
    "continuation of nothing": (frame(b"x", Opcode.CONT), 1002),
    "message inside a message": (frame("a", fin=False) + frame("b"), 1002),
    "close of one byte": (frame(b"\x03", Opcode.CLOSE), 1002),
    "close with a code no one may send": (close_frame(1005), 1002),
    "close with a code below 1000": (close_frame(999), 1002),
    "close with a reason that is not UTF-8": (frame(b"\x03\xe8\xff", Opcode.CLOSE), 1007),
    "text not UTF-8": (frame(b"\xff\xfe", Opcode.TEXT), 1007),
    "text ends inside a character": (frame("€".encode()[:2], Opcode.TEXT), 1007),
    "text of surrogates": (frame(b"\xed\xa0\x80", Opcode.TEXT), 1007),
    "fragments not UTF-8": (frame(b"a", Opcode.TEXT, fin=False) + frame(b"\xff", Opcode.CONT), 1007),
    "too long": (frame("x" * (MAX + 1)), 1009),
    "announced too long": (huge(1 << 40), 1009),
    "length with its top bit set": (huge((1 << 63) + 1), 1009),
    "fragments too long": (frame("x" * MAX, fin=False) + frame(b"x", Opcode.CONT), 1009),
}


@pytest.mark.parametrize("cut", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("name", BREACHES)
def test_breach(server: Server, name: str, cut: bool) -> None:
    data, code = BREACHES[name]
    peer, ear = server.pair()
    with peer:
        stream = frame("before") + data
        for i in range(0, len(stream), 1 if cut else len(stream)):
            peer.send(stream[i : i + (1 if cut else len(stream))])
        assert peer.read() == (Opcode.TEXT, b"before")
        assert peer.read_close()[0] == code
        assert peer.ended()
    assert ear.next() == ("text", "before")
    assert ear.next()[:2] == ("closed", code)
    assert ear.heard.empty()


def test_nothing_after_a_breach_is_heard(server: Server) -> None:
    peer, ear = server.pair()
    with peer:
        peer.send(frame(b"\xff", Opcode.TEXT) + frame("after"))
        assert peer.read_close()[0] == 1007
        peer.send(frame("later") + close_frame(1000))
        assert peer.ended()
    assert ear.next()[:2] == ("closed", 1007)
    assert ear.heard.empty()


def test_the_code_reaches_a_peer_that_is_still_sending(server: Server) -> None:
    """Closing a TCP connection that has unread input resets it, and the reset overtakes our close frame."""
    peer, _ = server.pair()
    with peer:
        peer.send(huge(8 << 20))
        for _ in range(64):
            peer.send(b"x" * 65536)
        assert peer.read_close()[0] == 1009


@pytest.mark.parametrize("name", ["unmasked", "text not UTF-8", "too long"])
def test_a_peer_that_stays_after_a_breach_is_cut_off(server: Server, name: str) -> None:
    data, code = BREACHES[name]
    peer, ear = server.pair()
    with peer:
        peer.send(data)
        assert ear.next()[:2] == ("closed", code)  # after close_timeout: the peer never closes its side


def test_a_long_message_of_the_limit_exactly(server: Server) -> None:
    peer, ear = server.pair()
    with peer:
        peer.send(frame("x" * (MAX - 1), fin=False) + frame(b"y", Opcode.CONT))
        assert ear.next() == ("text", "x" * (MAX - 1) + "y")


def test_many_messages_before_open_returned_wait_unread(server: Server) -> None:
    """A slow hook costs a fast client nothing: what is too much stays in its own buffers."""
    server.door.gate.clear()
    try:
        peer, ear = server.pair()
        with peer:
            peer.send(b"".join(frame(str(i)) for i in range(65)))
            ear.do(lambda: None)
            peer.send(b"".join(frame(str(i)) for i in range(65, 300)) + frame(b"", Opcode.PING))
            assert ear.heard.empty()
            server.door.gate.set()
            assert [ear.next() for _ in range(300)] == [("text", str(i)) for i in range(300)]
            echoes = [peer.read() for _ in range(301)]
            assert echoes.count((Opcode.PONG, b"")) == 1, "reading did not go on"
    finally:
        server.door.gate.set()


def test_many_bytes_before_open_returned_back_up() -> None:
    with serving(SocketLimits(max_message=1 << 20)) as server:
        server.door.gate.clear()
        peer, ear = server.pair()
        with peer:
            message = frame(b"x" * (256 * 1024), Opcode.BINARY)
            peer.net.settimeout(0.5)
            with pytest.raises(TimeoutError):
                peer.net.sendall(message * 256)  # more than any buffer on the way takes
            assert ear.heard.empty()
            server.door.gate.set()
            assert len(ear.next()[1]) == 256 * 1024  # type: ignore[arg-type]  # a message


def test_closed_while_too_much_waits(server: Server) -> None:
    server.door.gate.clear()
    try:
        peer, ear = server.pair()
        with peer:
            peer.send(frame(b"x") * 65)
            ear.do(lambda: ear.socket.close(4000, "enough"))
            assert peer.read_close()[0] == 4000
            server.door.gate.set()
        assert ear.next()[:2] == ("closed", 4000)
        assert ear.heard.empty()
    finally:
        server.door.gate.set()
