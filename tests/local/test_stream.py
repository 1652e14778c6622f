"""A frame means the same however its bytes come: whole, where it has a way of its own, or in pieces."""

from __future__ import annotations

import asyncio
import random
import struct
from typing import Any

import pytest

from roost_server.pulse import Pulse
from roost_server.socket import Listener, SocketLimits
from roost_server.stream import Stream

pytestmark = pytest.mark.anyio
MASK = b"\x01\x02\x03\x04"


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


class Heard:
    def __init__(self) -> None:
        self.messages: list[str | bytes] = []

    def text(self, data: str) -> None:
        self.messages.append(data)

    def binary(self, data: bytes) -> None:
        self.messages.append(data)

    def closed(self, code: int, reason: str) -> None: ...


def frame(data: bytes, opcode: int = 1, *, fin: bool = True, long: bool = False) -> bytes:
    """From a client. `long`: its length is written longer than need be."""
    size = len(data)
    head = bytes(((0x80 if fin else 0) | opcode,))
    if size < 126 and not long:
        head += bytes((0x80 | size,))
    else:
        head += bytes((0x80 | 126,)) + struct.pack("!H", size)
    return head + MASK + bytes(x ^ MASK[i % 4] for i, x in enumerate(data))


def stream(limits: SocketLimits | None = None) -> tuple[Stream, Heard, Transport]:
    loop = asyncio.get_running_loop()
    endpoint: Any = object()
    listener = Listener(endpoint, limits or SocketLimits(), Pulse(loop, None), loop, set(), set())
    transport, heard = Transport(), Heard()
    made: Any = Stream(listener, transport)
    made.receiver, made._held, made._opening = heard, None, False
    return made, heard, transport


FRAMES = [
    frame(b"short"), frame(b""), frame(b"x" * 125), frame(b"y" * 126), frame("grüße".encode()), frame(b"\x00\xff", 2),
    frame(b"part", fin=False), frame(b"ping", 9), frame(b"ial", 0), frame(b"late"), frame(b"again"),
]  # fmt: skip
HEARD = ["short", "", "x" * 125, "y" * 126, "grüße", b"\x00\xff", "partial", "late", "again"]


@pytest.mark.parametrize("seed", range(20))
async def test_however_it_is_cut(seed: int) -> None:
    draw, (one, heard, _) = random.Random(seed), stream()
    rest = b"".join(FRAMES)
    while rest:
        size = draw.choice([1, 2, 3, 6, 7, 11, 50, 131])
        one.data_received(rest[:size])
        rest = rest[size:]
    assert heard.messages == HEARD


async def test_whole_frames_one_by_one() -> None:
    one, heard, _ = stream()
    for each in FRAMES:
        one.data_received(each)
    assert heard.messages == HEARD


async def test_the_rest_of_a_frame_may_look_like_one() -> None:
    one, heard, _ = stream()
    text, mask = b"7 bytes", bytes((0x81, 0x80 | 5, 1, 2))  # with seven bytes behind it: a whole text of five
    one.data_received(bytes((0x81, 0x80 | 7)))
    one.data_received(mask + bytes(x ^ mask[i % 4] for i, x in enumerate(text)))
    assert heard.messages == ["7 bytes"]


async def test_a_length_longer_than_need_be_is_read_and_what_follows_too() -> None:
    one, heard, _ = stream()
    for each in (frame(b"long", long=True), frame(b"short"), frame(b"shorter")):
        one.data_received(each)
    assert heard.messages == ["long", "short", "shorter"]


async def test_what_breaks_the_rules_is_refused_as_by_the_library() -> None:
    for bad, code in (
        (frame(b"\xff\xfe"), 1007),
        (frame(b"x" * 60), 1009),
        (b"\x81\x02hi", 1002),
        (frame(b"\xc3\xa9"[:1]), 1007),
    ):
        one, heard, transport = stream(SocketLimits(max_message=50))
        one.data_received(bad)
        one.data_received(frame(b"after"))
        assert heard.messages == [] and struct.pack("!H", code) in transport.written[:4]


async def test_a_text_in_the_middle_of_another_is_refused() -> None:
    one, heard, transport = stream()
    one.data_received(frame(b"part", fin=False))
    one.data_received(frame(b"whole"))
    assert heard.messages == [] and struct.pack("!H", 1002) in transport.written[:4]
