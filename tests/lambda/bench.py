"""`scripts/bench lambda`: what one tick costs in DynamoDB, counted from its answers. No time is measured here.

Round trips are calls one after the other: those under way at the same time are one. Units are DynamoDB's own
ConsumedCapacity, as the emulator tells them.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from roost import Agent, action
from roost.contract.address import Address
from roost_lambda.backend import LambdaBackend
from roost_lambda.table import Spent
from tests.bench.figure import BenchFailed, show

from .emulator import dynamo
from .hosts import Fleet, Tally, increment

TICKS = 50
CALLERS = 4
"""Callers of the contended agent, each on a host of its own."""


class Bulk(Tally):
    text: str = ""


class Work(Agent[Bulk]):
    """The ticks that are counted."""

    @action
    async def increment(self) -> int:
        self.state.count += 1
        return self.state.count

    @action(readonly=True)
    async def get(self) -> int:
        return self.state.count

    @action
    async def bulk(self, size: int) -> int:
        """A state of so many bytes, different each time."""
        self.state.count += 1
        self.state.text = f"{self.state.count:08d}" * (size // 8)
        return self.state.count

    @action
    async def much(self, to: str) -> int:
        """State, five values, an envelope, a schedule."""
        self.state.count += 1
        for i in range(5):
            self.kv.put(f"k{i}", self.state.count)
        self.tell(self.agent(Work, to).increment)
        self.schedule("later", 3600 + self.state.count, self.increment)
        return self.state.count


def main(argv: Sequence[str]) -> int:
    """One JSON object a line."""
    parser = argparse.ArgumentParser(prog="scripts/bench lambda", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the ticks")
    given = parser.parse_args(argv)
    asyncio.run(_measure(TICKS // 10 if given.quick else TICKS))
    return 0


async def _measure(ticks: int) -> None:
    async with dynamo() as (name, client):
        fleet = Fleet(name, client, kinds=(Work,))
        host = fleet.host()
        await _case("read", host, ticks, lambda n: increment(None, "get"))
        await _case("counter", host, ticks, lambda n: increment())
        await _case("counter.key", host, ticks, lambda n: increment(f"k{n}"))
        await _case("state-40k", host, ticks, lambda n: increment(None, "bulk", 40_000))
        await _case("much", host, ticks, lambda n: increment(None, "much", f"to-{n}"))
        await _cold(fleet, ticks)
        await _contended(fleet, ticks)
        await fleet.stop()


async def _case(name: str, host: LambdaBackend, ticks: int, trigger: Callable[[int], Any]) -> None:
    """One agent, one warm host, nobody else."""
    address = Address("work", name)
    await host.dispatch(address, increment())
    for n in (-2, -1):
        await host.dispatch(address, trigger(n))

    async def run() -> None:
        for n in range(ticks):
            (await host.dispatch(address, trigger(n))).get()

    await _show(name, ticks, [host.store.table.spent], run)


async def _cold(fleet: Fleet, ticks: int) -> None:
    """A counter whose every tick is on a host that knows nothing of it."""
    address = Address("work", "cold")
    await fleet.host().dispatch(address, increment())
    hosts = [fleet.host() for _ in range(ticks)]

    async def run() -> None:
        for host in hosts:
            (await host.dispatch(address, increment())).get()

    await _show("counter.cold", ticks, [h.store.table.spent for h in hosts], run)


async def _contended(fleet: Fleet, ticks: int) -> None:
    """Several hosts call one agent at the same time. Doorbells are answered by a host that is counted too."""
    address = Address("work", "contended")
    await fleet.host().dispatch(address, increment())
    hosts = [fleet.host() for _ in range(CALLERS)]
    fleet.start()

    async def caller(host: LambdaBackend) -> None:
        for _ in range(ticks):
            (await host.dispatch(address, increment())).get()

    async def run() -> None:
        await asyncio.gather(*map(caller, hosts))
        await fleet.settle()

    counted = [h.store.table.spent for h in (*hosts, fleet.answering)]
    await _show("counter.contended", ticks * CALLERS, counted, run)
    found = (await fleet.host().dispatch(address, increment(None, "get"))).get()
    if found != ticks * CALLERS + 1:
        raise BenchFailed(f"{found} increments instead of {ticks * CALLERS + 1}")


async def _show(name: str, ticks: int, spent: Sequence[Spent], run: Callable[[], Awaitable[None]]) -> None:
    before = [_figures(s) for s in spent]
    await run()
    after = [_figures(s) for s in spent]
    trips, calls, reads, writes = (
        sum(a[i] - b[i] for a, b in zip(after, before, strict=True)) / ticks for i in range(4)
    )
    show(f"lambda.{name}", trips, "round trips", calls=calls, reads=reads, writes=writes)


def _figures(spent: Spent) -> tuple[float, float, float, float]:
    return spent.trips, spent.calls, spent.reads, spent.writes
