"""Messages through a socket: whole, in order, however the bytes were cut."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from roost_server.socket import Socket, SocketLimits, binary_frame, text_frame

from .socket_server import Server, frame, serving


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(SocketLimits(max_message=1 << 20), loop=request.param) as running:
        yield running


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 1 << 20])
def test_sizes(server: Server, size: int) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/agents/room/1", max_size=None) as client:
        client.send("é" * (size // 2))
        assert client.recv() == "é" * (size // 2)
        client.send(b"\x00" * size)
        assert client.recv() == b"\x00" * size


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_frames_are_those_of_the_library(size: int) -> None:
    data = b"x" * size
    assert text_frame(data) == Frame(Opcode.TEXT, data).serialize(mask=False)
    assert binary_frame(data) == Frame(Opcode.BINARY, data).serialize(mask=False)


def test_compression_is_never_agreed_on(server: Server) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/agents/room/1", compression="deflate") as client:
        assert client.protocol.extensions == []


def test_several_frames_in_one_packet(server: Server) -> None:
    peer, _ = server.pair()
    with peer:
        peer.send(b"".join(frame(str(i)) for i in range(50)))
        assert [peer.read() for _ in range(50)] == [(Opcode.TEXT, b"%d" % i) for i in range(50)]


def test_byte_by_byte(server: Server) -> None:
    peer, _ = server.pair()
    with peer:
        for byte in frame("x" * 130) + frame(b"\x01"):
            peer.send(bytes((byte,)))
        assert peer.read() == (Opcode.TEXT, b"x" * 130)
        assert peer.read() == (Opcode.BINARY, b"\x01")


def test_fragments_are_joined_around_a_ping(server: Server) -> None:
    peer, ear = server.pair()
    with peer:
        euro = "€".encode()
        peer.send(frame(euro[:1], Opcode.TEXT, fin=False) + frame(b"?", Opcode.PING))
        assert peer.read() == (Opcode.PONG, b"?")
        peer.send(frame(b"", Opcode.CONT, fin=False) + frame(euro[1:], Opcode.CONT))
        assert ear.next() == ("text", "€")
        peer.send(frame(b"a", Opcode.BINARY, fin=False) + frame(b"b", Opcode.CONT))
        assert ear.next() == ("binary", b"ab")


MESSAGES = st.lists(st.one_of(st.text(max_size=200), st.binary(max_size=200)), min_size=1, max_size=12)


@settings(max_examples=40)
@given(messages=MESSAGES, data=st.data())
def test_cuts_do_not_matter(server: Server, messages: list[str | bytes], data: st.DataObject) -> None:
    """Fragments cut at random, pings strewn in, the byte stream cut at random: the same messages arrive."""
    stream = b""
    for message in messages:
        payload = message.encode() if isinstance(message, str) else message
        cuts = sorted(data.draw(st.lists(st.integers(0, len(payload)), max_size=3)))
        parts = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        for i, part in enumerate(parts):
            opcode = Opcode.CONT if i else Opcode.TEXT if isinstance(message, str) else Opcode.BINARY
            stream += frame(part, opcode, fin=i == len(parts) - 1)
            if data.draw(st.booleans()):
                stream += frame(b"p", data.draw(st.sampled_from([Opcode.PING, Opcode.PONG])))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    peer, ear = server.pair()
    with peer:
        for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            peer.send(stream[a:b])
        assert [ear.next()[1] for _ in messages] == messages


def test_ways_to_send(server: Server) -> None:
    peer, ear = server.pair()

    def send() -> None:
        ear.socket.send("é")
        ear.socket.send_text_bytes("é".encode())
        ear.socket.write(text_frame(b"shared"))
        ear.socket.write(binary_frame(b"\x00" * 200))

    with peer:
        ear.do(send)
        assert [peer.read() for _ in range(4)] == [
            (Opcode.TEXT, "é".encode()),
            (Opcode.TEXT, "é".encode()),
            (Opcode.TEXT, b"shared"),
            (Opcode.BINARY, b"\x00" * 200),
        ]


def test_messages_sent_before_open_returned_wait(server: Server) -> None:
    door = server.door
    door.gate.clear()
    door.welcome = lambda socket: socket.send("welcome")
    try:
        peer, ear = server.pair()
        with peer:
            peer.send(b"".join(frame(str(i)) for i in range(64)) + frame(b"", Opcode.PING))
            assert peer.read() == (Opcode.PONG, b"")  # so the messages have been read
            assert ear.heard.empty()
            door.gate.set()
            assert peer.read() == (Opcode.TEXT, b"welcome")
            assert [ear.next() for _ in range(64)] == [("text", str(i)) for i in range(64)]
    finally:
        door.gate.set()
        door.welcome = None


def test_pause_holds_even_what_was_read(server: Server) -> None:
    door = server.door

    def pause(socket: Socket, message: str | bytes) -> None:
        if message == "stop":
            socket.pause()

    door.answer = pause
    try:
        peer, ear = server.pair()
        with peer:
            peer.send(frame("stop") + frame("1") + frame("stop") + frame("2"))
            assert ear.next() == ("text", "stop")
            peer.send(frame("3"))
            ear.do(lambda: None)
            assert ear.heard.empty()
            ear.do(ear.socket.resume)
            assert [ear.next() for _ in range(2)] == [("text", "1"), ("text", "stop")]
            ear.do(lambda: None)
            assert ear.heard.empty()
            ear.do(ear.socket.resume)
            assert [ear.next() for _ in range(2)] == [("text", "2"), ("text", "3")]
    finally:
        door.answer = Socket.send


def test_resume_from_within_a_message(server: Server) -> None:
    door = server.door

    def blink(socket: Socket, message: str | bytes) -> None:
        socket.pause()
        socket.resume()
        socket.send(message)

    door.answer = blink
    try:
        peer, ear = server.pair()
        with peer:
            peer.send(frame("1") + frame("2") + frame("3"))
            assert [peer.read() for _ in range(3)] == [(Opcode.TEXT, b"%d" % i) for i in (1, 2, 3)]
            assert [ear.next()[1] for _ in range(3)] == ["1", "2", "3"]
    finally:
        door.answer = Socket.send
