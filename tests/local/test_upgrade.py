"""The turn of the loop between the 101 and the transport's change of protocol, played by hand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from uvicorn.server import ServerState

from roost_server.socket import SocketLimits
from roost_server.stream import Stream
from roost_server.upgrade import Upgrade, protocol_class

from .socket_server import Door, close_frame, frame

pytestmark = pytest.mark.anyio

REQUEST = (
    b"GET /agents/room/1 HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)


class Line(asyncio.Transport):
    """A transport that only notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.wrote = b""
        self.protocol: asyncio.BaseProtocol | None = None
        self.closed = False

    def write(self, data: Any) -> None:
        self.wrote += bytes(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert high is not None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


def upgrade(door: Door, line: Line) -> tuple[Upgrade, ServerState]:
    state = ServerState()
    config = uvicorn.Config(Starlette(), log_config=None)
    made = protocol_class(door, SocketLimits(ping_interval=None))
    assert issubclass(made, Upgrade)
    protocol = made(config, state, {})
    protocol.connection_made(line)
    protocol.data_received(REQUEST)
    assert line.wrote.startswith(b"HTTP/1.1 101 ")
    return protocol, state


async def turns() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_it_leaves_the_transport_to_the_stream() -> None:
    line = Line()
    _, state = upgrade(Door(), line)
    assert len(state.tasks) == 1
    await turns()
    assert isinstance(line.protocol, Stream)
    assert {id(known) for known in state.connections} == {id(line.protocol)}
    assert not state.tasks
    line.protocol.connection_lost(None)
    assert not state.connections


async def test_what_arrives_before_is_passed_on() -> None:
    door, line = Door(), Line()
    protocol, _ = upgrade(door, line)
    protocol.data_received(frame("early") + close_frame(1000))
    assert line.closed
    protocol.eof_received()
    protocol.connection_lost(None)
    await turns()
    assert line.protocol is None  # the transport is gone
    ear = door.ear("/agents/room/1")
    assert [ear.next(), ear.next()] == [("text", "early"), ("closed", 1000, "")]


async def test_a_full_buffer_before_is_passed_on() -> None:
    door, line = Door(), Line()
    protocol, _ = upgrade(door, line)
    protocol.pause_writing()
    protocol.resume_writing()
    await turns()
    assert isinstance(line.protocol, Stream)
    assert line.protocol.closing
    line.protocol.connection_lost(None)
    assert door.ear("/agents/room/1").next()[:2] == ("closed", 1013)
