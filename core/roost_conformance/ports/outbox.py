"""Envelopes wait until they are settled."""

from __future__ import annotations

from roost.contract.address import Address
from roost.ports import Store

from .case import port_case
from .pen import STATE, Pen, envelope


@port_case("8", "envelopes leave with the commit and wait in the order they were sent")
async def store_outbox_order(store: Store) -> None:
    pen = Pen(store, "outbox")
    ids = [[f"{v}.{i}" for i in range(12)] for v in (9, 10, 11)]
    sent = [tuple(envelope(id, pen.address) for id in group) for group in ids]
    for group in sent:
        await pen.write(state=STATE, outbox=group)
    assert (await pen.load()).outbox == tuple(x for group in sent for x in group)


@port_case("records", "every field of an envelope comes back")
async def store_outbox_fields(store: Store) -> None:
    pen = Pen(store, "outbox-fields")
    one = envelope(
        "x/\U0001f600", pen.address, to=Address("other-kind", "k\u00e9y/%"), action="note it",
        args=b"\x00\xff" * 60_000, generation=3, lane="urgent", internal=True, attempts=2, next=17.25,
    )  # fmt: skip
    await pen.write(state=STATE, outbox=(one, envelope("plain", pen.address)))
    assert (await pen.load()).outbox == (one, envelope("plain", pen.address))


@port_case("8", "settling forgets the delivered ones and sets when the agent is armed, nothing else")
async def store_settle(store: Store) -> None:
    pen = Pen(store, "settle")
    sent = tuple(envelope(f"e{i}", pen.address) for i in range(5))
    await pen.write(state=STATE, outbox=sent, next_due=90.0, armed=10.0)
    await store.settle(pen.address, ["e0", "e2", "never"], 30.5)
    found = await pen.load()
    assert found.outbox == (sent[1], sent[3], sent[4])
    assert (found.armed, found.due, found.version) == (30.5, 90.0, 1)
    await store.settle(pen.address, [], 40.0)
    assert (await pen.load()).armed == 40.0 and len((await pen.load()).outbox) == 3
    await store.settle(pen.address, [x.id for x in sent], None)
    found = await pen.load()
    assert found.outbox == () and found.armed is None
    await store.settle(pen.address, ["e1"], None)
    await pen.write(state=b"2")


@port_case("8", "settling an agent never made makes nothing")
async def store_settle_never_made(store: Store) -> None:
    pen = Pen(store, "settle-never")
    await store.settle(pen.address, ["x"], 10.0)
    assert await store.load(pen.address) == await store.load(Address("port-settle-never", "a"))
    assert not (await pen.load()).exists and (await pen.load()).armed is None


@port_case("8", "an agent's envelopes are its own")
async def store_outbox_per_agent(store: Store) -> None:
    one, two = Pen(store, "outbox-own", "a"), Pen(store, "outbox-own", "b")
    for pen in (one, two):
        await pen.write(state=STATE, outbox=(envelope("same", pen.address),))
    await store.settle(one.address, ["same"], None)
    assert (await one.load()).outbox == () and (await two.load()).outbox == (envelope("same", two.address),)
