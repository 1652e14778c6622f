"""A lane of numbered frames that outlives the invocation which holds it."""

from __future__ import annotations

import asyncio

import pytest

from roost.protocol.numbering import GAP_SECONDS
from roost_lambda import frame_lanes
from roost_lambda.client import Client
from roost_lambda.frame_lanes import HOLD, FrameGap, Lanes
from roost_lambda.table import Table

pytestmark = pytest.mark.anyio
CID = "L0SM9cOFvHcCIhw="


class Lane:
    """Invocations of one connection on a clock of their own; what they ran."""

    def __init__(self, dynamo: tuple[str, Client]) -> None:
        self.now = 1000.0
        self.ran: list[str] = []
        self.lanes = Lanes(Table(*dynamo), lambda: self.now, self.sleep, lambda: self.now)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def run(self, texts: list[str]) -> None:
        self.ran += texts


async def test_frames_that_time_leaves_no_room_for_run_in_the_next_invocation(dynamo: tuple[str, Client]) -> None:
    lane = Lane(dynamo)

    async def slow(texts: list[str]) -> None:
        await lane.run(texts)
        assert await lane.lanes.take(CID, 2, "two", "b", lane.run, end=1027.0), "the holder has it"
        lane.now = 1028.0

    assert not await lane.lanes.take(CID, 1, "one", "a", slow, end=1027.0)
    assert lane.ran == ["one"]
    assert await lane.lanes.resume(CID, "c", lane.run, end=1055.0)
    assert lane.ran == ["one", "two"]
    assert await lane.lanes.resume(CID, "d", lane.run, end=1055.0), "nothing is left"
    assert await lane.lanes.take(CID, 3, "three", "e", lane.run, end=1055.0)
    assert lane.ran == ["one", "two", "three"]


async def test_an_early_frame_is_kept_when_time_is_over_before_the_gap_closes(dynamo: tuple[str, Client]) -> None:
    lane = Lane(dynamo)
    assert not await lane.lanes.take(CID, 2, "two", "a", lane.run, end=1000.0 + GAP_SECONDS / 2)
    assert await lane.lanes.take(CID, 1, "one", "b", lane.run, end=1027.0)
    assert lane.ran == ["one", "two"]


async def test_a_gap_ends_in_the_invocation_that_takes_over(dynamo: tuple[str, Client]) -> None:
    lane = Lane(dynamo)
    assert not await lane.lanes.take(CID, 2, "two", "a", lane.run, end=1000.0 + GAP_SECONDS / 2)
    with pytest.raises(FrameGap) as gap:
        await lane.lanes.resume(CID, "b", lane.run, end=1050.0)
    assert gap.value.seq == 1 and not lane.ran


async def test_a_lane_that_is_held_is_left_to_its_holder(dynamo: tuple[str, Client]) -> None:
    lane = Lane(dynamo)

    async def meanwhile(texts: list[str]) -> None:
        await lane.run(texts)
        assert await lane.lanes.resume(CID, "b", lane.run, end=1027.0)

    assert await lane.lanes.take(CID, 1, "one", "a", meanwhile, end=1027.0)
    assert lane.ran == ["one"]


async def test_a_holder_that_waits_for_a_frame_keeps_its_lane(
    dynamo: tuple[str, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the missing frame takes the lane from it, and each waits for the other's."""
    monkeypatch.setattr(frame_lanes, "RENEW", 0.005)
    lane = Lane(dynamo)

    async def sleep(_: float) -> None:
        lane.now += 1.0
        await asyncio.sleep(0.05)  # the renewals go by this clock
        if lane.now == 1001.0 + HOLD:
            assert await lane.lanes.take(CID, 1, "one", "b", lane.run, end=1050.0)

    lane.lanes.sleep = sleep
    assert await lane.lanes.take(CID, 2, "two", "a", lane.run, end=1050.0)
    assert lane.ran == ["one", "two"]


async def test_a_holder_that_died_is_a_gap(dynamo: tuple[str, Client]) -> None:
    """Its last frame may be parked at the agent: a later one that ran directly would go before it."""
    lane = Lane(dynamo)

    async def dies(texts: list[str]) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await lane.lanes.take(CID, 1, "one", "a", dies, end=1027.0)
    assert await lane.lanes.take(CID, 2, "two", "b", lane.run, end=1027.0), "the holder may live"
    lane.now += HOLD + 1
    with pytest.raises(FrameGap) as gap:
        await lane.lanes.take(CID, 3, "three", "c", lane.run, end=1050.0)
    assert gap.value.seq == 2 and not lane.ran
    with pytest.raises(FrameGap):
        await lane.lanes.resume(CID, "d", lane.run, end=1050.0)
