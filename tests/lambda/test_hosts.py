"""Hosts that share an agent: they take turns, lose nothing, and do nothing twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest

from roost.contract.address import Address
from roost.contract.commit import Row, Snapshot
from roost.contract.errors import TransientError
from roost.contract.quotas import Quotas
from roost.contract.result import TickResult
from roost.contract.trigger import NOTHING, Call, Caller, Connect, Disconnect, Message, Request, Trigger
from roost.engine.guest_codec import answered, pack, unpack
from roost.engine.meter import Meter
from roost_lambda import keys, rows
from roost_lambda.client import Client

from .faults import Faulty
from .hosts import Busy, Counter, Fleet, NoWire, Slow, increment

pytestmark = pytest.mark.anyio


@pytest.fixture
async def fleet(dynamo: tuple[str, Client]) -> AsyncIterator[Fleet]:
    fleet = Fleet(*dynamo)
    fleet.start()
    yield fleet
    await fleet.stop()


async def count(fleet: Fleet, address: Address) -> int:
    return int((await fleet.host().dispatch(address, increment(None, "get"))).get())


async def test_one_host(fleet: Fleet) -> None:
    host, a = fleet.host(), Address("counter", "a")
    assert [(await host.dispatch(a, increment())).get() for _ in range(3)] == [1, 2, 3]
    assert (await host.dispatch(a, increment(None, "get"))).get() == 3
    assert not host.store.memory.held and not fleet.bells.queue


async def test_a_counter_is_two_round_trips_and_a_read_one(fleet: Fleet) -> None:
    host, a = fleet.host(), Address("counter", "a")
    await host.dispatch(a, increment())
    spent = host.store.table.spent
    trips, writes = spent.trips, spent.writes
    await host.dispatch(a, increment())
    assert (spent.trips - trips, spent.writes - writes) == (2, 2.0)
    trips, writes, reads = spent.trips, spent.writes, spent.reads
    await host.dispatch(a, increment(None, "get"))
    assert (spent.trips - trips, spent.writes - writes, spent.reads - reads) == (1, 0.0, 1.0)


async def test_a_repeated_id_runs_once(fleet: Fleet) -> None:
    a = Address("counter", "a")
    assert (await fleet.host().dispatch(a, increment("k"))).get() == 1
    again = await fleet.host().dispatch(a, increment("k"))
    assert again.get() == 1 and again.replayed


async def test_who_finds_it_held_gets_the_holders_answer(fleet: Fleet) -> None:
    a = Address("slow", "a")
    Slow.gates["a"] = entered, free = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(fleet.host().dispatch(a, increment()))
    await entered.wait()
    others = [asyncio.create_task(fleet.host().dispatch(a, increment())) for _ in range(8)]
    await until(partial(parked, fleet, a, 8))
    free.set()
    results = [(await t).get() for t in (first, *others)]
    assert results[0] == 1 and sorted(results) == list(range(1, 10))
    assert not await fleet.host().store.parked(a, 0, 100)


async def test_everybody_who_repeats_a_key_over_a_connection_is_replied_to(fleet: Fleet) -> None:
    """Wherever each of them came in, and though they share one letter."""
    a = Address("slow", "a")
    Slow.gates["a"] = entered, free = asyncio.Event(), asyncio.Event()

    def call(rpc: str) -> Trigger:
        return Trigger("call", Call("increment", cid=f"of {rpc}", rpc=rpc), "k")

    calls = [asyncio.create_task(fleet.host().dispatch(a, call("first")))]
    await entered.wait()
    calls += [asyncio.create_task(fleet.host().dispatch(a, call(rpc))) for rpc in ("second", "third")]
    await until(partial(posted, fleet, a, 2))
    free.set()
    assert [(await one).get() for one in calls] == [1, 1, 1]
    replies = sorted((f.to, json.loads(f.data)["id"]) for f, _ in fleet.wire.sent)
    assert replies == [(("of first",), "first"), (("of second",), "second"), (("of third",), "third")]


async def test_a_guest_nobody_waits_for_is_taken_back(fleet: Fleet) -> None:
    """Its caller was told that it did not happen: so it must not."""
    a = Address("slow", "a")
    Slow.gates["a"] = entered, free = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(fleet.host().dispatch(a, increment()))
    await entered.wait()
    late = replace(increment(), deadline=fleet.clock.monotonic() + 0.1)
    result = await fleet.host().dispatch(a, late)
    assert result.error is not None and result.error.code == "deadline"
    free.set()
    assert (await first).get() == 1
    await fleet.settle(ahead=32)
    assert await count_slow(fleet, a) == 1


async def test_a_guest_taken_back_while_it_runs_does_not_commit(fleet: Fleet) -> None:
    a = Address("slow", "a")
    store = fleet.host().store
    letter = pack(increment(), "id", 60.0, fleet.clock.now())
    assert letter is not None
    n = (await store.park(a, letter, 10, 1.0)).n
    Slow.gates["a"] = entered, free = asyncio.Event(), asyncio.Event()
    drain = asyncio.create_task(fleet.host().drain(a, fleet.clock.monotonic() + 20))
    await entered.wait()
    assert await store.letters.withdraw(a, n)
    free.set()
    await drain
    assert await count_slow(fleet, a) == 0
    assert await store.answers.answered(a, n) is None


async def test_every_kind_of_trigger_can_be_a_guest(fleet: Fleet) -> None:
    """A busy agent still answers requests, messages, connections and calls, with values and with errors."""
    a = Address("busy", "a")
    Busy.gates["a"] = entered, free = asyncio.Event(), asyncio.Event()
    holder = asyncio.create_task(fleet.host().dispatch(a, increment(None, "wait")))
    await entered.wait()
    connect = Trigger("connect", Connect("c1", "label", 1.0, {"q": "1"}), caller=Caller("me", {"x": 1}))
    triggers = [
        connect,
        Trigger("message", Message("c1", b"\x00\xff")),
        Trigger("message", Message("c1", "text")),
        Trigger("call", Call("who", cid="c1", rpc="7"), caller=Caller("me", {"x": 1})),
        Trigger("request", Request("POST", "/x", "a=1", (("x-a", "b"),), b"\x01body")),
        Trigger("call", Call("refuse"), "key"),
        Trigger("export", NOTHING, source="admin"),
        Trigger("disconnect", Disconnect("c1"), source="admin"),
    ]
    tasks: list[asyncio.Task[TickResult]] = []
    for n, trigger in enumerate(triggers, 1):
        tasks.append(asyncio.create_task(fleet.host().dispatch(a, trigger)))
        if trigger.kind != "export":
            await until(partial(parked, fleet, a, n - (n > 7)))
    free.set()
    await holder
    results = await asyncio.gather(*tasks)
    assert [r.outcome for r in results] == [
        "value", "value", "value", "value", "value", "rejected", "value", "value"
    ]  # fmt: skip
    assert results[3].get() == {"principal": "me", "x": 1}
    assert results[4].response is not None and results[4].response[0] == 201
    assert results[4].response[2] == b"POST /x a=1 b \x01body"
    assert results[5].error is not None and results[5].error.data == {"seat": 1}
    assert (await fleet.host().dispatch(a, Trigger("call", Call("refuse"), "key"))).replayed
    seen = (await fleet.host().dispatch(a, increment(None, "seen"))).get()
    assert seen == ["connect", "b'\\x00\\xff'", "text", "request", "disconnect"]
    assert any(b'"id":"7"' in f.data for f, _ in fleet.wire.sent), "the reply of the rpc goes to its connection"


async def parked(fleet: Fleet, address: Address, n: int) -> bool:
    return len(await fleet.host().store.parked(address, 0, 100)) >= n


async def posted(fleet: Fleet, address: Address, n: int) -> bool:
    """Whether so many were parked, those that joined a letter counted."""
    row = await fleet.host().store.table.get(keys.partition(address), keys.TICKETS)
    return row is not None and rows.whole(row, "n") >= n


async def until(probe: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(3000):
        if await probe():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within 30 s")


async def test_a_connection_found_gone_is_disconnected(fleet: Fleet) -> None:
    a, wire = Address("busy", "b"), NoWire()
    host = fleet.host(wire=wire)
    for cid in ("c1", "c2"):
        await host.dispatch(a, Trigger("connect", Connect(cid, cid, 1.0)))
    wire.gone.add("c2")
    await host.dispatch(a, increment(None, "note", "x"))
    assert [r.cid for r in await peers(fleet, a)] == ["c1"]
    assert (await host.dispatch(a, increment(None, "seen"))).get() == ["connect", "connect", "x", "disconnect"]


async def peers(fleet: Fleet, address: Address) -> tuple[Row, ...]:
    found = await fleet.host().store.load(address)
    assert isinstance(found, Snapshot)
    return found.connections


async def test_frames_a_dead_host_owed_are_sent(fleet: Fleet) -> None:
    """It committed and died before it sent the state: whoever takes the agent next does."""
    a, wire = Address("busy", "c"), NoWire()
    host = fleet.host(wire=wire)
    await host.dispatch(a, Trigger("connect", Connect("c1", "l", 1.0)))
    wire.silent = True
    stuck = asyncio.create_task(host.dispatch(a, increment(None, "note", "x")))
    await until(wire.asked)
    stuck.cancel()
    fleet.clock.ahead += 32
    other = NoWire()
    assert (await fleet.host(wire=other).dispatch(a, increment(None, "seen"))).get() == ["connect", "x"]
    assert any(b"cf_agent_state" in f.data and b'"x"' in f.data for f, _ in other.sent)


async def test_64_callers(fleet: Fleet) -> None:
    a = Address("counter", "a")
    hosts = [fleet.host() for _ in range(8)]

    async def caller(i: int) -> int:
        while True:  # as a client does, with its key
            result = await hosts[i % 8].dispatch(a, increment(f"k{i}"))
            if not isinstance(result.error, TransientError):
                return int(result.get())

    assert sorted(await asyncio.gather(*map(caller, range(64)))) == list(range(1, 65))
    assert await count(fleet, a) == 64


@pytest.mark.parametrize("restless", [False, True])
async def test_a_connection_sees_each_state_once_whichever_host_made_it(
    dynamo: tuple[str, Client], restless: bool
) -> None:
    fleet = Fleet(*dynamo)
    fleet.restless = restless
    fleet.start()
    a, hosts = Address("counter", "a"), [fleet.host() for _ in range(4)]
    await hosts[0].dispatch(a, Trigger("connect", Connect("c", "c", 1.0)))
    calls = [Trigger("call", Call("increment", cid="c", rpc=str(i))) for i in range(24)]
    async with asyncio.timeout(60):
        results = await asyncio.gather(*(hosts[i % 4].dispatch(a, call) for i, call in enumerate(calls)))
        await fleet.settle()
    assert sorted(r.get() for r in results) == list(range(1, 25))
    frames = [json.loads(f.data) for f, _ in fleet.wire.sent]
    assert [f["state"]["count"] for f in frames if f["type"] == "cf_agent_state"] == list(range(1, 25))
    assert sorted(int(f["id"]) for f in frames if f["type"] == "rpc") == list(range(24))
    await fleet.stop()


async def test_a_dead_holder_is_healed_by_the_doorbell(fleet: Fleet) -> None:
    a = Address("slow", "a")
    Slow.gates["a"] = entered, _ = asyncio.Event(), asyncio.Event()
    dead = asyncio.create_task(fleet.host().dispatch(a, increment()))
    await entered.wait()
    dead.cancel()
    waits = asyncio.create_task(fleet.host().runtime.tell(a, increment().payload))
    await waits
    assert await count_slow(fleet, a) == 0
    await fleet.settle(ahead=32)
    assert await count_slow(fleet, a) == 1


async def test_a_guest_without_a_key_that_runs_again_asks_once(fleet: Fleet) -> None:
    """Its first host died after the ask and before the commit: the next one finds the answer of that ask."""
    a = Address("busy", "g")
    letter = pack(increment(None, "ask", "asked"), "0123", 90.0, fleet.clock.now())
    assert letter is not None
    store = fleet.host().store
    n = (await store.park(a, letter, 10, 1.0)).n
    Busy.gates["g"] = entered, free = asyncio.Event(), asyncio.Event()
    faulty = Faulty(fleet.calls)
    dead = asyncio.create_task(fleet.host(faulty).drain(a, fleet.clock.monotonic() + 20))
    await entered.wait()
    faulty.dead = True
    free.set()
    assert await count(fleet, Address("counter", "asked")) == 1
    fleet.clock.ahead += 32
    await fleet.host().drain(a, fleet.clock.monotonic() + 20)
    raw = await store.answers.answered(a, n)
    dead.cancel()
    assert raw is not None and answered(raw).get() == 1
    assert await count(fleet, Address("counter", "asked")) == 1


async def count_slow(fleet: Fleet, address: Address) -> int:
    return int((await fleet.host().dispatch(address, increment(None, "get"))).get())


async def test_the_relay_alone_delivers_what_a_dead_host_owed(fleet: Fleet) -> None:
    """Nobody calls the sender again: only the stream tells of its envelope."""
    a, b = Address("counter", "a"), Address("counter", "b")
    clean = Faulty(fleet.calls)
    await fleet.host(clean).dispatch(Address("counter", "x"), increment(None, "pass_on", "y"))
    commit = clean.log.index("transact_write_items") + 1
    faulty = Faulty(fleet.calls, "dead-after", commit)
    dead = asyncio.create_task(fleet.host(faulty).dispatch(a, increment(None, "pass_on", "b")))
    await faulty.reached.wait()
    await until(partial(outbox, fleet, a, 1))
    dead.cancel()
    assert await count(fleet, b) == 0
    await fleet.relay()
    await fleet.relay()
    await fleet.settle()
    assert await count(fleet, b) == 1 and await outbox(fleet, a, 0)


async def outbox(fleet: Fleet, address: Address, n: int) -> bool:
    found = await fleet.host().store.load(address)
    assert isinstance(found, Snapshot)
    return len(found.outbox) == n


async def test_tells_and_schedules_arrive(fleet: Fleet) -> None:
    a, b = Address("counter", "a"), Address("counter", "b")
    host = fleet.host()
    assert (await host.dispatch(a, increment(None, "pass_on", "b"))).get() == 1
    await fleet.settle()
    assert await count(fleet, b) == 1
    await host.dispatch(a, increment(None, "remind", 100))
    assert await count(fleet, a) == 1
    await fleet.settle(ahead=50)
    assert await count(fleet, a) == 1
    await fleet.settle(ahead=51)
    assert await count(fleet, a) == 2


@pytest.mark.parametrize("restless", [False, True])
async def test_a_letter_that_failed_has_a_doorbell_for_its_next_attempt(
    dynamo: tuple[str, Client], restless: bool
) -> None:
    """Also if the host that put it off has read the agent anew since."""
    fleet = Fleet(*dynamo)
    fleet.restless = restless
    fleet.start()
    a = Address("counter", f"stumbles-{restless}")
    await fleet.host().runtime.tell(a, Call("stumble"))
    await fleet.settle()
    assert a.key in Counter.stumbled and await count(fleet, a) == 0
    await fleet.settle(ahead=20)
    assert await count(fleet, a) == 1
    await fleet.stop()


async def test_a_guest_that_streams_gets_its_chunks(fleet: Fleet) -> None:
    a, chunks = Address("slow", "s"), list[tuple[bytes, bytes]]()
    Slow.gates["s"] = entered, free = asyncio.Event(), asyncio.Event()
    first = asyncio.create_task(fleet.host().dispatch(a, increment()))
    await entered.wait()
    asked = fleet.host().dispatch(a, increment(None, "count", 3), lambda id, raw: chunks.append((id, raw)))
    second = asyncio.create_task(asked)
    await until(partial(parked, fleet, a, 1))
    free.set()
    await first
    assert (await second).value == b"null"
    assert [raw for _, raw in chunks] == [b"0", b"1", b"2"]
    assert len({id.rsplit(b".", 1)[0] for id, _ in chunks}) == 1 and chunks[2][0].endswith(b".2")


async def test_sockets_of_clients_without_a_name_are_counted_over_all_hosts(fleet: Fleet) -> None:
    """By the agent's rows, whichever host greets; and a connect that waits for another host keeps whose it is."""
    a = Address("counter", "a")

    async def come(cid: str, client: str | None, caller: Caller | None = None) -> str:
        host = fleet.host()
        host.runtime.meter = Meter(Quotas(sockets=2), host.runtime.host.monotonic)
        found = await host.dispatch(a, Trigger("connect", Connect(cid, cid, 1.0, client=client), caller=caller))
        return found.outcome if found.error is None else found.error.code

    assert [await come(f"a{n}", "192.0.2.7") for n in range(3)] == ["value", "value", "limit-quota-sockets"]
    assert [await come(f"b{n}", "") for n in range(3)] == ["value", "value", "limit-quota-sockets"], "not known whose"
    assert await come("c", "198.51.100.9") == "value"
    assert [await come(f"d{n}", None, Caller("ann")) for n in range(3)] == ["value", "value", "limit-quota-sockets"]
    host = fleet.host()
    await host.dispatch(a, Trigger("disconnect", Disconnect("a0"), source="admin"))
    assert [await come(f"e{n}", "192.0.2.7") for n in range(2)] == ["value", "limit-quota-sockets"]
    for connect in (Connect("x", "x", 1.0, client="192.0.2.7"), Connect("y", "y", 1.0)):
        letter = pack(Trigger("connect", connect), "id", 20.0, host.runtime.host.now())
        assert letter is not None
        assert unpack(host.runtime.kind("counter"), letter, host.runtime.host).trigger.payload == connect
