"""Every way out of a load gives the agent back: nobody waits for the end of a lease that does nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from roost import Agent, action, resource
from roost.contract.address import Address
from roost.contract.commit import Lease, Snapshot
from roost.engine.guest_codec import answered, pack
from roost_lambda.client import Calls, Client, Lost, Refused
from roost_lambda.desk import HOLD

from .hosts import Counter, Fleet, Tally, increment

pytestmark = pytest.mark.anyio


class Newer(Counter):
    kind = "counter"
    state_version = 2


class Opened(Agent[Tally]):
    kind = "counter"

    @resource
    @staticmethod
    async def wire() -> AsyncIterator[int]:
        raise OSError("nobody listens")
        yield 1

    @action
    async def increment(self) -> int:
        return self.wire


async def free(fleet: Fleet, address: Address) -> bool:
    """Nobody has the agent; looking does not take it."""
    host = fleet.host()
    found = await host.store.load(address, Lease("looker", fleet.clock.now() + HOLD))
    if isinstance(found, Snapshot):
        await host.store.lease.leave(address, True, 0, True, True)
    return isinstance(found, Snapshot)


async def test_older_code_that_meets_a_newer_state_says_so_to_everybody_at_once(
    fleet: Fleet, dynamo: tuple[str, Client]
) -> None:
    a = Address("counter", "a")
    deployed = Fleet(*dynamo, [Newer])
    assert (await deployed.host().dispatch(a, increment())).get() == 1
    async with asyncio.timeout(10):
        for _ in range(3):
            one, two = fleet.host(), fleet.host()
            results = await asyncio.gather(*(h.dispatch(a, increment()) for h in (one, two, one, two)))
            assert [r.error.code for r in results if r.error is not None] == ["newer-schema"] * 4
            assert await free(fleet, a)
        assert (await deployed.host().dispatch(a, increment())).get() == 2
    await deployed.stop()


async def test_older_code_answers_who_waits_and_keeps_the_tells(fleet: Fleet, dynamo: tuple[str, Client]) -> None:
    a = Address("counter", "b")
    deployed = Fleet(*dynamo, [Newer])
    await deployed.host().dispatch(a, increment())
    host = fleet.host()
    guest = pack(increment(), "guest", 60.0, fleet.clock.now())
    assert guest is not None
    n = (await host.store.park(a, guest, 10, 1.0)).n
    await host.runtime.tell(a, increment().payload)
    await host.drain(a, fleet.clock.monotonic() + 20)
    raw = await host.store.answers.answered(a, n)
    assert raw is not None
    error = answered(raw).error
    assert error is not None and error.code == "newer-schema"
    assert len(await host.store.parked(a, 0, 10)) == 1, "the tell is kept"
    assert await free(fleet, a)
    assert any(to == a for _, _, to, _ in fleet.bells.queue), "and somebody will look at it"
    await deployed.host().drain(a, fleet.clock.monotonic() + 20)
    assert (await deployed.host().dispatch(a, increment(None, "get"))).get() == 2
    await deployed.stop()


class Down:
    """A way to the table on which one operation fails until it is mended."""

    def __init__(self, calls: Calls, operation: str, error: Exception) -> None:
        self.calls = calls
        self.operation: str | None = operation
        self.error = error

    async def __call__(self, operation: str, params: Mapping[str, Any], /) -> Mapping[str, Any]:
        if operation == self.operation == "get_item":
            raise self.error
        answer = await self.calls(operation, params)
        if operation == self.operation:  # a claim: it is made, and nobody hears so
            self.operation = None
            raise self.error
        return answer


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("get_item", Refused("ProvisionedThroughputExceededException", "injected")),
        ("get_item", Lost("injected")),
        ("update_item", Lost("injected: done, and not heard")),
    ],
)
async def test_a_store_that_fails_in_the_middle_of_a_load_leaves_nobody_waiting(
    fleet: Fleet, operation: str, error: Exception
) -> None:
    a = Address("counter", "c")
    await fleet.host().dispatch(a, increment())
    hurt = Down(fleet.calls, operation, error)
    host = fleet.host(hurt)
    hasty = itertools.count(0.0, 1000.0)  # no second try
    host.store.table._clock = hasty.__next__  # pyright: ignore[reportPrivateUsage]
    async with asyncio.timeout(10):
        result = await host.dispatch(a, increment())
        assert result.error is not None
        assert await free(fleet, a)


async def test_what_an_author_cannot_open_leaves_nobody_waiting(fleet: Fleet) -> None:
    a = Address("counter", "d")
    await fleet.host().dispatch(a, increment())
    broken = Fleet(fleet.name, fleet.calls, [Opened])
    async with asyncio.timeout(10):
        for _ in range(2):
            error = (await broken.host().dispatch(a, increment())).error
            assert error is not None and error.code == "agent-error"
            assert await free(fleet, a)
    await broken.stop()
