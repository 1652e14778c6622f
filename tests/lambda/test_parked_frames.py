"""Frames of one connection that were parked run as they were parked, whatever becomes of one of them (rule 16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic_core import from_json

from roost.contract.address import Address
from roost.contract.trigger import Call, Connect, Message, Trigger
from roost.engine.guest_codec import pack
from roost_lambda.client import Calls, Refused

from .hosts import Fleet, increment

pytestmark = pytest.mark.anyio


class Refusing:
    """Fills `Calls`: the first transaction is refused."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.left = 1

    async def __call__(self, operation: str, params: Mapping[str, Any], /) -> Mapping[str, Any]:
        if operation == "transact_write_items" and self.left:
            self.left -= 1
            raise Refused("AccessDeniedException", "injected")
        return await self.calls(operation, params)


async def park(fleet: Fleet, address: Address, cid: str, *texts: str) -> None:
    for text in texts:
        letter = pack(Trigger("message", Message(cid, text)), text, 90.0, fleet.clock.now())
        assert letter is not None
        await fleet.host().store.park(address, letter, 100, 1.0)


async def seen(fleet: Fleet, address: Address) -> list[str]:
    found: list[str] = (await fleet.host().dispatch(address, increment(None, "seen"))).get()
    return found


async def test_one_whose_commit_failed_runs_again_before_those_behind_it(fleet: Fleet) -> None:
    a, calls = Address("busy", "parked"), Refusing(fleet.calls)
    for cid in "xy":
        await fleet.host().dispatch(a, Trigger("connect", Connect(cid, cid, 1.0)))
    await park(fleet, a, "x", "x1", "x2")
    await park(fleet, a, "y", "y1")
    await park(fleet, a, "x", "x3")
    await fleet.host(calls).drain(a, fleet.clock.monotonic() + 20, 0.0)
    assert not calls.left
    found = (await seen(fleet, a))[2:]
    assert [one for one in found if one[0] == "x"] == ["x1", "x2", "x3"]
    assert sorted(found) == ["x1", "x2", "x3", "y1"]


async def test_a_stream_that_another_host_may_have_begun_is_reset_first(fleet: Fleet) -> None:
    """Over its connection the chunks of both would look like one stream."""
    a = Address("slow", "reset")
    await fleet.host().dispatch(a, increment(None))
    call = Call("count", (2,), cid="x", rpc="r")
    letter = pack(Trigger("call", call), "begun", 90.0, fleet.clock.now())
    assert letter is not None
    await fleet.host().store.park(a, letter, 100, 1.0)
    fleet.wire.sent.clear()
    await fleet.host().drain(a, fleet.clock.monotonic() + 20, 0.0)
    said = [from_json(frame.data) for frame, _ in fleet.wire.sent if frame.to == ("x",)]
    assert [one["type"] for one in said] == ["roost_stream_reset", "rpc", "rpc", "rpc"]
    assert [one.get("result") for one in said[1:3]] == [0, 1] and said[3]["done"]
