"""Pings: one timer for all, each connection once an interval, silence noticed."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from websockets.frames import Opcode

from roost_server.pulse import GROUPS, Pulse
from roost_server.socket import SocketLimits
from roost_server.stream import Stream

from .socket_server import frame, serving


class Clock:
    """The one timer of a loop, wound by hand."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Any, tuple[Any, ...]]] = []

    def call_later(self, delay: float, do: Any, *args: Any) -> Clock:
        self.timers.append((delay, do, args))
        return self

    def cancel(self) -> None:
        self.timers.clear()

    def tick(self) -> float:
        ((delay, do, args),) = self.timers
        self.timers.clear()
        do(*args)
        return delay


class Member:
    def __init__(self, pulse: Pulse | None = None) -> None:
        self.beats = 0
        self.pulse = pulse

    def beat(self) -> None:
        self.beats += 1
        if self.pulse is not None:
            self.pulse.discard(self)


def test_each_member_beats_once_an_interval_and_the_work_is_spread() -> None:
    clock = Clock()
    pulse = Pulse(cast("asyncio.AbstractEventLoop", clock), 20.0)
    members = [Member() for _ in range(3 * GROUPS)]
    for member in members:
        pulse.add(member)
    for at in range(1, 2 * GROUPS + 1):
        assert clock.tick() == 20.0 / GROUPS
        assert sum(member.beats for member in members) == 3 * at
    assert {member.beats for member in members} == {2}


def test_the_timer_rests_without_members() -> None:
    clock = Clock()
    pulse = Pulse(cast("asyncio.AbstractEventLoop", clock), 20.0)
    assert not clock.timers
    one, other = Member(), Member(pulse)
    pulse.add(one)
    pulse.add(other)
    pulse.discard(one)
    pulse.discard(one)
    for _ in range(GROUPS):
        if clock.timers:
            clock.tick()
    assert (one.beats, other.beats) == (0, 1)
    assert not clock.timers
    pulse.add(one)
    assert len(clock.timers) == 1


def test_no_interval_no_timer() -> None:
    clock = Clock()
    Pulse(cast("asyncio.AbstractEventLoop", clock), None).add(Member())
    assert not clock.timers


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_silent_peer_is_given_up(loop: str) -> None:
    with serving(SocketLimits(ping_interval=0.2), loop=loop) as server:
        peer, ear = server.pair()
        with peer:
            for _ in range(3):  # answered: it lives
                assert peer.read() == (Opcode.PING, b"")
                peer.send(frame(b"", Opcode.PONG))
            assert peer.read() == (Opcode.PING, b"")  # not answered
            assert ear.next() == ("closed", 1006, "no answer to a ping")
            assert ear.heard.empty()


def test_a_pause_forgives_the_ping_before_it() -> None:
    with serving(SocketLimits(ping_interval=None)) as server:
        peer, ear = server.pair()
        stream = cast("Stream", ear.socket)

        def pause_after_a_ping() -> None:  # within one turn of the loop: no pong can come in between
            stream.beat()
            stream.pause()
            stream.resume()
            stream.beat()

        with peer:
            ear.do(pause_after_a_ping)
            assert [peer.read() for _ in range(2)] == [(Opcode.PING, b"")] * 2
            ear.do(stream.beat)
            assert ear.next() == ("closed", 1006, "no answer to a ping")


def test_a_paused_peer_is_not_silent() -> None:
    with serving(SocketLimits(ping_interval=0.1)) as server:
        paused, ear = server.pair()
        other, other_ear = server.pair()
        with paused, other:
            ear.do(ear.socket.pause)
            # The other one falls silent and is given up; the paused one has been passed over meanwhile.
            assert other_ear.next()[0] == "closed"
            assert ear.heard.empty()
            paused.send(frame("here"))
            ear.do(ear.socket.resume)
            assert ear.next() == ("text", "here")
